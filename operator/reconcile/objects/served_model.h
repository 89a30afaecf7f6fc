#pragma once
// The children of a WanDeployment: CR in, object out. Its Deployments are in revision.h, what guards its pods
// in guards.h.

#include "operator/api/children.h"
#include "operator/api/wan_deployment.h"
#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile {

// "wan.gallery/deployment=NAME": what the pods of a deployment are selected by.
[[nodiscard]] std::string pod_selector(const api::WanDeployment& deployment);

// Labels of every child and pod.
[[nodiscard]] Labels child_labels(const api::WanDeployment& deployment);
[[nodiscard]] Json runtime_service(const api::WanDeployment& deployment);

// What stands for one generation of the token: a ControllerRevision named like its Secret. It owns the
// Secret, so that the cluster removes that with it and the operator needs no right to delete Secrets; and its
// age tells when the token was replaced.
[[nodiscard]] Json token_anchor(const api::WanDeployment& deployment, int generation);

// HMAC-SHA256(key, UID | generation), base64url.
[[nodiscard]] std::string access_token(const api::WanDeployment& deployment, int generation,
                                       const Settings& settings);
// Immutable Secret with that token under the key "token".
[[nodiscard]] Json token_secret(const api::WanDeployment& deployment, const api::ControllerRevision& anchor,
                                const Settings& settings);

}  // namespace wan::reconcile
