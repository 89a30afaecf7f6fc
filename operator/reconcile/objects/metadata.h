#pragma once
// Metadata of children, and the rule for when to apply one: the digest of the whole intent is kept on the
// object, so that a field that left the intent is seen too (comparing "what I want is in what is there" would
// miss it).

#include <map>
#include <string>

#include "operator/api/identifiers.h"
#include "operator/api/kind.h"
#include "operator/api/meta.h"
#include "operator/api/ownership.h"
#include "operator/reconcile/plan.h"

namespace wan::reconcile {

using Labels = std::map<std::string, std::string>;

// The owner of a child: its controller, in the same namespace.
struct Owner {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string namespace_;
  std::string uid;
};

template <typename T>
[[nodiscard]] Owner owner_of(const T& object) {
  const api::KindInfo& info = api::kind_info<T>();
  return {info.api_version(), info.kind, object.metadata.name, object.metadata.namespace_,
          object.metadata.uid};
}

template <typename T>
[[nodiscard]] ObjectRef ref_of(const T& object) {
  const api::KindInfo& info = api::kind_info<T>();
  return {info.api_version(), info.kind, object.metadata.namespace_, object.metadata.name,
          object.metadata.uid};
}

// Labels of everything the operator makes: app.kubernetes.io/{name,instance,managed-by}.
[[nodiscard]] Labels common_labels(const std::string& app, const std::string& instance);

// apiVersion, kind and metadata with the owner as controller.
[[nodiscard]] Json child(const std::string& api_version, const std::string& kind, const std::string& name,
                         const Labels& labels, const Owner& owner);

// SHA-256 of the canonical JSON, as 64 hex digits.
[[nodiscard]] std::string digest_of(const Json& value);
// Adds the annotation wan.gallery/intent: the digest of the object as it is.
[[nodiscard]] Json with_intent(Json object);
// Whether `live` differs from what applying `object` (made by with_intent) last left.
[[nodiscard]] bool intent_differs(const api::Meta& live, const Json& object);

// Adds the Apply of `object` (made by with_intent) unless `live` was made by the same intent and nobody
// changed what that sets. True if it was added.
template <typename T>
bool apply_child(const std::optional<T>& live, Json object, Plan& plan) {
  if (live && !intent_differs(live->metadata, object) && api::owns(live->owned, object)) return false;
  plan.steps.push_back(Apply{std::move(object)});
  return true;
}

}  // namespace wan::reconcile
