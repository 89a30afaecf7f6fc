#pragma once
// The verbs of the Kubernetes API that the operator uses, as an interface: the real client speaks HTTP, tests
// and simulations speak to a model of the server. Errors are those of api_error.h.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/async/async.h"
#include "operator/kube/resource.h"
#include "operator/kube/watch_event.h"

namespace wan::kube {

struct ListOptions {
  std::string namespace_;  // empty: all
  std::string label_selector;
  std::string field_selector;
  std::string continue_token;
  int limit = 500;
  bool managed_fields = true;  // false: metadata.managedFields, often half of an object, are not read
};

// One page of a consistent list (resourceVersion unset). The version is that of the whole list.
struct ListPage {
  std::vector<Json> items;
  std::string resource_version;
  std::string continue_token;  // empty: this was the last page
};

struct WatchOptions {
  std::string namespace_;
  std::string label_selector;
  std::string resource_version;
  // The watch begins with everything that exists, as of now or later (resource_version is not used), and a
  // bookmark that is_initial_events_end() closes that part. Servers that can't do it refuse
  // (kInvalidArgument).
  bool initial_events = false;
  std::chrono::seconds timeout{300};  // the server ends the watch after it; the client gives up 5 s later
  // A connection that is silent for longer than these is taken for dead: until the initial events have come,
  // and once a bookmark has shown that the server sends them (about one a minute).
  std::chrono::milliseconds initial_silence{30'000};
  std::chrono::milliseconds bookmark_silence{150'000};
  bool managed_fields = true;  // as in ListOptions
};

class WatchStream {
 public:
  virtual ~WatchStream() = default;
  // The events that have arrived, at least one, in order; empty: the server ended the watch.
  [[nodiscard]] virtual Task<Result<std::vector<WatchEvent>>> read() = 0;
};

struct DeleteOptions {
  std::string uid;  // precondition, always set
  std::string propagation = "Background";
};

class Api {
 public:
  virtual ~Api() = default;
  [[nodiscard]] virtual Task<Result<Json>> get(Resource resource, std::string namespace_,
                                               std::string name) = 0;
  [[nodiscard]] virtual Task<Result<ListPage>> list(Resource resource, ListOptions options) = 0;
  [[nodiscard]] virtual Task<Result<std::unique_ptr<WatchStream>>> watch(Resource resource,
                                                                         WatchOptions options) = 0;
  // For the writes below, namespace and name are those of the object's metadata; the stored object comes
  // back, without its managedFields.
  [[nodiscard]] virtual Task<Result<Json>> create(Resource resource, Json object) = 0;
  // PUT of the whole object; refused (kConflict) if its metadata.resourceVersion is not the stored one.
  [[nodiscard]] virtual Task<Result<Json>> update(Resource resource, Json object) = 0;
  // Server-side apply, forced. `subresource` is "" or "status".
  [[nodiscard]] virtual Task<Result<Json>> apply(Resource resource, Json object, std::string field_manager,
                                                 std::string subresource) = 0;
  [[nodiscard]] virtual Task<Result<Json>> merge_patch(Resource resource, std::string namespace_,
                                                       std::string name, Json patch) = 0;
  // kConflict if the object of that name has another UID, kNotFound if there is none.
  [[nodiscard]] virtual Task<Status> remove(Resource resource, std::string namespace_, std::string name,
                                            DeleteOptions options) = 0;
};

}  // namespace wan::kube
