#pragma once
// One way that a WanDeployment has been run: model digest, profile, runtime image and the pod template made
// of them. A ControllerRevision keeps it, so that neither a new operator nor an edit of the gallery changes
// running pods; one apps/v1 Deployment runs it.

#include <cstdint>
#include <string>

#include "operator/api/children.h"
#include "operator/api/gallery_model.h"
#include "operator/api/wan_deployment.h"
#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile {

struct Revision {
  std::string hash;  // of `data`, 10 hex digits; "" for pods made before there were revisions
  int64_t number = 0;
  std::string spec;     // digest of the part of the spec that it was made from
  std::string failure;  // why it was given up; "" if it was not
  Json data;            // {model: {name, digest}, profile, image, template}

  bool operator==(const Revision&) const = default;
};

// Digest of the fields of the spec that pods are made from: model, profile, gpu, placement, cache,
// podTemplate.
[[nodiscard]] std::string pod_spec_digest(const api::WanDeploymentSpec& spec);

// A new revision (number 0) as the gallery and the operator are now. The profile must exist in the model.
[[nodiscard]] Revision render_revision(const api::WanDeployment& deployment, const api::GalleryModel& model,
                                       const Settings& settings);

[[nodiscard]] Json controller_revision(const api::WanDeployment& deployment, const Revision& revision);
// `live` must have been made by controller_revision().
[[nodiscard]] Revision read_revision(const api::ControllerRevision& live);

// apps/v1 Deployment of the revision's pods.
[[nodiscard]] Json runtime_deployment(const api::WanDeployment& deployment, const Revision& revision,
                                      int replicas);

}  // namespace wan::reconcile
