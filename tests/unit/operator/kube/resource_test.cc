#include "operator/kube/resource.h"

#include <gtest/gtest.h>

#include "operator/kube/apply_body.h"
#include "operator/kube/watch_event.h"

namespace wan::kube {
namespace {

TEST(ResourceTest, MakesPathsOfCoreAndGroupedResources) {
  EXPECT_EQ(collection_path(kPods, ""), "/api/v1/pods");
  EXPECT_EQ(collection_path(kVideoJobs, "team"), "/apis/wan.gallery/v1alpha1/namespaces/team/videojobs");
  EXPECT_EQ(object_path(kDeployments, "ns", "a"), "/apis/apps/v1/namespaces/ns/deployments/a");
  EXPECT_EQ(object_path(kVideoJobs, "ns", "a", "status"),
            "/apis/wan.gallery/v1alpha1/namespaces/ns/videojobs/a/status");
}

TEST(ResourceTest, LeavesTheNamespaceOutOfClusterScopedPaths) {
  EXPECT_EQ(object_path(kGalleryModels, "ignored", "wan-tiny"),
            "/apis/wan.gallery/v1alpha1/gallerymodels/wan-tiny");
}

TEST(ResourceTest, EscapesNamesSoThatTheyStayOneSegment) {
  EXPECT_EQ(object_path(kPods, "ns", "a/../b"), "/api/v1/namespaces/ns/pods/a%2F..%2Fb");
}

TEST(ResourceTest, FindsOnlyWhatTheOperatorUses) {
  ASSERT_NE(find_resource("apps/v1", "Deployment"), nullptr);
  EXPECT_EQ(*find_resource("apps/v1", "Deployment"), kDeployments);
  EXPECT_EQ(find_resource("apps/v1", "StatefulSet"), nullptr);
  EXPECT_EQ(find_resource("v1", "Deployment"), nullptr);
}

TEST(ApplyBodyTest, EscapesOnlyWhatAYamlReaderRefuses) {
  Json object = Json::object();
  object["plain"] = "grün 漢字 \xF0\x9F\x8E\xAC";
  object["refused"] = "\x7F|\u0085|\u2029|\uFEFF|\uFFFE";
  const auto body = apply_body(object);
  ASSERT_TRUE(body);
  EXPECT_EQ(*body, R"({"plain":"grün 漢字 🎬","refused":"\u007f|\u0085|\u2029|\ufeff|\ufffe"})");
  EXPECT_EQ(*parse_json(*body), object);
}

TEST(ApplyBodyTest, RefusesBytesThatAreNotText) {
  Json object = Json::object();
  object["bad"] = std::string("\xFF\xFE");
  const auto body = apply_body(object);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, ErrorCode::kInvalidArgument);
}

TEST(WatchEventTest, RefusesWhatIsNoEvent) {
  EXPECT_FALSE(parse_watch_event("[]"));
  EXPECT_FALSE(parse_watch_event(R"({"type":"RENAMED","object":{}})"));
  EXPECT_FALSE(parse_watch_event(R"({"type":"ADDED","object":[]})"));
  EXPECT_FALSE(parse_watch_event(R"({"type":"ADDED"})"));
  EXPECT_TRUE(parse_watch_event(R"({"type":"DELETED","object":{}})"));
}

TEST(WatchEventTest, TakesABareStatusForAnError) {
  const auto event = parse_watch_event(R"({"kind":"Status","code":403})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->type, WatchEventType::kError);
}

}  // namespace
}  // namespace wan::kube
