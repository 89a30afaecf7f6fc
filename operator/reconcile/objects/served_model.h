#pragma once
// The children of a WanDeployment: CR in, object out.

#include "operator/api/gallery_model.h"
#include "operator/api/wan_deployment.h"
#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile {

// "wan.gallery/deployment=NAME": what the pods of a deployment are selected by.
[[nodiscard]] std::string pod_selector(const api::WanDeployment& deployment);

// apps/v1 Deployment of runtime pods. The profile must exist in the model.
[[nodiscard]] Json runtime_deployment(const api::WanDeployment& deployment, const api::GalleryModel& model,
                                      const Settings& settings);
[[nodiscard]] Json runtime_service(const api::WanDeployment& deployment);

// HMAC-SHA256(key, UID | generation), base64url.
[[nodiscard]] std::string access_token(const api::WanDeployment& deployment, const Settings& settings);
// Immutable Secret with that token under the key "token".
[[nodiscard]] Json token_secret(const api::WanDeployment& deployment, const Settings& settings);

}  // namespace wan::reconcile
