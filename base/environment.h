#pragma once

#include <string>

namespace wan {

// A variable of this process's environment; "" where it is not set.
[[nodiscard]] std::string environment(const char* name);

}  // namespace wan
