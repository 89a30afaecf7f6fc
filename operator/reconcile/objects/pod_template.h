#pragma once
// The pod that runs a model: an init container that puts the verified weights in place, and the runtime.

#include <optional>
#include <string>

#include "operator/api/gallery_model.h"
#include "operator/api/shared.h"
#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile {

inline constexpr const char* kPullContainer = "pull";
inline constexpr const char* kRuntimeContainer = "runtime";
inline constexpr int kUser = 65532;

// The profile of that name, the first for ""; nullptr if there is none.
[[nodiscard]] const api::Profile* find_profile(const api::GalleryModelSpec& model, const std::string& name);
// "cpu, gpu-l4": for messages.
[[nodiscard]] std::string profile_names(const api::GalleryModelSpec& model);

// The manifest digest that the entry names or was resolved to; "" where it is not known.
[[nodiscard]] std::string known_digest(const api::GalleryModel& model);

struct RuntimePod {
  const api::GalleryModel* model = nullptr;
  const api::Profile* profile = nullptr;
  std::string digest;  // the model's must be this; "" takes the GalleryModel's
  std::optional<api::Gpu> gpu;
  std::optional<api::Placement> placement;
  std::optional<api::Cache> cache;
  std::string service_account;  // "" takes the namespace's default
  Labels labels;
  Labels annotations;
  std::string job_uid;  // set: a pod for this one VideoJob
};

// "local:///PATH:NAME@DIGEST", as wan-gallery reads it.
[[nodiscard]] std::string source_reference(const RuntimePod& pod);

// PodTemplateSpec {metadata, spec}, with its own digest in the annotation wan.gallery/config.
[[nodiscard]] Json pod_template(const RuntimePod& pod, const Settings& settings);

// Security contexts of every pod that the operator makes: the "restricted" pod security standard, and a
// read-only root file system.
[[nodiscard]] Json pod_security();
[[nodiscard]] Json container_security();
// GET `path` on the port named http.
[[nodiscard]] Json http_probe(const std::string& path, int period_seconds, int failure_threshold);

}  // namespace wan::reconcile
