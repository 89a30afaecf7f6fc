#include "runtime/gallery/artifacts/intake.h"

#include <algorithm>

#include "base/async/blocking.h"
#include "base/log.h"
#include "base/text.h"

namespace wan::gallery {
namespace {

constexpr size_t kMaxFetches = 8;
constexpr int kMaxRedirects = 3;
constexpr std::chrono::minutes kForgottenAfter{5};
constexpr size_t kMaxErrorBytes = 16u << 10;
constexpr size_t kMaxMessage = 300;

const std::string& source_of(const IntakeRequest& request) {
  return request.url.empty() ? request.artifact : request.url;
}

// A refusal of the connection is the asker's business, everything else the source's.
Error of_source(Error error, const std::string& source) {
  const bool is_refusal =
      error.code == ErrorCode::kPermissionDenied || error.code == ErrorCode::kInvalidArgument;
  error.code = is_refusal ? ErrorCode::kInvalidArgument : ErrorCode::kFailedPrecondition;
  return std::move(error).with_context(without_query(source));
}

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Where a redirect leads; from https never to plain http.
Result<std::string> next_place(const net::Url& from, const net::Response& head) {
  const std::string location(head.headers.get("Location").value_or(""));
  const std::string target = location.starts_with('/') && !location.starts_with("//")
                                 ? from.scheme + "://" + net::authority(from) + location
                                 : location;
  WAN_TRY(const net::Url to, net::parse_url(target));
  if (from.scheme == "https" && to.scheme != "https") {
    return fail(invalid_argument("it redirects from https to http, which is not followed"));
  }
  return target;
}

// The other side's own words, if it is an artifact server.
Task<std::string> words_of(net::ResponseStream& stream, std::chrono::milliseconds patience) {
  std::string body;
  while (body.size() < kMaxErrorBytes) {
    const Result<bool> more = co_await stream.read_some(body, patience);
    if (!more || !*more) break;
  }
  const auto json = parse_json(body);
  co_return json ? string_or(*json, {"error", "message"}, "").substr(0, kMaxMessage) : "";
}

Error refusal_of(unsigned status, const std::string& words) {
  const std::string message = "HTTP " + std::to_string(status) + (words.empty() ? "" : ": " + words);
  const bool is_absent = status == 404 || status == 410;
  return is_absent ? not_found(message) : failed_precondition(message);
}

Error no_upload(const std::string& digest) {
  return not_found("this store has no upload " + digest +
                   ": `wan-gallery artifacts put` puts a file there and prints its digest");
}

Error too_large(int64_t limit) {
  return invalid_argument("it is larger than " + std::to_string(limit) + " bytes: make it smaller");
}

}  // namespace

Result<IntakeRequest> intake_request_from_json(const Json& body) {
  IntakeRequest request;
  request.sha256 = string_or(body, {"sha256"}, "");
  request.url = string_or(body, {"from", "url"}, "");
  request.artifact = string_or(body, {"from", "artifact"}, "");
  request.token = string_or(body, {"from", "token"}, "");
  if (!request.sha256.empty()) WAN_TRY_VOID(check_artifact_digest(request.sha256));
  if (!request.url.empty() && !request.artifact.empty()) {
    return fail(invalid_argument("from must have one of url and artifact"));
  }
  if (request.sha256.empty() && source_of(request).empty()) {
    return fail(invalid_argument("sha256, from.url or from.artifact must say which file"));
  }
  return request;
}

Intake::Intake(asio::any_io_executor executor, Backend& store, IntakeSettings settings, const Clock& clock)
    : executor_(executor), store_(store), settings_(std::move(settings)), clock_(clock), tasks_(executor) {}

Task<void> Intake::stop() {
  tasks_.cancel();
  co_await tasks_.join();
}

Task<Result<std::optional<Artifact>>> Intake::take(IntakeRequest request) {
  if (!request.sha256.empty()) {
    Name blob{"", request.sha256};
    auto found = co_await store_.find(std::move(blob));
    if (found) co_await store_.note_use(request.sha256);
    if (found) co_return std::optional(std::move(found->artifact));
    if (found.error().code != ErrorCode::kNotFound) co_return fail(found.error());
    if (source_of(request).empty()) co_return fail(no_upload(request.sha256));
  }
  WAN_CO_TRY(const std::shared_ptr<Fetch> fetch, fetch_of(request));
  const auto told = std::make_shared<Notify>(executor_);
  fetch->waiting.push_back(told);
  if (!fetch->result) WAN_CO_TRY_VOID(co_await told->wait(settings_.answer_within));
  std::erase(fetch->waiting, told);
  if (!fetch->result) co_return std::optional<Artifact>();
  fetches_.erase(source_of(request));
  if (!*fetch->result) co_return fail(fetch->result->error());
  const Artifact& artifact = **fetch->result;
  if (request.sha256.empty() || artifact.digest == request.sha256) co_return std::optional(artifact);
  co_return fail(invalid_argument(without_query(source_of(request)) + " has other bytes now (" +
                                  artifact.digest + ") than it had when the job began (" + request.sha256 +
                                  ")"));
}

// One at a time of each source, whoever asks.
Result<std::shared_ptr<Intake::Fetch>> Intake::fetch_of(const IntakeRequest& request) {
  const SteadyTime now = clock_.steady();
  std::erase_if(fetches_, [&](const auto& one) {
    return one.second->result && now - one.second->begun > kForgottenAfter;
  });
  const std::string& source = source_of(request);
  if (const auto running = fetches_.find(source); running != fetches_.end()) return running->second;
  if (fetches_.size() >= kMaxFetches) {
    return fail(
        unavailable("this server takes in " + std::to_string(kMaxFetches) + " files already: try again"));
  }
  auto fetch = std::make_shared<Fetch>();
  fetch->begun = now;
  fetches_.emplace(source, fetch);
  tasks_.spawn("take in " + without_query(source), run(fetch, request));
  return fetch;
}

Task<void> Intake::run(std::shared_ptr<Fetch> fetch, IntakeRequest request) {
  const std::string source = without_query(source_of(request));
  fetch->result = co_await this->fetch(std::move(request));
  if (*fetch->result) {
    log::info("take in {}: {}, {} bytes", source, (*fetch->result)->digest, (*fetch->result)->bytes);
  } else {
    log::warn("take in {}: {}", source, fetch->result->error().message);
  }
  for (const auto& waiting : fetch->waiting) waiting->notify();
}

Task<Result<Artifact>> Intake::fetch(IntakeRequest request) {
  const SteadyTime deadline = clock_.steady() + settings_.give_up_after;
  const std::string source = source_of(request);
  auto stream = co_await open(std::move(request), deadline);
  if (!stream && stream.error().code == ErrorCode::kNotFound) {
    co_return fail(std::move(stream).error().with_context(without_query(source)));
  }
  if (!stream) co_return fail(of_source(std::move(stream).error(), source));
  WAN_CO_TRY(Upload upload, Upload::begin(store_.incoming()));
  WAN_CO_TRY(const std::string digest, co_await receive(**stream, source, upload, deadline));
  WAN_CO_TRY(Stored stored, co_await store_.publish(upload, digest, ""));
  co_return std::move(stored.artifact);
}

Task<Result<std::unique_ptr<net::ResponseStream>>> Intake::open(IntakeRequest request, SteadyTime deadline) {
  net::TlsClientSettings tls;
  tls.ca_pem = settings_.ca_pem;
  net::ClientSettings limits;
  // What another artifact server has is asked for by its own kind, with a capability.
  if (request.artifact.empty()) {
    limits.allows_address = [networks = settings_.networks](const asio::ip::address& address) {
      return net::is_allowed(address, networks);
    };
  }
  std::string place = source_of(request);
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    WAN_CO_TRY(net::Url url, net::parse_url(place));
    net::Request get;
    get.target = url.target;
    get.headers.set("Accept", "image/*, */*;q=0.1");
    if (!request.token.empty()) get.headers.set("Authorization", "Bearer " + request.token);
    net::Client client(executor_, url, tls, limits);
    WAN_CO_TRY(auto stream, co_await client.open(std::move(get), left(deadline)));
    const unsigned status = stream->head().status;
    if (status == 200) co_return stream;
    if (!is_redirect(status) || !request.artifact.empty()) {
      const std::string words = request.artifact.empty() ? "" : co_await words_of(*stream, left(deadline));
      co_return fail(refusal_of(status, words));
    }
    WAN_CO_TRY(place, next_place(url, stream->head()));
  }
  co_return fail(failed_precondition("it redirects more than " + std::to_string(kMaxRedirects) + " times"));
}

// The digest. Errors of the source's are of_source(), others the store's.
Task<Result<std::string>> Intake::receive(net::ResponseStream& from, const std::string& source,
                                          Upload& upload, SteadyTime deadline) {
  Sha256 hash;
  std::string piece;
  const auto append = [&] { return upload.append(piece); };
  for (;;) {
    piece.clear();
    const Result<bool> more = co_await from.read_some(piece, left(deadline));
    if (!more) co_return fail(of_source(more.error(), source));
    if (!*more) break;
    if (upload.bytes() + static_cast<int64_t>(piece.size()) > settings_.max_bytes) {
      co_return fail(of_source(too_large(settings_.max_bytes), source));
    }
    hash.update(piece);
    WAN_CO_TRY_VOID(co_await run_blocking(store_.files(), append));
  }
  if (upload.bytes() == 0) co_return fail(of_source(failed_precondition("it is empty"), source));
  co_return hash.finish_digest();
}

std::chrono::milliseconds Intake::left(SteadyTime deadline) const {
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock_.steady());
  return std::max(rest, std::chrono::milliseconds(1));
}

}  // namespace wan::gallery
