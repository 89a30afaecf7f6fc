#include "operator/execute/write_gate.h"

#include <algorithm>

#include "base/log.h"

namespace wan::execute {

void WriteGate::note(const std::string& owner, const cache::StoreBase& store, const cache::Key& written,
                     const std::string& resource_version) {
  if (resource_version.empty() || store.has_seen(written, resource_version)) return;
  writes_[owner].push_back(Write{&store, written, resource_version, clock_.steady() + limit_});
}

std::chrono::milliseconds WriteGate::blocked(const std::string& owner) {
  const auto it = writes_.find(owner);
  if (it == writes_.end()) return std::chrono::milliseconds(0);
  const SteadyTime now = clock_.steady();
  SteadyTime until = now;
  std::erase_if(it->second, [&](const Write& write) {
    if (write.store->has_seen(write.key, write.resource_version)) return true;
    if (write.until > now) {
      until = std::max(until, write.until);
      return false;
    }
    log::warn("{}: the cache of {} has not shown {} in version {} for {} s; going on without", owner,
              write.store->name(), cache::to_string(write.key), write.resource_version,
              std::chrono::duration_cast<std::chrono::seconds>(limit_).count());
    return true;
  });
  if (it->second.empty()) writes_.erase(it);
  return std::chrono::ceil<std::chrono::milliseconds>(until - now);
}

}  // namespace wan::execute
