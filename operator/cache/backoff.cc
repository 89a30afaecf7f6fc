#include "operator/cache/backoff.h"

#include <algorithm>

namespace wan::cache {

std::chrono::milliseconds Backoff::next(SteadyTime now, double random) {
  if (last_ && now - *last_ > settings_.reset_after) current_ = {};
  last_ = now;
  current_ = current_.count() == 0 ? settings_.first : std::min(current_ * 2, settings_.cap);
  const auto stretched = static_cast<double>(current_.count()) * (1.0 + random);
  return std::min(std::chrono::milliseconds(static_cast<int64_t>(stretched)), settings_.cap);
}

}  // namespace wan::cache
