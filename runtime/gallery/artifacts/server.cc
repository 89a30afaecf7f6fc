#include "runtime/gallery/artifacts/server.h"

#include "base/async/blocking.h"
#include "base/json/json.h"
#include "base/log.h"
#include "runtime/gallery/key.h"

namespace wan::gallery {

// What a request's path names: an artifact by its path or a blob by its digest.
struct ArtifactServer::Resource {
  std::string path;             // "" for a blob
  std::string digest;           // "" for an artifact
  std::string capability_path;  // what a capability must name
};

namespace {

struct Found {
  Artifact artifact;
  Descriptor file;
};

Result<Found> find_artifact(const ArtifactStore& store, const std::string& path) {
  WAN_TRY(Descriptor file, open_artifact(store, path));
  WAN_TRY(Artifact artifact, describe_artifact(store, path));
  return Found{std::move(artifact), std::move(file)};
}

Result<Found> find_blob(const ArtifactStore& store, const std::string& digest) {
  WAN_TRY(Descriptor file, open_artifact_blob(store, digest));
  WAN_TRY(const int64_t bytes, size_of(file.get()));
  return Found{Artifact{"", digest, bytes}, std::move(file)};
}

std::string content_type(std::string_view path) {
  if (path.ends_with(".mp4")) return "video/mp4";
  if (path.ends_with(".json")) return "application/json";
  if (path.ends_with(".png")) return "image/png";
  return "application/octet-stream";
}

net::Response to_response(const Error& error) {
  switch (error.code) {
    case ErrorCode::kResourceExhausted: return refusal(507, "InsufficientStorage", error.message);
    case ErrorCode::kAlreadyExists: return refusal(409, "AlreadyExists", error.message);
    case ErrorCode::kCorrupt: return refusal(422, "DigestMismatch", error.message);
    default: return net::error_response(error);
  }
}

// Checks what can be checked before any byte is taken.
std::optional<net::Response> refuse_head(const net::IncomingRequest& request, const ArtifactStore& store) {
  if (!request.content_length()) return refusal(411, "LengthRequired", "Content-Length is needed");
  if (!is_sha256_digest(request.head().headers.get("X-Content-SHA256").value_or(""))) {
    return refusal(422, "Invalid", "the header X-Content-SHA256: sha256:HEX of the body is needed");
  }
  const int64_t available = free_bytes(store);
  if (std::cmp_greater(*request.content_length(), available)) {
    return refusal(507, "InsufficientStorage",
                   "the volume has " + std::to_string(available) + " bytes free, the upload needs " +
                       std::to_string(*request.content_length()) + "; make room or use a larger claim");
  }
  return std::nullopt;
}

net::Response published(const Artifact& artifact, Publication publication) {
  const Json body = {{"path", artifact.path}, {"sha256", artifact.digest}, {"bytes", artifact.bytes}};
  net::Response response = net::json_response(publication == Publication::kCreated ? 201 : 200, body.dump());
  response.headers.set("ETag", "\"" + artifact.digest + "\"");
  return response;
}

}  // namespace

ArtifactServer::ArtifactServer(asio::any_io_executor executor, ArtifactStore store,
                               ArtifactServerSettings settings, const Clock& clock)
    : store_(std::move(store)),
      settings_(std::move(settings)),
      clock_(clock),
      http_(executor, settings_.http, [this](net::IncomingRequest& request, net::ResponseWriter& writer) {
        return handle(request, writer);
      }) {}

Status ArtifactServer::start() {
  if (auto prepared = prepare_artifacts(store_); !prepared) {
    return fail(prepared.error().with_context("the volume " + store_.folder.string()));
  }
  return http_.start();
}

Task<void> ArtifactServer::stop(std::chrono::milliseconds grace) {
  co_await http_.stop(grace);
  files_.join();
}

Task<void> ArtifactServer::handle(net::IncomingRequest& request, net::ResponseWriter& writer) {
  const std::vector<std::string>& segments = request.target().segments;
  const std::string& method = request.head().method;
  const bool is_read = method == "GET" || method == "HEAD";
  if (segments.size() == 1 && is_read && segments[0] == "healthz") {
    net::Response healthy{200, {{"Content-Type", "text/plain"}}, "ok\n"};
    co_return (void) co_await writer.respond(std::move(healthy));
  }
  if (segments.size() == 1 && is_read && segments[0] == "readyz") {
    net::Response response = co_await ready();
    co_return (void) co_await writer.respond(std::move(response));
  }
  Resource resource;
  if (segments.size() >= 3 && segments[0] == "v1" && segments[1] == "artifacts") {
    for (size_t i = 2; i < segments.size(); ++i) resource.path += (i > 2 ? "/" : "") + segments[i];
    resource.capability_path = resource.path;
  } else if (segments.size() == 3 && segments[0] == "v1" && segments[1] == "blobs") {
    resource.digest = segments[2];
    resource.capability_path = "blobs/" + resource.digest;
  } else {
    net::Response response = refusal(404, "NotFound", "no such resource; see /v1/artifacts/PATH");
    co_return (void) co_await writer.respond(std::move(response));
  }
  const bool is_removal = method == "DELETE" && !resource.path.empty();
  if (!is_read && !is_removal && method != "PUT") {
    net::Response response =
        refusal(405, "MethodNotAllowed", "GET, HEAD, PUT, and DELETE of an artifact, are answered here");
    response.headers.set("Allow", resource.path.empty() ? "GET, HEAD, PUT" : "GET, HEAD, PUT, DELETE");
    co_return (void) co_await writer.respond(std::move(response));
  }
  const char* scope = is_read ? "artifact:read" : is_removal ? "artifact:delete" : "artifact:write";
  const Need need{scope, std::nullopt, resource.capability_path};
  auto allowed = authorize(settings_.authority, request.head().headers, need, clock_.wall());
  if (!allowed) co_return (void) co_await writer.respond(std::move(allowed).error());
  if (is_read) co_return co_await get(writer, resource);
  if (is_removal) {
    net::Response response = co_await remove(request, resource);
    co_return (void) co_await writer.respond(std::move(response));
  }
  net::Response response = co_await put(request, resource);
  (void)co_await writer.respond(std::move(response));
}

Task<net::Response> ArtifactServer::ready() {
  const auto work = [this] { return check_writable(store_); };
  const Status writable = co_await run_blocking(files_, work);
  if (writable) co_return net::Response{200, {{"Content-Type", "text/plain"}}, "ok\n"};
  co_return refusal(503, "NotWritable", writable.error().message);
}

Task<Status> ArtifactServer::receive(net::IncomingRequest& request, Upload& upload) {
  std::string piece;
  const auto append = [&upload, &piece] { return upload.append(piece); };
  for (;;) {
    piece.clear();
    WAN_CO_TRY(const bool more, co_await request.read_some(piece));
    if (!piece.empty()) WAN_CO_TRY_VOID(co_await run_blocking(files_, append));
    if (!more) co_return Status{};
  }
}

Task<net::Response> ArtifactServer::put(net::IncomingRequest& request, const Resource& resource) {
  if (auto refused = refuse_head(request, store_)) co_return *std::move(refused);
  const std::string digest(*request.head().headers.get("X-Content-SHA256"));
  if (!resource.path.empty()) {
    if (auto good = check_artifact_path(resource.path); !good) co_return net::error_response(good.error());
  } else if (resource.digest != digest) {
    co_return refusal(422, "Invalid", "a blob's name must be the digest in X-Content-SHA256");
  }
  if (const auto source = request.head().headers.get("X-Copy-Source")) {
    if (*source != "blobs/" + digest || request.content_length() != 0 || resource.path.empty()) {
      co_return refusal(
          422, "Invalid",
          "X-Copy-Source must be blobs/ and the digest in X-Content-SHA256, to an artifact's path, "
          "without a body");
    }
    co_return co_await copy(resource, digest);
  }
  auto upload = Upload::begin(store_);
  if (!upload) co_return to_response(upload.error());
  const Status received = co_await receive(request, *upload);
  if (!received) co_return to_response(received.error());
  const auto store_it = [&]() -> Result<net::Response> {
    WAN_TRY(Artifact artifact, publish_blob(store_, *upload, digest));
    artifact.path = resource.path;
    if (resource.path.empty()) return published(artifact, Publication::kCreated);
    WAN_TRY(const Publication publication, publish_file(store_, digest, resource.path));
    return published(artifact, publication);
  };
  auto response = co_await run_blocking(files_, store_it);
  if (!response) {
    log::warn("put {}: {}", resource.capability_path, response.error().message);
    co_return to_response(response.error());
  }
  log::info("put {}: {} of {} bytes, {}", resource.capability_path, digest, *request.content_length(),
            response->status == 201 ? "stored" : "was there");
  co_return *std::move(response);
}

// Bytes that are here already, at another path too; what was stored may have been damaged since.
Task<net::Response> ArtifactServer::copy(const Resource& resource, std::string digest) {
  const auto publish_it = [&]() -> Result<net::Response> {
    WAN_TRY(Artifact artifact, check_blob(store_, digest));
    artifact.path = resource.path;
    WAN_TRY(const Publication publication, publish_file(store_, digest, resource.path));
    return published(artifact, publication);
  };
  auto response = co_await run_blocking(files_, publish_it);
  if (!response) {
    log::warn("copy to {}: {}", resource.capability_path, response.error().message);
    co_return to_response(response.error());
  }
  log::info("copy to {}: {}", resource.capability_path, digest);
  co_return *std::move(response);
}

Task<net::Response> ArtifactServer::remove(const net::IncomingRequest& request, const Resource& resource) {
  const std::string expected(request.head().headers.get("If-Match").value_or(""));
  const std::string digest = expected.size() > 2 ? expected.substr(1, expected.size() - 2) : "";
  if (expected != "\"" + digest + "\"" || !is_sha256_digest(digest)) {
    co_return refusal(428, "PreconditionRequired",
                      "the header If-Match: \"sha256:HEX\" of the artifact is needed");
  }
  const auto take_away = [&] { return remove_artifact(store_, digest, resource.path); };
  const auto removed = co_await run_blocking(files_, take_away);
  if (!removed && removed.error().code == ErrorCode::kFailedPrecondition) {
    co_return refusal(412, "OtherBytes", removed.error().message);
  }
  if (!removed) co_return to_response(removed.error());
  log::info("delete {}: {}", resource.capability_path,
            *removed == Removal::kRemoved ? digest : "was not there");
  co_return net::Response{*removed == Removal::kRemoved ? 204U : 404U, {}, ""};
}

Task<void> ArtifactServer::get(net::ResponseWriter& writer, const Resource& resource) {
  const auto look = [&] {
    return resource.path.empty() ? find_blob(store_, resource.digest) : find_artifact(store_, resource.path);
  };
  auto found = co_await run_blocking(files_, look);
  if (!found) {
    net::Response response = net::error_response(found.error());
    co_return (void) co_await writer.respond(std::move(response));
  }
  net::Headers headers{{"ETag", "\"" + found->artifact.digest + "\""},
                       {"X-Content-SHA256", found->artifact.digest},
                       {"Content-Type", content_type(resource.path)},
                       {"Cache-Control", "private, no-transform"}};
  // The open file itself, so that no one can put a link in its place meanwhile.
  std::filesystem::path file = "/proc/self/fd/" + std::to_string(found->file.get());
  const Status sent = co_await writer.respond_file(std::move(file), std::move(headers));
  if (!sent) log::info("get {}: {}", resource.capability_path, sent.error().message);
}

}  // namespace wan::gallery
