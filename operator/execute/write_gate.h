#pragma once
// A reconcile must not look at a state older than what it wrote itself: that is how things get made twice.
// The gate remembers the version of every own write until the cache shows it.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "operator/cache/store.h"

namespace wan::execute {

class WriteGate {
 public:
  explicit WriteGate(const Clock& clock, std::chrono::milliseconds limit = std::chrono::seconds(10))
      : clock_(clock), limit_(limit) {}

  // The reconcile of `owner` (any unique text) wrote `written` in that version.
  void note(const std::string& owner, const cache::StoreBase& store, const cache::Key& written,
            const std::string& resource_version);
  // How long the reconcile of `owner` must wait at most; zero: all own writes have been seen, or their time
  // is up (then the live state decides, by conflicts). The event that brings the write wakes the owner
  // anyway.
  [[nodiscard]] std::chrono::milliseconds blocked(const std::string& owner);

 private:
  struct Write {
    const cache::StoreBase* store;
    cache::Key key;
    std::string resource_version;
    SteadyTime until;
  };
  const Clock& clock_;
  std::chrono::milliseconds limit_;
  std::map<std::string, std::vector<Write>> writes_;
};

}  // namespace wan::execute
