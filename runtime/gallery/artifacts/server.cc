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

constexpr std::chrono::milliseconds kLookAgain{1'000};

net::Response to_response(const Error& error) {
  switch (error.code) {
    case ErrorCode::kResourceExhausted: return refusal(507, "InsufficientStorage", error.message);
    case ErrorCode::kAlreadyExists: return refusal(409, "AlreadyExists", error.message);
    case ErrorCode::kCorrupt: return refusal(422, "DigestMismatch", error.message);
    default: return net::error_response(error);
  }
}

net::Response not_allowed(bool read_only, bool is_blob) {
  const char* allowed = is_blob ? "GET, HEAD, PUT" : "GET, HEAD, PUT, DELETE";
  if (read_only) allowed = "GET, HEAD";
  net::Response response = refusal(405, "MethodNotAllowed", std::string(allowed) + " are answered here");
  response.headers.set("Allow", allowed);
  return response;
}

// 422: the asker's business; 502: that of whoever has the file.
net::Response not_taken_in(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound: return refusal(404, "NotFound", error.message);
    case ErrorCode::kInvalidArgument: return refusal(422, "Refused", error.message);
    case ErrorCode::kFailedPrecondition: return refusal(502, "SourceUnavailable", error.message);
    default: return to_response(error);
  }
}

net::Response published(const Stored& stored) {
  const Artifact& artifact = stored.artifact;
  const Json body = {{"path", artifact.path}, {"sha256", artifact.digest}, {"bytes", artifact.bytes}};
  net::Response response =
      net::json_response(stored.publication == Publication::kCreated ? 201 : 200, body.dump());
  response.headers.set("ETag", "\"" + artifact.digest + "\"");
  return response;
}

}  // namespace

ArtifactServer::ArtifactServer(asio::any_io_executor executor, std::unique_ptr<Backend> store,
                               ArtifactServerSettings settings, const Clock& clock)
    : store_(std::move(store)),
      settings_(std::move(settings)),
      clock_(clock),
      intake_(executor, *store_, settings_.intake, clock),
      http_(executor, settings_.http, [this](net::IncomingRequest& request, net::ResponseWriter& writer) {
        return handle(request, writer);
      }) {}

Status ArtifactServer::start() {
  WAN_TRY_VOID(store_->prepare());
  return http_.start();
}

Task<Status> ArtifactServer::wait_until_usable(std::chrono::milliseconds patience) {
  const SteadyTime end = clock_.steady() + patience;
  for (;;) {
    Status usable = co_await store_->check();
    const bool may_come = !usable && usable.error().code == ErrorCode::kUnavailable;
    if (!may_come || clock_.steady() >= end) co_return usable;
    WAN_CO_TRY_VOID(co_await sleep_for(kLookAgain));
  }
}

// Checks what can be checked before any byte is taken.
std::optional<net::Response> ArtifactServer::refuse_head(const net::IncomingRequest& request) const {
  if (!request.content_length()) return refusal(411, "LengthRequired", "Content-Length is needed");
  if (!is_sha256_digest(request.head().headers.get("X-Content-SHA256").value_or(""))) {
    return refusal(422, "Invalid", "the header X-Content-SHA256: sha256:HEX of the body is needed");
  }
  const int64_t available = free_bytes(store_->incoming());
  if (std::cmp_greater(*request.content_length(), available)) {
    return refusal(507, "InsufficientStorage",
                   std::string(store_->incoming_name()) + " has " + std::to_string(available) +
                       " bytes free, the upload needs " + std::to_string(*request.content_length()) +
                       "; make room or use a larger one");
  }
  return std::nullopt;
}

Task<void> ArtifactServer::stop(std::chrono::milliseconds grace) {
  co_await http_.stop(grace);
  co_await intake_.stop();
  store_->files().join();
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
  if (method == "POST" && segments.size() == 2 && segments[0] == "v1" && segments[1] == "blobs") {
    co_return co_await take_in(request, writer);
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
  if (!is_read && (store_->is_read_only() || (!is_removal && method != "PUT"))) {
    net::Response response = not_allowed(store_->is_read_only(), resource.path.empty());
    co_return (void) co_await writer.respond(std::move(response));
  }
  const char* scope = is_read ? "artifact:read" : is_removal ? "artifact:delete" : "artifact:write";
  const Need need{scope, std::nullopt, resource.capability_path};
  auto allowed = authorize(settings_.authority, request.head().headers, need, clock_.wall());
  if (!allowed) co_return (void) co_await writer.respond(std::move(allowed).error());
  if (is_read) co_return co_await get(request, writer, resource);
  if (is_removal) {
    net::Response response = co_await remove(request, resource);
    co_return (void) co_await writer.respond(std::move(response));
  }
  net::Response response = co_await put(request, resource);
  (void)co_await writer.respond(std::move(response));
}

Task<net::Response> ArtifactServer::ready() {
  const Status usable = co_await store_->check();
  if (usable) co_return net::Response{200, {{"Content-Type", "text/plain"}}, "ok\n"};
  log::warn("not ready: {}", usable.error().message);
  co_return refusal(503, store_->is_read_only() ? "NotReadable" : "NotWritable", usable.error().message);
}

Task<void> ArtifactServer::take_in(net::IncomingRequest& request, net::ResponseWriter& writer) {
  const Need need{"artifact:write", std::nullopt, "blobs"};
  auto allowed = authorize(settings_.authority, request.head().headers, need, clock_.wall());
  if (!allowed) co_return (void) co_await writer.respond(std::move(allowed).error());
  if (store_->is_read_only()) {
    net::Response response = not_allowed(true, true);
    co_return (void) co_await writer.respond(std::move(response));
  }
  net::Response response = co_await take_in(request);
  (void)co_await writer.respond(std::move(response));
}

Task<net::Response> ArtifactServer::take_in(net::IncomingRequest& request) {
  const Result<std::string> body = co_await request.read_body();
  if (!body) co_return net::error_response(body.error());
  const Result<Json> json = parse_json(*body);
  if (!json) co_return refusal(422, "Invalid", json.error().message);
  Result<IntakeRequest> wanted = intake_request_from_json(*json);
  if (!wanted) co_return refusal(422, "Invalid", wanted.error().message);
  const auto taken = co_await intake_.take(*std::move(wanted));
  if (!taken) co_return not_taken_in(taken.error());
  if (!*taken) co_return net::json_response(202, "{}");
  const Json answer = {{"sha256", (*taken)->digest}, {"bytes", (*taken)->bytes}};
  co_return net::json_response(200, answer.dump());
}

Task<Status> ArtifactServer::receive(net::IncomingRequest& request, Upload& upload) {
  std::string piece;
  const auto append = [&upload, &piece] { return upload.append(piece); };
  for (;;) {
    piece.clear();
    WAN_CO_TRY(const bool more, co_await request.read_some(piece));
    if (!piece.empty()) WAN_CO_TRY_VOID(co_await run_blocking(store_->files(), append));
    if (!more) co_return Status{};
  }
}

Task<net::Response> ArtifactServer::put(net::IncomingRequest& request, const Resource& resource) {
  if (auto refused = refuse_head(request)) co_return *std::move(refused);
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
  auto upload = Upload::begin(store_->incoming());
  if (!upload) co_return to_response(upload.error());
  const Status received = co_await receive(request, *upload);
  if (!received) co_return to_response(received.error());
  const auto stored = co_await store_->publish(*upload, digest, resource.path);
  if (!stored) {
    log::warn("put {}: {}", resource.capability_path, stored.error().message);
    co_return to_response(stored.error());
  }
  log::info("put {}: {} of {} bytes, {}", resource.capability_path, digest, *request.content_length(),
            stored->publication == Publication::kCreated ? "stored" : "was there");
  co_return published(*stored);
}

// Bytes that are here already, at another path too; what was stored may have been damaged since.
Task<net::Response> ArtifactServer::copy(const Resource& resource, std::string digest) {
  const auto stored = co_await store_->copy(digest, resource.path);
  if (!stored) {
    log::warn("copy to {}: {}", resource.capability_path, stored.error().message);
    co_return to_response(stored.error());
  }
  log::info("copy to {}: {}", resource.capability_path, digest);
  co_return published(*stored);
}

Task<net::Response> ArtifactServer::remove(const net::IncomingRequest& request, const Resource& resource) {
  const std::string expected(request.head().headers.get("If-Match").value_or(""));
  const std::string digest = expected.size() > 2 ? expected.substr(1, expected.size() - 2) : "";
  if (expected != "\"" + digest + "\"" || !is_sha256_digest(digest)) {
    co_return refusal(428, "PreconditionRequired",
                      "the header If-Match: \"sha256:HEX\" of the artifact is needed");
  }
  const auto removed = co_await store_->remove(digest, resource.path);
  if (!removed && removed.error().code == ErrorCode::kFailedPrecondition) {
    co_return refusal(412, "OtherBytes", removed.error().message);
  }
  if (!removed) co_return to_response(removed.error());
  log::info("delete {}: {}", resource.capability_path,
            *removed == Removal::kRemoved ? digest : "was not there");
  co_return net::Response{*removed == Removal::kRemoved ? 204U : 404U, {}, ""};
}

Task<void> ArtifactServer::get(const net::IncomingRequest& request, net::ResponseWriter& writer,
                               const Resource& resource) {
  Name name{resource.path, resource.digest};
  auto found = co_await store_->find(std::move(name));
  if (!found) {
    net::Response response = net::error_response(found.error());
    co_return (void) co_await writer.respond(std::move(response));
  }
  net::Headers headers{{"Content-Type", artifact_content_type(resource.path)},
                       {"Cache-Control", "private, no-transform"}};
  if (!found->artifact.digest.empty()) {
    headers.set("ETag", "\"" + found->artifact.digest + "\"");
    headers.set("X-Content-SHA256", found->artifact.digest);
  }
  const Status sent = co_await store_->send(*std::move(found), request, writer, std::move(headers));
  if (!sent) log::info("get {}: {}", resource.capability_path, sent.error().message);
}

}  // namespace wan::gallery
