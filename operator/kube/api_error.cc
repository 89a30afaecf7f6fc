#include "operator/kube/api_error.h"

#include <charconv>

namespace wan::kube {
namespace {

ErrorCode code_of(int64_t status, std::string_view reason) {
  switch (status) {
    case 401:
    case 403: return ErrorCode::kPermissionDenied;
    case 404: return ErrorCode::kNotFound;
    case 409: return reason == "AlreadyExists" ? ErrorCode::kAlreadyExists : ErrorCode::kConflict;
    case 410: return ErrorCode::kGone;
    case 413: return ErrorCode::kResourceExhausted;
    case 429:
    case 502:
    case 503:
    case 504: return ErrorCode::kUnavailable;
    default: break;
  }
  return status >= 400 && status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kInternal;
}

std::string first_bytes(std::string_view text) {
  constexpr size_t kMost = 200;
  return text.size() <= kMost ? std::string(text) : std::string(text.substr(0, kMost)) + "...";
}

}  // namespace

Error status_error(const Json& status, std::string_view what) {
  const int64_t code = int_or(status, {"code"}, 500);
  const std::string reason = string_or(status, {"reason"}, "");
  std::string message = std::string(what) + ": " + std::to_string(code);
  if (!reason.empty()) message += " " + reason;
  const std::string text = string_or(status, {"message"}, "");
  if (!text.empty()) message += ": " + text;
  return Error{code_of(code, reason), std::move(message)};
}

Error response_error(const net::Response& response, std::string_view what) {
  auto body = parse_json(response.body);
  if (body && string_or(*body, {"kind"}, "") == "Status") {
    Json status = *std::move(body);
    status["code"] = response.status;
    return status_error(status, what);
  }
  std::string message = std::string(what) + ": " + std::to_string(response.status);
  if (!response.body.empty()) message += ": " + first_bytes(response.body);
  return Error{code_of(response.status, ""), std::move(message)};
}

std::optional<std::chrono::seconds> retry_delay(const net::Response& response) {
  if (response.status != 429 && response.status < 500) return std::nullopt;
  const auto header = response.headers.get("Retry-After");
  if (!header) return std::nullopt;
  int seconds = -1;
  const auto [end, error] = std::from_chars(header->data(), header->data() + header->size(), seconds);
  if (error != std::errc{} || end != header->data() + header->size() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace wan::kube
