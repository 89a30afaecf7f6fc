#include "base/environment.h"

#include <cstdlib>

namespace wan {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace wan
