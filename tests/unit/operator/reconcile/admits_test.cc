#include "operator/reconcile/wan_deployment/admits.h"

#include "builders.h"

namespace wan::reconcile {
namespace {

using namespace wan::reconcile::testing;

api::WanDeployment open_to(const std::string& from, std::map<std::string, std::string> labels = {}) {
  api::WanDeployment deployment = make_wan_deployment();
  deployment.spec.allowed_namespaces = api::AllowedNamespaces{.from = from};
  if (!labels.empty()) {
    deployment.spec.allowed_namespaces->selector = api::NamespaceSelector{std::move(labels)};
  }
  return deployment;
}

TEST(AllowedNamespaces, UnsetMeansTheDeploymentsOwn) {
  EXPECT_TRUE(admits(make_wan_deployment(), "films", {}));
  EXPECT_FALSE(admits(make_wan_deployment(), "other", {}));
}

TEST(AllowedNamespaces, SameAdmitsNoOther) { EXPECT_FALSE(admits(open_to("Same"), "other", {{"a", "b"}})); }

TEST(AllowedNamespaces, AllAdmitsAny) { EXPECT_TRUE(admits(open_to("All"), "other", {})); }

TEST(AllowedNamespaces, SelectorAdmitsThoseWithAllTheLabels) {
  const api::WanDeployment deployment = open_to("Selector", {{"team", "film"}, {"tier", "gold"}});
  EXPECT_TRUE(admits(deployment, "other", {{"team", "film"}, {"tier", "gold"}, {"more", ""}}));
  EXPECT_FALSE(admits(deployment, "other", {{"team", "film"}}));
  EXPECT_FALSE(admits(deployment, "other", {{"team", "film"}, {"tier", "silver"}}));
  EXPECT_FALSE(admits(deployment, "other", {}));
  EXPECT_TRUE(admits(deployment, "films", {})) << "its own namespace needs no label";
}

TEST(AllowedNamespaces, SelectorWithoutLabelsAdmitsNobody) {
  EXPECT_FALSE(admits(open_to("Selector"), "other", {{"a", "b"}}));
}

}  // namespace
}  // namespace wan::reconcile
