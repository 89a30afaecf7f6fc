#pragma once
// What the API server's refusals mean: a metav1.Status, or a bare HTTP status code, as one Error. Callers
// branch on the code with the predicates below, never on the text.

#include <chrono>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/json/json.h"
#include "base/net/http.h"

namespace wan::kube {

// `what` is the request in words: "get deployments.apps default/wan-tiny".
[[nodiscard]] Error response_error(const net::Response& response, std::string_view what);
// The object of an ERROR event in a watch.
[[nodiscard]] Error status_error(const Json& status, std::string_view what);

[[nodiscard]] inline bool is_not_found(const Error& e) { return e.code == ErrorCode::kNotFound; }
[[nodiscard]] inline bool is_already_exists(const Error& e) { return e.code == ErrorCode::kAlreadyExists; }
[[nodiscard]] inline bool is_conflict(const Error& e) { return e.code == ErrorCode::kConflict; }
[[nodiscard]] inline bool is_gone(const Error& e) { return e.code == ErrorCode::kGone; }
[[nodiscard]] inline bool is_forbidden(const Error& e) { return e.code == ErrorCode::kPermissionDenied; }
// The server refuses the object itself: sending it again cannot help.
[[nodiscard]] inline bool is_invalid(const Error& e) { return e.code == ErrorCode::kInvalidArgument; }
[[nodiscard]] inline bool is_unavailable(const Error& e) {
  return e.code == ErrorCode::kUnavailable || e.code == ErrorCode::kDeadlineExceeded;
}

// How long the server asks to wait before the same request is sent again: only for 429 and 5xx, and only with
// a Retry-After of whole seconds. Nothing otherwise: the caller must not repeat the request by itself.
[[nodiscard]] std::optional<std::chrono::seconds> retry_delay(const net::Response& response);

}  // namespace wan::kube
