#pragma once
// Result<T>: the value or the Error. WAN_TRY / WAN_CO_TRY unwrap or hand the error on; WAN_CHECK is for
// broken invariants (a defect of ours) and aborts.

#include <expected>
#include <utility>

#include "base/error.h"

namespace wan {

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace wan

#define WAN_CONCAT_INNER(a, b) a##b
#define WAN_CONCAT(a, b) WAN_CONCAT_INNER(a, b)

// WAN_TRY(auto x, expression): one per line, because the temporary's name is the line's.
#define WAN_TRY_IMPL(temporary, declaration, expression, return_word)                        \
  auto temporary = (expression);                                                             \
  if (!temporary) return_word ::std::unexpected<::wan::Error>(std::move(temporary).error()); \
  declaration = *std::move(temporary)
#define WAN_TRY(declaration, expression) \
  WAN_TRY_IMPL(WAN_CONCAT(wan_try_, __LINE__), declaration, expression, return)
#define WAN_CO_TRY(declaration, expression) \
  WAN_TRY_IMPL(WAN_CONCAT(wan_try_, __LINE__), declaration, expression, co_return)

// The same for a Status.
#define WAN_TRY_VOID_IMPL(temporary, expression, return_word) \
  if (auto temporary = (expression); !temporary)              \
  return_word ::std::unexpected<::wan::Error>(std::move(temporary).error())
#define WAN_TRY_VOID(expression) WAN_TRY_VOID_IMPL(WAN_CONCAT(wan_try_, __LINE__), expression, return)
#define WAN_CO_TRY_VOID(expression) WAN_TRY_VOID_IMPL(WAN_CONCAT(wan_try_, __LINE__), expression, co_return)

#define WAN_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::wan::check_failed(#condition, __FILE__, __LINE__))
