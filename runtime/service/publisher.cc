#include "runtime/service/publisher.h"

#include <algorithm>

#include "base/net/client.h"

namespace wan::service {
namespace {

using namespace std::chrono_literals;
using Outcome = std::expected<void, jobs::JobError>;

constexpr auto kFirstPause = 200ms;
constexpr auto kLastPause = 10'000ms;
// The server answers when a bucket has the whole video: on a slow line that is later than the last byte sent.
constexpr auto kIdleTimeout = 120s;

// The server's own words, or the start of whatever else answered.
std::string words_of(const net::Response& response) {
  const auto json = parse_json(response.body);
  const std::string message = json ? string_or(*json, {"error", "message"}, "") : "";
  return message.empty() ? response.body.substr(0, 300) : message;
}

bool is_about_our_file(ErrorCode code) {
  return code == ErrorCode::kNotFound || code == ErrorCode::kInvalidArgument;
}

// What an answer of the artifact server means; nothing: worth another try.
std::optional<Outcome> judge(const Result<net::Response>& response, const std::string& url) {
  if (!response && is_about_our_file(response.error().code)) {
    return std::unexpected(jobs::JobError{"UploadFailed", response.error().message, true});
  }
  if (!response) return std::nullopt;
  const auto refused = [&](std::string reason, bool retryable) {
    return std::unexpected(jobs::JobError{std::move(reason), url + ": " + words_of(*response), retryable});
  };
  switch (response->status) {
    case 200:
    case 201: return Outcome{};
    case 409: return refused("OutputExists", false);
    case 422: return refused("UploadRefused", true);  // the bytes on the way or on our disk were damaged
    case 400:
    case 404:
    case 405:
    case 411: return refused("UploadRefused", false);
    default: return std::nullopt;
  }
}

std::string describe(const Result<net::Response>& response) {
  if (!response) return response.error().message;
  return "HTTP " + std::to_string(response->status) + ": " + words_of(*response);
}

net::Request upload_request(const net::Url& url, const Upload& upload, const std::string& token) {
  net::Request request;
  request.method = "PUT";
  request.target = url.target;
  if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
  request.headers.set("Content-Type", "video/mp4");
  request.headers.set("X-Content-SHA256", upload.sha256);
  return request;
}

}  // namespace

Task<Outcome> publish(Upload upload, TokenSource token, std::chrono::milliseconds give_up_after) {
  const auto url = net::parse_url(upload.url);
  if (!url)
    co_return std::unexpected(jobs::JobError{"UploadRefused", "artifact.url: " + url.error().message, false});
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  net::Client client(executor, *url);
  const auto give_up = std::chrono::steady_clock::now() + give_up_after;
  std::chrono::milliseconds pause = kFirstPause;
  std::string last = "not tried";
  while (std::chrono::steady_clock::now() < give_up) {
    const std::optional<std::string> capability = token();
    if (!capability) break;
    net::Request request = upload_request(*url, upload, *capability);
    const Result<net::Response> response =
        co_await client.send_file(std::move(request), upload.file, kIdleTimeout);
    if (auto outcome = judge(response, upload.url)) co_return *std::move(outcome);
    last = describe(response);
    const Status slept = co_await sleep_for(pause);
    if (!slept) break;
    pause = std::min<std::chrono::milliseconds>(pause * 2, kLastPause);
  }
  co_return std::unexpected(
      jobs::JobError{"UploadFailed", "the artifact server did not take the video: " + last, true});
}

}  // namespace wan::service
