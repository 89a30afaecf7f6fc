#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <iostream>
#include <memory>
#include <unistd.h>

#include "base/async/signals.h"
#include "base/environment.h"
#include "base/io/file.h"
#include "base/json/json.h"
#include "base/log.h"
#include "runtime/gallery/artifacts/server.h"
#include "runtime/gallery/cli/command.h"
#include "runtime/gallery/copy.h"
#include "runtime/gallery/key.h"

namespace wan::gallery {
namespace {

// A bucket that is still not to be had then is a case for whoever runs it.
constexpr std::chrono::seconds kStorePatience{15};
constexpr size_t kMaxCaBytes = 1u << 20;

struct BucketFlags {
  std::string endpoint;
  std::string bucket;
  std::string region = "us-east-1";
  std::string prefix;
  bool path_style = false;
  std::string credentials;
  std::string uploads = "/uploads";
};

struct Flags {
  std::string root = "/artifacts";
  BucketFlags s3;
  std::string termination_log;
  std::string listen;
  std::string audience;
  std::string log_format = "text";
  bool read_only = false;
  std::vector<std::string> picture_networks;
  std::string what;
  std::string output = "-";
  std::string format = "table";
};

Task<void> serve_until_signal(ArtifactServer* server, bool read_only, Status* status) {
  *status = server->start();
  if (!*status) co_return;
  log::info("artifact server listens on port {}", server->port());
  *status = co_await server->wait_until_usable(kStorePatience);
  if (*status) {
    log::info("the store {}", read_only ? "can be read" : "takes bytes");
    const auto signal = co_await wait_for_termination();
    log::info("stopping after signal {}", signal.value_or(0));
  }
  co_await server->stop(std::chrono::seconds(20));
}

// The same rule as for an artifact's path, and a '/' at its end.
Result<std::string> check_prefix(std::string prefix) {
  if (prefix.empty()) return prefix;
  if (prefix.ends_with('/')) prefix.pop_back();
  auto good = check_artifact_path(prefix);
  if (!good) return fail(good.error().with_context("--s3-prefix"));
  return prefix + "/";
}

Result<std::unique_ptr<Backend>> open_bucket(const BucketFlags& flags, bool read_only,
                                             asio::any_io_executor executor, const Clock& clock) {
  BucketSettings settings;
  settings.read_only = read_only;
  auto endpoint = net::parse_url(flags.endpoint);
  if (!endpoint) return fail(endpoint.error().with_context("--s3-endpoint " + flags.endpoint));
  if (endpoint->target != "/") {
    return fail(invalid_argument("--s3-endpoint " + flags.endpoint +
                                 ": must be http:// or https://, a host and perhaps a port, without a path"));
  }
  if (auto good = check_name(flags.bucket); !good) return fail(good.error().with_context("--s3-bucket"));
  settings.credentials = flags.credentials;
  settings.s3.endpoint = *std::move(endpoint);
  settings.s3.bucket = flags.bucket;
  settings.s3.region = flags.region;
  settings.s3.path_style = flags.path_style || !wants_bucket_in_host(settings.s3.endpoint);
  if (!flags.credentials.empty()) {
    // An authority of one's own may come with the Secret.
    settings.s3.ca_pem = read_file(settings.credentials / "ca.crt", kMaxCaBytes).value_or("");
  }
  WAN_TRY(settings.prefix, check_prefix(flags.prefix));
  WAN_TRY(ArtifactStore uploads, open_artifacts(flags.uploads));
  return bucket_backend(std::move(executor), std::move(settings), std::move(uploads), clock);
}

Result<std::unique_ptr<Backend>> open_store(const Flags& flags, asio::any_io_executor executor,
                                            const Clock& clock) {
  if (!flags.s3.endpoint.empty()) return open_bucket(flags.s3, flags.read_only, std::move(executor), clock);
  WAN_TRY(ArtifactStore volume, open_artifacts(flags.root));
  return volume_backend(std::move(volume), flags.read_only);
}

Status serve(const Flags& flags) {
  const Authority authority{environment("WAN_CAPABILITY_PUBLIC_KEY"), flags.audience};
  WAN_TRY(const ListenAddress listen, choose_listen_address(flags.listen, authority));
  if (!authority.is_open() && flags.audience.empty()) {
    return fail(invalid_argument("--audience artifacts/NAMESPACE/STORE is needed to check capabilities"));
  }
  ArtifactServerSettings settings;
  settings.authority = authority;
  settings.http.address = listen.address;
  settings.http.port = listen.port;
  for (const std::string& text : flags.picture_networks) {
    auto network = net::parse_network(text);
    if (!network) return fail(network.error().with_context("--picture-networks"));
    settings.intake.networks.push_back(*network);
  }
  const SystemClock clock;
  asio::io_context context(1);
  WAN_TRY(auto store, open_store(flags, context.get_executor(), clock));
  ArtifactServer server(context.get_executor(), std::move(store), settings, clock);
  Status status;
  TaskGroup group(context.get_executor());
  group.spawn("artifact server", serve_until_signal(&server, flags.read_only, &status));
  context.run();
  return status;
}

// Hashes on the way out, so that a damaged file is not handed over silently.
Status get(const Flags& flags) {
  WAN_TRY(const ArtifactStore store, open_artifacts(flags.root));
  const bool is_digest = is_sha256_digest(flags.what);
  WAN_TRY(const Descriptor from,
          is_digest ? open_artifact_blob(store, flags.what) : open_artifact(store, flags.what));
  Artifact expected{"", flags.what, 0};
  if (!is_digest) {
    WAN_TRY(expected, describe_artifact(store, flags.what));
  }
  Descriptor file;
  if (flags.output != "-") {
    WAN_TRY(file, open_file(flags.output, O_WRONLY | O_CREAT | O_TRUNC));
  }
  WAN_TRY(const Copied copied, copy_and_hash(from.get(), file.is_open() ? file.get() : STDOUT_FILENO));
  if (file.is_open() && file.close() != 0) return fail(from_errno(errno, "write " + flags.output));
  if (copied.digest == expected.digest) return {};
  return fail(corrupt(flags.what + ": expected " + expected.digest + ", found " + copied.digest));
}

Status list(const Flags& flags) {
  WAN_TRY(const ArtifactStore store, open_artifacts(flags.root));
  WAN_TRY(const std::vector<Artifact> artifacts, list_artifacts(store));
  if (flags.format == "json") {
    Json items = Json::array();
    for (const Artifact& artifact : artifacts) {
      items.push_back(Json{{"path", artifact.path}, {"sha256", artifact.digest}, {"bytes", artifact.bytes}});
    }
    std::cout << Json{{"items", items}}.dump(2) << std::endl;
    return {};
  }
  std::cout << fmt::format("{:<40} {:<10} SHA256\n", "PATH", "SIZE");
  for (const Artifact& artifact : artifacts) {
    std::cout << fmt::format("{:<40} {:<10} {}\n", artifact.path, format_bytes(artifact.bytes),
                             artifact.digest);
  }
  return {};
}

// A file that a VideoJob's spec.image.upload may then name.
Status put(const Flags& flags) {
  WAN_TRY(const ArtifactStore store, open_artifacts(flags.root));
  WAN_TRY(const Descriptor file, open_file(flags.what == "-" ? "/dev/stdin" : flags.what, O_RDONLY));
  WAN_TRY(Upload upload, Upload::begin(store));
  Sha256 hash;
  std::string piece(size_t{1} << 16, '\0');
  for (;;) {
    const ssize_t count = ::read(file.get(), piece.data(), piece.size());
    if (count < 0) return fail(from_errno(errno, "read " + flags.what));
    if (count == 0) break;
    const std::string_view bytes(piece.data(), static_cast<size_t>(count));
    WAN_TRY_VOID(upload.append(bytes));
    hash.update(bytes);
  }
  WAN_TRY(const Artifact blob, publish_blob(store, upload, hash.finish_digest()));
  std::cout << blob.digest << std::endl;
  return {};
}

int finish(const Status& status) { return status ? kExitOk : report(status.error()); }

int run_serve(const Flags& flags) {
  log::configure(
      {"wan-gallery", "info", flags.log_format == "json" ? log::Format::kJson : log::Format::kText});
  const Status status = serve(flags);
  if (!status) write_termination_log(flags.termination_log, status.error());
  return finish(status);
}

void add_root(CLI::App* command, const std::shared_ptr<Flags>& flags) {
  command->add_option("--root", flags->root, "the volume's mount point")->capture_default_str();
}

void add_get(CLI::App* parent, const std::shared_ptr<Flags>& flags, Run& run) {
  auto* command = parent->add_subcommand("get", "copy one artifact out, on the same volume");
  command->add_option("WHAT", flags->what, "a path, or sha256:HEX")->required();
  add_root(command, flags);
  command->add_option("-o,--output", flags->output, "a file, or - for standard output")
      ->capture_default_str();
  command->footer(
      "Example:\n  kubectl exec deploy/wan-artifacts-1a2b3c4d -- \\\n"
      "    wan-gallery artifacts get --root /artifacts red-ball.mp4 > red-ball.mp4\n\n"
      "Exit codes: 0 copied; 1 no such artifact; 2 not a valid path; 3 damaged on the volume.");
  command->callback([flags, &run] { run = [flags] { return finish(get(*flags)); }; });
}

void add_put(CLI::App* parent, const std::shared_ptr<Flags>& flags, Run& run) {
  auto* command = parent->add_subcommand("put", "copy one file in, on the same volume; prints its digest");
  command->add_option("FILE", flags->what, "a file, or - for standard input")->required();
  add_root(command, flags);
  command->footer(
      "The digest is what a VideoJob names in spec.image.upload.sha256.\n\n"
      "Example:\n  kubectl exec -i deploy/wan-artifacts-1a2b3c4d -- \\\n"
      "    wan-gallery artifacts put --root /artifacts - < first-frame.png\n\n"
      "Exit codes: 0 stored; 1 the file or the volume cannot be used.");
  command->callback([flags, &run] { run = [flags] { return finish(put(*flags)); }; });
}

void add_list(CLI::App* parent, const std::shared_ptr<Flags>& flags, Run& run) {
  auto* command = parent->add_subcommand("list", "list the volume's artifacts");
  add_root(command, flags);
  command->add_option("-o,--output", flags->format, "table or json")->check(CLI::IsMember({"table", "json"}));
  command->footer("Example:\n  wan-gallery artifacts list --root /artifacts -o json");
  command->callback([flags, &run] { run = [flags] { return finish(list(*flags)); }; });
}

void add_bucket(CLI::App* command, BucketFlags& flags) {
  auto* endpoint = command->add_option("--s3-endpoint", flags.endpoint,
                                       "keep artifacts in a bucket: http(s)://HOST[:PORT] of its server");
  const auto add = [&](const char* name, std::string& into, const char* text) {
    return command->add_option(name, into, text)->needs(endpoint);
  };
  endpoint->needs(add("--s3-bucket", flags.bucket, "its name"));
  add("--s3-region", flags.region, "its region")->capture_default_str();
  add("--s3-prefix", flags.prefix, "in front of every key, such as videos/");
  command
      ->add_flag("--s3-path-style", flags.path_style,
                 "the bucket in the path even where the provider wants it in front of the host name")
      ->needs(endpoint);
  add("--s3-credentials", flags.credentials,
      "folder with the files AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and perhaps AWS_SESSION_TOKEN and "
      "ca.crt "
      "(default: environment variables of the first three names)");
  add("--uploads", flags.uploads, "folder for bytes on their way to the bucket")->capture_default_str();
}

}  // namespace

void add_artifacts(CLI::App& app, Run& run) {
  auto flags = std::make_shared<Flags>();
  auto* command = app.add_subcommand("artifacts",
                                     "the artifact server of one volume or bucket, and look-ups on a volume");
  command->fallthrough(false);
  command->require_subcommand(0, 1);
  add_root(command, flags);
  command->add_option("--listen", flags->listen,
                      "ADDRESS:PORT (default 0.0.0.0:8080; without a key 127.0.0.1:8080)");
  command->add_option("--audience", flags->audience, "artifacts/NAMESPACE/STORE, as capabilities name it");
  add_bucket(command, flags->s3);
  command->add_flag("--read-only", flags->read_only, "write nothing: a store that others fill");
  command
      ->add_option(
          "--picture-networks", flags->picture_networks,
          "networks that pictures may be taken from by URL, beside public addresses: 10.1.0.0/16,...")
      ->delimiter(',');
  command->add_option("--termination-log", flags->termination_log,
                      "file for the error that ends the server, as Kubernetes reads it");
  command->add_option("--log-format", flags->log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  command->footer(
      "Serves PUT, GET and HEAD of /v1/artifacts/PATH and /v1/blobs/sha256:HEX. Capabilities are checked "
      "with "
      "the\npublic key in WAN_CAPABILITY_PUBLIC_KEY (base64). Without a key only a loopback address is "
      "served.\n\n"
      "Examples:\n"
      "  wan-gallery artifacts --root /artifacts --audience artifacts/default/videos\n"
      "  wan-gallery artifacts --s3-endpoint https://s3.example.com --s3-bucket videos --s3-credentials "
      "/secrets/videos\n"
      "  wan-gallery artifacts get --root /artifacts red-ball.mp4 -o red-ball.mp4\n"
      "  wan-gallery artifacts put --root /artifacts first-frame.png\n"
      "  wan-gallery artifacts list --root /artifacts\n\n"
      "Exit codes: 0 stopped by SIGTERM; 1 volume, bucket or address not usable; 2 bad flags.");
  command->callback([flags, command, &run] {
    if (command->get_subcommands().empty()) run = [flags] { return run_serve(*flags); };
  });
  add_get(command, flags, run);
  add_put(command, flags, run);
  add_list(command, flags, run);
}

}  // namespace wan::gallery
