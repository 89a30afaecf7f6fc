#pragma once
// The API server as a value: objects with versions, server-side apply with ownership of fields,
// preconditions, finalizers, garbage collection, and the history that watches are served from. No time passes
// in here but that of garbage collection.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "operator/cache/key.h"
#include "operator/kube/api.h"
#include "tests/unit/operator/simulation/world.h"

namespace wan::simulation {

using Object = std::shared_ptr<const Json>;

// One write that was carried out.
struct Write {
  std::string actor;  // "user", "cluster", or the identity of an operator
  std::string verb;   // create update apply apply/status patch delete gc
  kube::Resource resource;
  cache::Key key;
  Object before;  // null: it was made
  Object after;   // null: it is gone
  int64_t version = 0;
  bool by_uid = true;  // of a delete: it named the UID that it meant
};

class ApiServer {
 public:
  explicit ApiServer(World& world) : world_(world) {}

  [[nodiscard]] Object find(const kube::Resource& resource, const cache::Key& key) const;
  [[nodiscard]] std::vector<Object> all(const kube::Resource& resource) const;
  [[nodiscard]] bool exists(const std::string& uid) const { return uids_.contains(uid); }
  [[nodiscard]] int64_t version() const { return version_; }

  [[nodiscard]] Result<Json> get(const kube::Resource& resource, const cache::Key& key) const;
  [[nodiscard]] kube::ListPage list(const kube::Resource& resource, const kube::ListOptions& options) const;
  [[nodiscard]] Result<Json> create(const std::string& actor, const kube::Resource& resource, Json object);
  [[nodiscard]] Result<Json> update(const std::string& actor, const kube::Resource& resource, Json object);
  [[nodiscard]] Result<Json> apply(const std::string& actor, const kube::Resource& resource, Json intent,
                                   const std::string& manager, const std::string& subresource);
  [[nodiscard]] Result<Json> patch(const std::string& actor, const kube::Resource& resource,
                                   const cache::Key& key, const Json& patch);
  // `uid` empty: whatever has that name.
  [[nodiscard]] Status remove(const std::string& actor, const kube::Resource& resource, const cache::Key& key,
                              const std::string& uid);
  // As the cluster's own controllers write: no checks.
  void change(const kube::Resource& resource, const cache::Key& key, const std::function<void(Json&)>& edit);
  void finish_pod(const cache::Key& key);  // the kubelet is done with it

  // What happened to a resource since a version; kGone if that is too old.
  [[nodiscard]] Result<std::vector<Write>> since(const kube::Resource& resource, int64_t version) const;
  void compact() { compacted_ = version_; }
  // Called after each write.
  void listen(std::function<void(const Write&)> listener) { listeners_.push_back(std::move(listener)); }
  // Called before each delete that is granted.
  void listen_to_removals(std::function<void(const Write&)> listener) {
    removal_listeners_.push_back(std::move(listener));
  }

 private:
  struct Stored {
    Object object;
    std::map<std::string, Json> intents;  // by manager and subresource: what it applied last
  };
  using Collection = std::map<cache::Key, Stored>;
  struct ByName {
    bool operator()(const kube::Resource& a, const kube::Resource& b) const {
      return std::tie(a.plural, a.group) < std::tie(b.plural, b.group);
    }
  };

  [[nodiscard]] Stored* stored(const kube::Resource& resource, const cache::Key& key);
  [[nodiscard]] Json made(const kube::Resource& resource, Json object);
  Object commit(const std::string& actor, const std::string& verb, const kube::Resource& resource,
                const cache::Key& key, Json next);
  void erase(const std::string& actor, const std::string& verb, const kube::Resource& resource,
             const cache::Key& key);
  void record(Write write);
  void collect_garbage();
  void collect_later();

  World& world_;
  std::map<kube::Resource, Collection, ByName> collections_;
  std::map<kube::Resource, std::deque<Write>, ByName> history_;
  std::set<std::string> uids_;
  std::vector<std::function<void(const Write&)>> listeners_;
  std::vector<std::function<void(const Write&)>> removal_listeners_;
  int64_t version_ = 1000;
  int64_t compacted_ = 0;
  int64_t last_uid_ = 0;
  bool collecting_ = false;
};

// Whatever came of it: the one who asked does not look.
template <class T>
void let_be(const T&) {}

[[nodiscard]] cache::Key key_of(const Json& object);
[[nodiscard]] std::string uid_of(const Json& object);
[[nodiscard]] std::string controller_of(const Json& object);  // UID of the controlling owner, or ""
[[nodiscard]] std::string label_of(const Json& object, const std::string& key);
[[nodiscard]] bool is_ending(const Json& object);
[[nodiscard]] bool selects(const std::string& selector, const Json& object);

}  // namespace wan::simulation
