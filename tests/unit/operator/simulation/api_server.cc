#include "tests/unit/operator/simulation/api_server.h"

#include <utility>

namespace wan::simulation {
namespace {

// Removes what `old` set and `now` no longer does.
void give_up(Json& object, const Json& old, const Json& now) {
  if (!object.is_object() || !old.is_object()) return;
  for (const auto& [name, value] : old.items()) {
    if (!now.is_object() || !now.contains(name)) {
      object.erase(name);
    } else if (value.is_object() && object.contains(name)) {
      give_up(object[name], value, now[name]);
    }
  }
}

void take_over(Json& object, const Json& intent) {
  for (const auto& [name, value] : intent.items()) {
    if (value.is_object() && object.contains(name) && object[name].is_object()) {
      take_over(object[name], value);
    } else {
      object[name] = value;
    }
  }
}

// fieldsV1 of what a manager applied and nobody has changed since; maps go field by field, all else is owned
// as a whole.
Json owned(const Json& intent, const Json& object) {
  Json fields = Json::object();
  for (const auto& [name, value] : intent.items()) {
    const auto live = object.find(name);
    if (live == object.end()) continue;
    if (value.is_object() && !value.empty() && live->is_object()) {
      fields["f:" + name] = owned(value, *live);
    } else if (*live == value) {
      fields["f:" + name] = Json::object();
    }
  }
  return fields;
}

Error missing(const kube::Resource& resource, const cache::Key& key) {
  return not_found(kube::qualified_name(resource) + " " + cache::to_string(key) + " not found");
}

Error changed(const cache::Key& key, const std::string& what) {
  return Error{ErrorCode::kConflict, cache::to_string(key) + " has another " + what};
}

Status check(const Json& precondition, const Json& live, const cache::Key& key) {
  for (const char* field : {"uid", "resourceVersion"}) {
    const std::string wanted = string_or(precondition, {"metadata", field}, "");
    if (!wanted.empty() && wanted != string_or(live, {"metadata", field}, ""))
      return fail(changed(key, field));
  }
  return {};
}

const Json* spec_of(const Json& object) { return wan::find(object, {"spec"}); }

bool same_spec(const Json& a, const Json& b) {
  const Json* one = spec_of(a);
  const Json* other = spec_of(b);
  return one == nullptr || other == nullptr ? one == other : *one == *other;
}

bool has_finalizers(const Json& object) {
  const Json* finalizers = wan::find(object, {"metadata", "finalizers"});
  return finalizers != nullptr && !finalizers->empty();
}

}  // namespace

cache::Key key_of(const Json& object) {
  return {string_or(object, {"metadata", "namespace"}, ""), string_or(object, {"metadata", "name"}, "")};
}
std::string uid_of(const Json& object) { return string_or(object, {"metadata", "uid"}, ""); }
std::string controller_of(const Json& object) {
  const Json* owners = wan::find(object, {"metadata", "ownerReferences"});
  if (owners == nullptr) return "";
  for (const Json& owner : *owners) {
    if (bool_or(owner, {"controller"}, false)) return string_or(owner, {"uid"}, "");
  }
  return "";
}
std::string label_of(const Json& object, const std::string& key) {
  return string_or(object, {"metadata", "labels", key}, "");
}
bool is_ending(const Json& object) { return wan::find(object, {"metadata", "deletionTimestamp"}) != nullptr; }
bool selects(const std::string& selector, const Json& object) {
  if (selector.empty()) return true;
  const size_t equals = selector.find('=');
  return label_of(object, selector.substr(0, equals)) == selector.substr(equals + 1);
}

ApiServer::Stored* ApiServer::stored(const kube::Resource& resource, const cache::Key& key) {
  Collection& collection = collections_[resource];
  const auto it = collection.find(key);
  return it == collection.end() ? nullptr : &it->second;
}

Object ApiServer::find(const kube::Resource& resource, const cache::Key& key) const {
  const auto collection = collections_.find(resource);
  if (collection == collections_.end()) return nullptr;
  const auto it = collection->second.find(key);
  return it == collection->second.end() ? nullptr : it->second.object;
}

std::vector<Object> ApiServer::all(const kube::Resource& resource) const {
  std::vector<Object> objects;
  const auto collection = collections_.find(resource);
  if (collection == collections_.end()) return objects;
  for (const auto& [key, one] : collection->second) objects.push_back(one.object);
  return objects;
}

Result<Json> ApiServer::get(const kube::Resource& resource, const cache::Key& key) const {
  const Object found = find(resource, key);
  if (!found) return fail(missing(resource, key));
  return *found;
}

kube::ListPage ApiServer::list(const kube::Resource& resource, const kube::ListOptions& options) const {
  kube::ListPage page;
  for (const Object& object : all(resource)) {
    if (!options.namespace_.empty() && key_of(*object).namespace_ != options.namespace_) continue;
    if (selects(options.label_selector, *object)) page.items.push_back(*object);
  }
  page.resource_version = std::to_string(version_);
  return page;
}

Json ApiServer::made(const kube::Resource& resource, Json object) {
  Json& metadata = object["metadata"];
  metadata["uid"] = "uid-" + std::to_string(++last_uid_);
  metadata["generation"] = 1;
  metadata["creationTimestamp"] = format_time(world_.wall());
  if (resource.group == "wan.gallery") object["status"]["observedGeneration"] = -1;
  if (resource == kube::kServices && !wan::find(object, {"spec", "clusterIP"})) {
    object["spec"]["clusterIP"] = "10.0.0." + std::to_string(last_uid_);
  }
  return object;
}

Result<Json> ApiServer::create(const std::string& actor, const kube::Resource& resource, Json object) {
  const cache::Key key = key_of(object);
  if (stored(resource, key) != nullptr) {
    return fail(Error{ErrorCode::kAlreadyExists, cache::to_string(key) + " already exists"});
  }
  return *commit(actor, "create", resource, key, made(resource, std::move(object)));
}

Result<Json> ApiServer::update(const std::string& actor, const kube::Resource& resource, Json object) {
  const cache::Key key = key_of(object);
  const Stored* live = stored(resource, key);
  if (live == nullptr) return fail(missing(resource, key));
  WAN_TRY_VOID(check(object, *live->object, key));
  return *commit(actor, "update", resource, key, std::move(object));
}

Result<Json> ApiServer::apply(const std::string& actor, const kube::Resource& resource, Json intent,
                              const std::string& manager, const std::string& subresource) {
  const cache::Key key = key_of(intent);
  Stored* live = stored(resource, key);
  if (live == nullptr && (!subresource.empty() || !string_or(intent, {"metadata", "uid"}, "").empty())) {
    return fail(missing(resource, key));
  }
  if (live != nullptr) WAN_TRY_VOID(check(intent, *live->object, key));
  const Json identity = {{"apiVersion", intent.value("apiVersion", Json())},
                         {"kind", intent.value("kind", Json())},
                         {"metadata", {{"name", key.name}, {"namespace", key.namespace_}}}};
  Json fields = std::move(intent);
  if (subresource.empty()) {
    fields.erase("status");
  } else {
    fields = Json::object({{subresource, std::move(fields[subresource])}});
  }
  if (fields.contains("metadata")) {
    fields["metadata"].erase("uid");
    fields["metadata"].erase("resourceVersion");
  }
  const std::string owner = manager + "/" + subresource;
  if (subresource.empty()) {
    for (const char* field : {"apiVersion", "kind"}) fields.erase(field);
    for (const char* field : {"name", "namespace"}) fields["metadata"].erase(field);
  }
  Json next = live == nullptr ? identity : *live->object;
  if (live != nullptr) give_up(next, live->intents[owner], fields);
  take_over(next, fields);
  if (live == nullptr) next = made(resource, std::move(next));
  if (subresource.empty()) {
    next["metadata"]["managedFields"] =
        Json::array({{{"manager", manager}, {"operation", "Apply"}, {"fieldsV1", owned(fields, next)}}});
  }
  const Object written =
      commit(actor, subresource.empty() ? "apply" : "apply/" + subresource, resource, key, std::move(next));
  if (Stored* kept = stored(resource, key)) kept->intents[owner] = std::move(fields);
  return *written;
}

Result<Json> ApiServer::patch(const std::string& actor, const kube::Resource& resource, const cache::Key& key,
                              const Json& patch) {
  const Stored* live = stored(resource, key);
  if (live == nullptr) return fail(missing(resource, key));
  Json next = *live->object;
  next.merge_patch(patch);
  // Whoever changes a value takes it from the one who applied it.
  if (next["metadata"].contains("managedFields")) {
    Json& entry = next["metadata"]["managedFields"][0];
    entry["fieldsV1"] = owned(live->intents.at(string_or(entry, {"manager"}, "") + "/"), next);
  }
  return *commit(actor, "patch", resource, key, std::move(next));
}

Status ApiServer::remove(const std::string& actor, const kube::Resource& resource, const cache::Key& key,
                         const std::string& uid) {
  const Stored* live = stored(resource, key);
  if (live == nullptr) return fail(missing(resource, key));
  if (!uid.empty() && uid != uid_of(*live->object)) return fail(changed(key, "uid"));
  Write announced{actor, "delete", resource, key, live->object, live->object, version_, !uid.empty()};
  for (const auto& listener : removal_listeners_) listener(announced);
  if (resource == kube::kPods || has_finalizers(*live->object)) {
    if (is_ending(*live->object)) return {};
    Json next = *live->object;
    next["metadata"]["deletionTimestamp"] = format_time(world_.wall());
    commit(actor, "delete", resource, key, std::move(next));
    return {};
  }
  erase(actor, "delete", resource, key);
  return {};
}

void ApiServer::change(const kube::Resource& resource, const cache::Key& key,
                       const std::function<void(Json&)>& edit) {
  const Stored* live = stored(resource, key);
  if (live == nullptr) return;
  Json next = *live->object;
  edit(next);
  commit("cluster", "change", resource, key, std::move(next));
}

void ApiServer::finish_pod(const cache::Key& key) {
  if (stored(kube::kPods, key) != nullptr) erase("cluster", "finish", kube::kPods, key);
}

Object ApiServer::commit(const std::string& actor, const std::string& verb, const kube::Resource& resource,
                         const cache::Key& key, Json next) {
  Stored& slot = collections_[resource][key];
  const Object before = slot.object;
  if (before && *before == next) return before;
  if (before && !same_spec(*before, next)) {
    next["metadata"]["generation"] = int_or(*before, {"metadata", "generation"}, 1) + 1;
  }
  next["metadata"]["resourceVersion"] = std::to_string(++version_);
  slot.object = std::make_shared<const Json>(std::move(next));
  uids_.insert(uid_of(*slot.object));
  const Object after = slot.object;
  record({actor, verb, resource, key, before, after, version_});
  if (is_ending(*after) && !has_finalizers(*after) && resource != kube::kPods) {
    erase("cluster", "finish", resource, key);
  } else if (!before && !controller_of(*after).empty()) {
    collect_later();
  }
  return after;
}

void ApiServer::erase(const std::string& actor, const std::string& verb, const kube::Resource& resource,
                      const cache::Key& key) {
  Collection& collection = collections_[resource];
  const auto it = collection.find(key);
  const Object before = it->second.object;
  collection.erase(it);
  uids_.erase(uid_of(*before));
  record({actor, verb, resource, key, before, nullptr, ++version_});
  collect_later();
}

void ApiServer::record(Write write) {
  // Listeners may write in turn.
  history_[write.resource].push_back(write);
  for (size_t i = 0; i < listeners_.size(); ++i) listeners_[i](write);
}

void ApiServer::collect_later() {
  if (std::exchange(collecting_, true)) return;
  world_.after(world_.between(milliseconds(10), seconds(3)), [this] {
    collecting_ = false;
    collect_garbage();
  });
}

void ApiServer::collect_garbage() {
  std::vector<std::pair<kube::Resource, Object>> orphans;
  for (const auto& [resource, collection] : collections_) {
    for (const auto& [key, one] : collection) {
      const std::string owner = controller_of(*one.object);
      if (!owner.empty() && !uids_.contains(owner)) orphans.emplace_back(resource, one.object);
    }
  }
  for (const auto& [resource, object] : orphans) {
    let_be(remove("cluster", resource, key_of(*object), uid_of(*object)));
  }
}

Result<std::vector<Write>> ApiServer::since(const kube::Resource& resource, int64_t version) const {
  if (version < compacted_) return fail(Error{ErrorCode::kGone, "too old resource version"});
  std::vector<Write> writes;
  const auto it = history_.find(resource);
  if (it == history_.end()) return writes;
  for (const Write& write : it->second) {
    if (write.version > version) writes.push_back(write);
  }
  return writes;
}

}  // namespace wan::simulation
