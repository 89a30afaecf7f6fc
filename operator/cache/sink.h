#pragma once
// What a watcher tells whoever keeps the objects.

#include <string>
#include <variant>
#include <vector>

#include "base/json/json.h"

namespace wan::cache {

struct InitBegan {};  // a new list starts; what follows is collected aside
struct InitItem {
  Json object;
};  // one object of the list
struct InitRemoved {
  Json object;
};  // it went while the list was still being told
struct InitDone {
  std::string resource_version;
};  // the collected objects replace the old ones, at once
struct Applied {
  Json object;
};  // added or changed
struct Deleted {
  Json object;
};  // its last state
struct Advanced {
  std::string resource_version;
};  // a bookmark: nothing older is still to come

using Event = std::variant<InitBegan, InitItem, InitRemoved, InitDone, Applied, Deleted, Advanced>;

class Sink {
 public:
  virtual ~Sink() = default;
  virtual void handle(Event event) = 0;
};

}  // namespace wan::cache
