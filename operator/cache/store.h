#pragma once
// The objects of one kind as the API server last told them, trimmed to what is used, with indexes. One or
// more watchers write (one a namespace, or one for all); everyone on the thread reads. Pointers and
// references stay valid until the next suspension of the reader, not longer.

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "operator/api/kind.h"
#include "operator/cache/key.h"
#include "operator/cache/sink.h"

namespace wan::cache {

// What does not depend on the kind.
class StoreBase {
 public:
  explicit StoreBase(std::string name) : name_(std::move(name)) {}
  virtual ~StoreBase() = default;
  StoreBase(const StoreBase&) = delete;
  StoreBase& operator=(const StoreBase&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  // Every watcher has delivered its first list.
  [[nodiscard]] virtual bool synced() const = 0;
  // The store shows the object in this version or a later one (or knows that it is gone since).
  [[nodiscard]] virtual bool has_seen(const Key& key, std::string_view resource_version) const = 0;
  [[nodiscard]] virtual bool contains(const Key& key) const = 0;
  // A sink for the watcher of one namespace, or of all ("").
  [[nodiscard]] virtual Sink& writer(const std::string& namespace_) = 0;

 private:
  std::string name_;
};

// T is a type of operator/api: it has `metadata`, and api::from_json<T> reads it.
template <class T>
class Store final : public StoreBase {
 public:
  using Decode = std::function<Result<T>(const Json&)>;
  // before == nullptr: added; after == nullptr: removed, with its last known state. An object that was
  // replaced by another of the same name comes as removed, then added.
  using Listener = std::function<void(const T* before, const T* after)>;
  using IndexFunction = std::function<std::vector<std::string>(const T&)>;

  explicit Store(std::string name, Decode decode = api::from_json<T>)
      : StoreBase(std::move(name)), decode_(std::move(decode)) {}

  // Before the first event only. by(index, value) looks up with the number that add_index returns.
  size_t add_index(IndexFunction function) {
    indexes_.push_back(Index{std::move(function), {}});
    return indexes_.size() - 1;
  }
  void listen(Listener listener) { listeners_.push_back(std::move(listener)); }

  [[nodiscard]] const T* find(const Key& key) const {
    const auto it = entries_.find(key);
    return it == entries_.end() ? nullptr : &it->second;
  }
  [[nodiscard]] bool contains(const Key& key) const override { return entries_.contains(key); }
  [[nodiscard]] const std::map<Key, T>& all() const { return entries_; }
  // In the order of their keys.
  [[nodiscard]] const std::vector<const T*>& by(size_t index, const std::string& value) const {
    static const std::vector<const T*> none;
    const auto it = indexes_.at(index).entries.find(value);
    return it == indexes_.at(index).entries.end() ? none : it->second;
  }

  [[nodiscard]] bool synced() const override {
    for (const auto& [scope, writer] : writers_) {
      if (!writer->synced) return false;
    }
    return !writers_.empty();
  }
  [[nodiscard]] bool has_seen(const Key& key, std::string_view resource_version) const override {
    const T* entry = find(key);
    if (entry != nullptr && !version_less(entry->metadata.resource_version, resource_version)) return true;
    const auto it = writers_.contains(key.namespace_) ? writers_.find(key.namespace_) : writers_.find("");
    return it != writers_.end() && !version_less(it->second->seen, resource_version);
  }
  [[nodiscard]] Sink& writer(const std::string& namespace_) override {
    auto& slot = writers_[namespace_];
    if (!slot) slot = std::make_unique<Writer>(*this, namespace_);
    return *slot;
  }

 private:
  struct Index {
    IndexFunction function;
    // Pointers into entries_, whose nodes stay where they are.
    std::unordered_map<std::string, std::vector<const T*>> entries;
  };

  struct Writer final : Sink {
    Writer(Store& owner, std::string scope_name) : store(owner), scope(std::move(scope_name)) {}
    void handle(Event event) override {
      std::visit([this](auto& e) { this->on(e); }, event);
    }
    void on(InitBegan&) { collected.clear(); }
    // What can't be read must not look as if it had gone: its last state stays.
    void on(InitItem& e) {
      if (store.decode_into(e.object, collected)) return;
      const Key key = key_in(e.object);
      const T* known = store.find(key);
      if (known != nullptr && known->metadata.uid == string_or(e.object, {"metadata", "uid"}, "")) {
        collected.insert_or_assign(key, *known);
      }
    }
    void on(InitRemoved& e) { collected.erase(key_in(e.object)); }
    void on(InitDone& e) {
      store.swap(scope, std::move(collected));
      collected.clear();
      advance(e.resource_version);
      synced = true;
    }
    void on(Applied& e) {
      advance(string_or(e.object, {"metadata", "resourceVersion"}, ""));
      std::map<Key, T> one;
      store.decode_into(e.object, one);
      for (auto& [key, entry] : one) store.put(std::move(entry));
    }
    void on(Deleted& e) {
      advance(string_or(e.object, {"metadata", "resourceVersion"}, ""));
      store.erase(key_in(e.object));
    }
    void on(Advanced& e) { advance(e.resource_version); }
    void advance(const std::string& version) {
      if (version_less(seen, version)) seen = version;
    }

    Store& store;
    std::string scope;
    std::map<Key, T> collected;
    std::string seen;
    bool synced = false;
  };

  [[nodiscard]] static Key key_in(const Json& object) {
    return Key{string_or(object, {"metadata", "namespace"}, ""), string_or(object, {"metadata", "name"}, "")};
  }

  // An object that cannot be read is logged and left out (false): what was known of it stays.
  bool decode_into(const Json& object, std::map<Key, T>& into) {
    auto value = decode_(object);
    if (!value || value->metadata.uid.empty() || value->metadata.resource_version.empty()) {
      const std::string why = value ? "uid or resourceVersion is missing" : value.error().message;
      log::warn("{} {}/{}: {}; ignored", name(), string_or(object, {"metadata", "namespace"}, ""),
                string_or(object, {"metadata", "name"}, ""), why);
      return false;
    }
    Key key = key_of(value->metadata);
    into.insert_or_assign(std::move(key), *std::move(value));
    return true;
  }

  void put(T entry) {
    const Key key = key_of(entry.metadata);
    const auto it = entries_.find(key);
    if (it == entries_.end()) {
      const T& added = entries_.emplace(key, std::move(entry)).first->second;
      index(added);
      tell(nullptr, &added);
      return;
    }
    unindex(it->second);
    const T before = std::exchange(it->second, std::move(entry));
    index(it->second);
    tell_replaced(before, it->second);
  }

  void erase(const Key& key) {
    const auto it = entries_.find(key);
    if (it == entries_.end()) return;
    unindex(it->second);
    const T before = std::move(it->second);
    entries_.erase(it);
    tell(&before, nullptr);
  }

  // All entries of the scope change at once; listeners see only the new state, and a removal for each object
  // that the list no longer has.
  void swap(const std::string& scope, std::map<Key, T> fresh) {
    std::map<Key, T> old;
    for (auto it = entries_.begin(); it != entries_.end();) {
      if (!scope.empty() && it->first.namespace_ != scope) {
        ++it;
        continue;
      }
      unindex(it->second);
      old.insert(entries_.extract(it++));
    }
    std::vector<Key> keys;
    keys.reserve(fresh.size());
    for (const auto& [key, entry] : fresh) keys.push_back(key);
    entries_.merge(fresh);
    for (const Key& key : keys) index(entries_.at(key));
    for (const auto& [key, before] : old) {
      if (const T* after = find(key)) {
        if (after->metadata.resource_version != before.metadata.resource_version)
          tell_replaced(before, *after);
      } else {
        tell(&before, nullptr);
      }
    }
    for (const Key& key : keys) {
      if (!old.contains(key)) tell(nullptr, find(key));
    }
  }

  static bool in_order(const T* a, const T* b) {
    return std::tie(a->metadata.namespace_, a->metadata.name) <
           std::tie(b->metadata.namespace_, b->metadata.name);
  }
  void index(const T& entry) {
    for (Index& i : indexes_) {
      for (const std::string& value : i.function(entry)) {
        std::vector<const T*>& list = i.entries[value];
        const auto place = std::ranges::lower_bound(list, &entry, in_order);
        if (place == list.end() || *place != &entry) list.insert(place, &entry);
      }
    }
  }
  void unindex(const T& entry) {
    for (Index& i : indexes_) {
      for (const std::string& value : i.function(entry)) {
        const auto it = i.entries.find(value);
        if (it == i.entries.end()) continue;
        std::vector<const T*>& list = it->second;
        const auto place = std::ranges::lower_bound(list, &entry, in_order);
        if (place != list.end() && *place == &entry) list.erase(place);
        if (list.empty()) i.entries.erase(it);
      }
    }
  }

  void tell(const T* before, const T* after) {
    for (const Listener& listener : listeners_) listener(before, after);
  }
  void tell_replaced(const T& before, const T& after) {
    if (before.metadata.uid == after.metadata.uid) {
      tell(&before, &after);
    } else {
      tell(&before, nullptr);
      tell(nullptr, &after);
    }
  }

  Decode decode_;
  std::map<Key, T> entries_;
  std::vector<Index> indexes_;
  std::vector<Listener> listeners_;
  std::map<std::string, std::unique_ptr<Writer>> writers_;
};

}  // namespace wan::cache
