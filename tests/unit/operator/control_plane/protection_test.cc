#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/io/file.h"
#include "operator/kube/api_error.h"
#include "tests/support/paths.h"
#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {
namespace {

using ::testing::HasSubstr;

constexpr kube::Resource kPolicies{"admissionregistration.k8s.io", "v1", "validatingadmissionpolicies",
                                   "ValidatingAdmissionPolicy", false};
constexpr kube::Resource kBindings{"admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings",
                                   "ValidatingAdmissionPolicyBinding", false};
constexpr const char* kProtected = R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {name: tiny}
spec: {model: {name: wan-tiny}, protection: true}
)";

class ProtectionTest : public ControlPlaneTest {
 protected:
  void apply_policy() {
    const auto text = read_file(testing::source_dir() / "manifests/admission.yaml");
    ASSERT_TRUE(text) << text.error().message;
    const auto objects = parse_yaml_documents(*text);
    ASSERT_TRUE(objects) << objects.error().message;
    for (const Json& object : *objects) {
      const bool policy = string_or(object, {"kind"}, "") == kPolicies.kind;
      const auto done = run(api_->apply(policy ? kPolicies : kBindings, object, "tests", ""));
      ASSERT_TRUE(done) << done.error().message;
    }
  }
};

TEST_F(ProtectionTest, AProtectedWanDeploymentIsDeletedOnlyAfterItsProtectionIsTakenAway) {
  apply_policy();
  Status refused;
  // The API server takes a moment to obey a new policy; until then the deletion works.
  ASSERT_TRUE(wait_until([&] {
    if (get_or_null(kube::kWanDeployments, "tiny").is_null()) {
      EXPECT_TRUE(create(kube::kWanDeployments, kProtected));
    }
    refused = remove(kube::kWanDeployments, "tiny");
    return !refused;
  }));
  EXPECT_THAT(refused.error().message, HasSubstr("set spec.protection to false before deleting it"));
  ASSERT_TRUE(patch(kube::kWanDeployments, "tiny", "spec: {protection: false}"));
  EXPECT_TRUE(remove(kube::kWanDeployments, "tiny"));
}

}  // namespace
}  // namespace wan
