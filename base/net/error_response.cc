#include "base/json/json.h"
#include "base/net/server.h"

namespace wan::net {
namespace {

unsigned status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return 400;
    case ErrorCode::kPermissionDenied: return 403;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
    case ErrorCode::kFailedPrecondition: return 409;
    case ErrorCode::kGone: return 410;
    case ErrorCode::kResourceExhausted: return 413;
    case ErrorCode::kCorrupt: return 422;
    case ErrorCode::kCancelled:
    case ErrorCode::kUnavailable: return 503;
    case ErrorCode::kDeadlineExceeded: return 504;
    case ErrorCode::kInternal: return 500;
  }
  return 500;
}

}  // namespace

Response json_response(unsigned status, std::string json) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(json)};
}

Response error_response(const Error& error) {
  const Json body = {{"error", {{"reason", to_string(error.code)}, {"message", error.message}}}};
  return json_response(status_of(error.code), to_text(body));
}

}  // namespace wan::net
