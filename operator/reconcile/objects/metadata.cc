#include "operator/reconcile/objects/metadata.h"

#include "base/crypto/sha256.h"

namespace wan::reconcile {

Labels common_labels(const std::string& app, const std::string& instance) {
  return {
      {api::kLabelAppName, app}, {api::kLabelAppInstance, instance}, {api::kLabelManagedBy, api::kManagedBy}};
}

Json child(const std::string& api_version, const std::string& kind, const std::string& name,
           const Labels& labels, const Owner& owner) {
  const Json reference = {{"apiVersion", owner.api_version},
                          {"kind", owner.kind},
                          {"name", owner.name},
                          {"uid", owner.uid},
                          {"controller", true},
                          {"blockOwnerDeletion", true}};
  return {{"apiVersion", api_version},
          {"kind", kind},
          {"metadata",
           {{"name", name},
            {"namespace", owner.namespace_},
            {"labels", labels},
            {"ownerReferences", Json::array({reference})}}}};
}

std::string digest_of(const Json& value) {
  const auto canonical = canonical_json(value);
  // Builders put nothing into an object that JCS cannot express.
  WAN_CHECK(canonical.has_value());
  return sha256_hex(*canonical);
}

Json with_intent(Json object) {
  const std::string digest = digest_of(object);
  object["metadata"]["annotations"][api::kAnnotationIntent] = digest;
  return object;
}

bool intent_differs(const api::Meta& live, const Json& object) {
  return live.annotation(api::kAnnotationIntent) !=
         string_or(object, {"metadata", "annotations", api::kAnnotationIntent}, "");
}

}  // namespace wan::reconcile
