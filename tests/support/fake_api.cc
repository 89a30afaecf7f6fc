#include "tests/support/fake_api.h"

#include <utility>

namespace wan::testing {
namespace {

std::string full_name(const std::string& namespace_, const std::string& name) {
  return namespace_ + "/" + name;
}

std::string name_of(const Json& object) {
  return full_name(string_or(object, {"metadata", "namespace"}, ""),
                   string_or(object, {"metadata", "name"}, ""));
}

std::string key_of(const kube::Resource& resource, const std::string& name) {
  return kube::qualified_name(resource) + " " + name;
}

class ScriptedWatch final : public kube::WatchStream {
 public:
  explicit ScriptedWatch(std::vector<Result<std::vector<kube::WatchEvent>>> reads)
      : reads_(std::move(reads)) {}
  Task<Result<std::vector<kube::WatchEvent>>> read() override {
    if (next_ == reads_.size()) co_return std::vector<kube::WatchEvent>();
    co_return reads_[next_++];
  }

 private:
  std::vector<Result<std::vector<kube::WatchEvent>>> reads_;
  size_t next_ = 0;
};

// A watch on which nothing happens until it is cancelled.
class SilentWatch final : public kube::WatchStream {
 public:
  Task<Result<std::vector<kube::WatchEvent>>> read() override {
    const Status waited = co_await sleep_for(std::chrono::hours(1));
    if (!waited) co_return fail(waited.error());
    co_return std::vector<kube::WatchEvent>();
  }
};

}  // namespace

Status FakeApi::begin(const std::string& verb, const kube::Resource& resource, const std::string& name,
                      const Json& object, const std::string& field_manager) {
  calls_.push_back(Call{verb, kube::qualified_name(resource), name, object, field_manager});
  auto& planned = failures_[verb];
  if (planned.empty()) return {};
  Error error = std::move(planned.front());
  planned.pop_front();
  return fail(std::move(error));
}

Json& FakeApi::store(const kube::Resource& resource, const std::string& name, Json object) {
  Json& slot = objects_[key_of(resource, name)];
  std::string uid = string_or(slot, {"metadata", "uid"}, "");
  if (uid.empty()) uid = "uid-" + std::to_string(++uids_);
  slot = std::move(object);
  slot["metadata"]["uid"] = uid;
  slot["metadata"]["resourceVersion"] = std::to_string(++version_);
  return slot;
}

const Json& FakeApi::put(const kube::Resource& resource, Json object) {
  const std::string name = name_of(object);
  return store(resource, name, std::move(object));
}

void FakeApi::drop(const kube::Resource& resource, const std::string& name) {
  objects_.erase(key_of(resource, name));
}

const Json* FakeApi::stored(const kube::Resource& resource, const std::string& name) const {
  const auto it = objects_.find(key_of(resource, name));
  return it == objects_.end() ? nullptr : &it->second;
}

std::vector<Call> FakeApi::writes() const {
  std::vector<Call> writes;
  for (const Call& call : calls_) {
    if (call.verb != "get" && call.verb != "list" && call.verb != "watch") writes.push_back(call);
  }
  return writes;
}

Result<Json*> FakeApi::require(const kube::Resource& resource, const std::string& name) {
  const auto it = objects_.find(key_of(resource, name));
  if (it == objects_.end()) return fail(not_found(key_of(resource, name) + " not found"));
  return &it->second;
}

Task<Result<Json>> FakeApi::get(kube::Resource resource, std::string namespace_, std::string name) {
  const std::string full = full_name(namespace_, name);
  WAN_CO_TRY_VOID(begin("get", resource, full));
  WAN_CO_TRY(const Json* found, require(resource, full));
  co_return *found;
}

Task<Result<kube::ListPage>> FakeApi::list(kube::Resource resource, kube::ListOptions options) {
  WAN_CO_TRY_VOID(begin("list", resource, options.namespace_));
  kube::ListPage page;
  const std::string prefix = kube::qualified_name(resource) + " ";
  for (const auto& [key, object] : objects_) {
    if (key.starts_with(prefix)) page.items.push_back(object);
  }
  page.resource_version = std::to_string(version_);
  co_return page;
}

Task<Result<std::unique_ptr<kube::WatchStream>>> FakeApi::watch(kube::Resource resource,
                                                                kube::WatchOptions options) {
  if (options.initial_events && !serves_initial_events_) {
    co_return fail(invalid_argument("sendInitialEvents is forbidden for watch"));
  }
  WAN_CO_TRY_VOID(begin("watch", resource, options.namespace_));
  watched_from_.push_back(options.resource_version);
  if (watches_.empty()) co_return std::make_unique<SilentWatch>();
  auto scripted = std::make_unique<ScriptedWatch>(std::move(watches_.front()));
  watches_.pop_front();
  co_return scripted;
}

Task<Result<Json>> FakeApi::create(kube::Resource resource, Json object) {
  const std::string name = name_of(object);
  WAN_CO_TRY_VOID(begin("create", resource, name, object));
  if (stored(resource, name) != nullptr) {
    co_return fail(Error{ErrorCode::kAlreadyExists, name + " already exists"});
  }
  co_return store(resource, name, std::move(object));
}

Task<Result<Json>> FakeApi::update(kube::Resource resource, Json object) {
  const std::string name = name_of(object);
  WAN_CO_TRY_VOID(begin("update", resource, name, object));
  WAN_CO_TRY(const Json* found, require(resource, name));
  const std::string version = string_or(object, {"metadata", "resourceVersion"}, "");
  if (!version.empty() && version != string_or(*found, {"metadata", "resourceVersion"}, "")) {
    co_return fail(Error{ErrorCode::kConflict, name + " has changed"});
  }
  co_return store(resource, name, std::move(object));
}

Task<Result<Json>> FakeApi::apply(kube::Resource resource, Json object, std::string field_manager,
                                  std::string subresource) {
  const std::string name = name_of(object);
  const std::string verb = subresource.empty() ? "apply" : "apply/" + subresource;
  WAN_CO_TRY_VOID(begin(verb, resource, name, object, field_manager));
  const Json* there = stored(resource, name);
  if (const std::string uid = string_or(object, {"metadata", "uid"}, "");
      !uid.empty() &&
      (there == nullptr ? subresource.empty() : uid != string_or(*there, {"metadata", "uid"}, ""))) {
    co_return fail(Error{ErrorCode::kConflict, name + " has another uid, or none"});
  }
  if (subresource.empty()) co_return store(resource, name, std::move(object));
  WAN_CO_TRY(Json * found, require(resource, name));
  Json changed = *found;
  changed[subresource] = object[subresource];
  co_return store(resource, name, std::move(changed));
}

Task<Result<Json>> FakeApi::merge_patch(kube::Resource resource, std::string namespace_, std::string name,
                                        Json patch) {
  const std::string full = full_name(namespace_, name);
  WAN_CO_TRY_VOID(begin("patch", resource, full, patch));
  WAN_CO_TRY(const Json* found, require(resource, full));
  Json changed = *found;
  changed.merge_patch(patch);
  co_return store(resource, full, std::move(changed));
}

Task<Status> FakeApi::remove(kube::Resource resource, std::string namespace_, std::string name,
                             kube::DeleteOptions options) {
  const std::string full = full_name(namespace_, name);
  WAN_CO_TRY_VOID(begin("delete", resource, full, Json(options.uid)));
  WAN_CO_TRY(const Json* found, require(resource, full));
  if (string_or(*found, {"metadata", "uid"}, "") != options.uid) {
    co_return fail(Error{ErrorCode::kConflict, full + " has another uid"});
  }
  drop(resource, full);
  co_return Status();
}

}  // namespace wan::testing
