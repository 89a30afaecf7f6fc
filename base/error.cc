#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <system_error>

namespace wan {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "InvalidArgument";
    case ErrorCode::kNotFound: return "NotFound";
    case ErrorCode::kAlreadyExists: return "AlreadyExists";
    case ErrorCode::kConflict: return "Conflict";
    case ErrorCode::kGone: return "Gone";
    case ErrorCode::kPermissionDenied: return "PermissionDenied";
    case ErrorCode::kFailedPrecondition: return "FailedPrecondition";
    case ErrorCode::kResourceExhausted: return "ResourceExhausted";
    case ErrorCode::kCorrupt: return "Corrupt";
    case ErrorCode::kDeadlineExceeded: return "DeadlineExceeded";
    case ErrorCode::kCancelled: return "Cancelled";
    case ErrorCode::kUnavailable: return "Unavailable";
    case ErrorCode::kInternal: return "Internal";
  }
  return "Internal";
}

Error Error::with_context(std::string_view context) const {
  return Error{code, std::string(context) + ": " + message};
}

Error invalid_argument(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }
Error not_found(std::string message) { return {ErrorCode::kNotFound, std::move(message)}; }
Error failed_precondition(std::string message) {
  return {ErrorCode::kFailedPrecondition, std::move(message)};
}
Error corrupt(std::string message) { return {ErrorCode::kCorrupt, std::move(message)}; }
Error unavailable(std::string message) { return {ErrorCode::kUnavailable, std::move(message)}; }
Error internal_error(std::string message) { return {ErrorCode::kInternal, std::move(message)}; }
Error cancelled(std::string message) { return {ErrorCode::kCancelled, std::move(message)}; }

Error from_errno(int error_number, std::string_view what) {
  ErrorCode code = ErrorCode::kInternal;
  if (error_number == ENOENT) code = ErrorCode::kNotFound;
  if (error_number == EEXIST) code = ErrorCode::kAlreadyExists;
  if (error_number == EACCES || error_number == EPERM) code = ErrorCode::kPermissionDenied;
  if (error_number == ENOSPC || error_number == EMFILE || error_number == ENOMEM)
    code = ErrorCode::kResourceExhausted;
  return {code, std::string(what) + ": " + std::system_category().message(error_number)};
}

}  // namespace wan
