#include "runtime/service/publisher.h"

#include <algorithm>
#include <optional>

#include "base/net/client.h"

namespace wan::service {
namespace {

using namespace std::chrono_literals;
using Outcome = std::expected<void, jobs::JobError>;

constexpr auto kGiveUpAfter = 5min;

// What an answer of the artifact server means; nothing: worth another try.
std::optional<Outcome> judge(const Result<net::Response>& response, const std::string& url) {
  if (!response) return std::nullopt;
  if (response->status == 200 || response->status == 201) return Outcome{};
  if (response->status == 409) {
    return std::unexpected(jobs::JobError{
        "OutputExists",
        url + " holds another video already; choose another spec.output path or remove that file", false});
  }
  if (response->status == 400 || response->status == 422) {
    return std::unexpected(
        jobs::JobError{"UploadRefused", "the artifact server refused the upload: " + response->body, false});
  }
  return std::nullopt;
}

std::string describe(const Result<net::Response>& response) {
  if (!response) return response.error().message;
  return "HTTP " + std::to_string(response->status) + " " + response->body.substr(0, 300);
}

}  // namespace

Task<Outcome> publish(Upload upload, TokenSource token) {
  const auto url = net::parse_url(upload.url);
  if (!url)
    co_return std::unexpected(jobs::JobError{"UploadRefused", "artifact.url: " + url.error().message, false});
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  net::Client client(executor, *url);
  const auto give_up = std::chrono::steady_clock::now() + kGiveUpAfter;
  std::chrono::milliseconds pause = 200ms;
  std::string last = "not tried";
  while (std::chrono::steady_clock::now() < give_up) {
    const std::optional<std::string> capability = token();
    if (!capability) break;
    net::Request request;
    request.method = "PUT";
    request.target = url->target;
    request.headers.set("Authorization", "Bearer " + *capability);
    request.headers.set("Content-Type", "video/mp4");
    request.headers.set("X-Content-SHA256", upload.sha256);
    const Result<net::Response> response = co_await client.send_file(std::move(request), upload.file, 30s);
    if (auto outcome = judge(response, upload.url)) co_return *std::move(outcome);
    last = describe(response);
    const Status slept = co_await sleep_for(pause);
    if (!slept) break;
    pause = std::min<std::chrono::milliseconds>(pause * 2, 10s);
  }
  co_return std::unexpected(
      jobs::JobError{"UploadFailed", "the artifact server did not take the video: " + last, true});
}

}  // namespace wan::service
