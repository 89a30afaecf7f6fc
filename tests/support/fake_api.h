#pragma once
// The Kubernetes API as a model in memory: objects with versions, conflicts and preconditions, a log of
// calls, and failures on demand. Watches are scripted.

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "operator/kube/api.h"

namespace wan::testing {

struct Call {
  std::string verb;  // get list watch create update apply apply/status patch delete
  std::string resource;
  std::string name;  // "NAMESPACE/NAME"
  Json object;
  std::string field_manager;
};

class FakeApi final : public kube::Api {
 public:
  // The next call of that verb fails so.
  void fail_next(const std::string& verb, Error error) { failures_[verb].push_back(std::move(error)); }
  // Stores an object as somebody else's write; uid and resourceVersion are filled in.
  const Json& put(const kube::Resource& resource, Json object);
  void drop(const kube::Resource& resource, const std::string& name);
  [[nodiscard]] const Json* stored(const kube::Resource& resource, const std::string& name) const;
  [[nodiscard]] const std::vector<Call>& calls() const { return calls_; }
  [[nodiscard]] std::vector<Call> writes() const;
  void clear_calls() { calls_.clear(); }
  // What the next watches deliver, read by read; after the last one the watch ends.
  void script_watch(std::vector<Result<std::vector<kube::WatchEvent>>> reads) {
    watches_.push_back(std::move(reads));
  }
  // Watches that begin with everything are refused, as by an old server, unless this is on.
  void serve_initial_events(bool on) { serves_initial_events_ = on; }
  // The resource versions that watches asked for.
  [[nodiscard]] const std::vector<std::string>& watched_from() const { return watched_from_; }

  Task<Result<Json>> get(kube::Resource resource, std::string namespace_, std::string name) override;
  Task<Result<kube::ListPage>> list(kube::Resource resource, kube::ListOptions options) override;
  Task<Result<std::unique_ptr<kube::WatchStream>>> watch(kube::Resource resource,
                                                         kube::WatchOptions options) override;
  Task<Result<Json>> create(kube::Resource resource, Json object) override;
  Task<Result<Json>> update(kube::Resource resource, Json object) override;
  Task<Result<Json>> apply(kube::Resource resource, Json object, std::string field_manager,
                           std::string subresource) override;
  Task<Result<Json>> merge_patch(kube::Resource resource, std::string namespace_, std::string name,
                                 Json patch) override;
  Task<Status> remove(kube::Resource resource, std::string namespace_, std::string name,
                      kube::DeleteOptions options) override;

 private:
  [[nodiscard]] Status begin(const std::string& verb, const kube::Resource& resource, const std::string& name,
                             const Json& object = Json(), const std::string& field_manager = "");
  Json& store(const kube::Resource& resource, const std::string& name, Json object);
  [[nodiscard]] Result<Json*> require(const kube::Resource& resource, const std::string& name);

  std::map<std::string, Json> objects_;  // "deployments.apps NAMESPACE/NAME"
  std::map<std::string, std::deque<Error>> failures_;
  std::deque<std::vector<Result<std::vector<kube::WatchEvent>>>> watches_;
  std::vector<std::string> watched_from_;
  std::vector<Call> calls_;
  bool serves_initial_events_ = false;
  int64_t version_ = 100;
  int64_t uids_ = 0;
};

}  // namespace wan::testing
