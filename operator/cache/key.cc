#include "operator/cache/key.h"

namespace wan::cache {

bool version_less(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace wan::cache
