#pragma once
// GalleryModel: is the entry usable, and which digest does it name or hold.
//
// Plan again when the GalleryModel, its Jobs or their pods change.

#include <vector>

#include "operator/api/gallery_model.h"
#include "operator/api/pod.h"
#include "operator/api/workloads.h"
#include "operator/reconcile/plan.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile::gallery_model {

struct Observed {
  api::GalleryModel model;
  std::vector<api::Job> runs;  // that it controls, in the operator's namespace
  std::vector<api::Pod> pods;  // label wan.gallery/owner-uid = its UID
};

[[nodiscard]] Plan plan(const Observed& observed, const Settings& settings, WallTime now);

}  // namespace wan::reconcile::gallery_model
