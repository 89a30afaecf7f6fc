#include "builders.h"
#include "operator/reconcile/gallery_model/plan.h"

namespace wan::reconcile::gallery_model {
namespace {

using namespace wan::reconcile::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

api::GalleryModelStatus after(const api::GalleryModel& model) {
  return status_after(plan({model}, settings(), kNow), model);
}

TEST(GalleryModel, IsReadyWhenItCanBeDeployed) {
  api::GalleryModel model = make_gallery_model();
  model.spec.source.digest = "sha256:" + std::string(64, 'e');
  model.status = after(model);
  EXPECT_EQ(kstatus(model.status, 1), "Current");
  EXPECT_EQ(model.status.digest, model.spec.source.digest);
  EXPECT_THAT(plan({model}, settings(), at(5)).steps, IsEmpty());
}

TEST(GalleryModel, IsStalledWithTheFieldThatIsWrong) {
  api::GalleryModel model = make_gallery_model();
  model.spec.profiles[1].memory = {"lots"};
  const auto status = after(model);
  EXPECT_EQ(kstatus(status, 1), "Failed");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("spec.profiles[gpu]: \"lots\" is not a quantity"));
}

TEST(GalleryModel, AcknowledgesANewGeneration) {
  api::GalleryModel model = make_gallery_model();
  model.status = after(model);
  model.metadata.generation = 2;
  EXPECT_EQ(kstatus(model.status, 2), "InProgress");
  EXPECT_EQ(kstatus(after(model), 2), "Current");
}

}  // namespace
}  // namespace wan::reconcile::gallery_model
