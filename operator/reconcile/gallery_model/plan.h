#pragma once
// GalleryModel: is the entry usable, and which digest does it name.

#include "operator/api/gallery_model.h"
#include "operator/reconcile/plan.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile::gallery_model {

struct Observed {
  api::GalleryModel model;
};

[[nodiscard]] Plan plan(const Observed& observed, const Settings& settings, WallTime now);

}  // namespace wan::reconcile::gallery_model
