#pragma once
// Kubernetes Quantities ("500m", "2", "16Gi", "1e3"): kept as text, compared by value.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wan::api {

struct Quantity {
  std::string text;  // as written; "" is unset

  bool operator==(const Quantity&) const = default;
  [[nodiscard]] bool empty() const { return text.empty(); }
};

// In thousandths of one unit, rounded up (as the scheduler does); kInvalidArgument for anything that is not a
// Quantity of the range 0 to 9.2e15.
[[nodiscard]] Result<int64_t> milli_value(std::string_view text);
// In whole units, rounded up: bytes of a memory Quantity, CPUs of a CPU Quantity.
[[nodiscard]] Result<int64_t> whole_value(std::string_view text);
// Orders by value: compare("1Gi", "1024Mi") is equal.
[[nodiscard]] Result<std::strong_ordering> compare(std::string_view a, std::string_view b);

}  // namespace wan::api
