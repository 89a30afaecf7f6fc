#pragma once
// The batch Job that finds out what a GalleryModel's source holds: a restricted pod in the operator's
// namespace that reads the manifest and leaves {digest, bytes, generation} in its termination message.

#include "operator/api/gallery_model.h"
#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile {

inline constexpr const char* kInspectContainer = "inspect";

// Whether only a look into the source tells its digest, and the operator's namespace can look: a claim is of
// the namespaces that serve the model.
[[nodiscard]] bool must_inspect(const api::GalleryModel& model);
// Of source and runtime image: what was read of another does not count.
[[nodiscard]] std::string inspection_key(const api::GalleryModel& model, const Settings& settings);
[[nodiscard]] std::string inspect_job_name(const api::GalleryModel& model, const Settings& settings);
[[nodiscard]] Json inspect_job(const api::GalleryModel& model, const Settings& settings);

}  // namespace wan::reconcile
