#pragma once
// One error type for every module boundary. An Error says what failed in words a user can act on; `code` is
// what programs branch on. Nothing of ours throws across a module boundary.

#include <string>
#include <string_view>
#include <utility>

namespace wan {

enum class ErrorCode {
  kInvalidArgument,  // the caller's input is wrong; retrying the same input cannot help
  kNotFound,
  kAlreadyExists,
  kConflict,            // the resource changed underneath (HTTP 409)
  kGone,                // a version or watch that no longer exists (HTTP 410)
  kPermissionDenied,    // authenticated or not: the caller may not
  kFailedPrecondition,  // right input, wrong state
  kResourceExhausted,   // a limit of ours or of the machine
  kCorrupt,             // bytes that fail their check: digest, bounds, framing
  kDeadlineExceeded,
  kCancelled,
  kUnavailable,  // the other side cannot be reached or is overloaded; retry later
  kInternal,
};

[[nodiscard]] std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  // "pulling wan-tiny: blob sha256:ab..: digest differs": context goes in front, the code stays.
  [[nodiscard]] Error with_context(std::string_view context) const;
};

// Shorthands; each takes the finished message.
[[nodiscard]] Error invalid_argument(std::string message);
[[nodiscard]] Error not_found(std::string message);
[[nodiscard]] Error failed_precondition(std::string message);
[[nodiscard]] Error corrupt(std::string message);
[[nodiscard]] Error unavailable(std::string message);
[[nodiscard]] Error internal_error(std::string message);
[[nodiscard]] Error cancelled(std::string message);
[[nodiscard]] Error from_errno(int error_number, std::string_view what);

}  // namespace wan
