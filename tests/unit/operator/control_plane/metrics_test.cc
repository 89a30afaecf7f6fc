#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/net/client.h"
#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {
namespace {

using ::testing::HasSubstr;

class MetricsTest : public ControlPlaneTest {
 protected:
  // Of an operator that serves its numbers on a free port.
  std::string text_of(const testing::OperatorProcess& one) {
    const std::string log = one.log();
    const std::string before = "/metrics is served on port ";
    const size_t at = log.find(before);
    if (at == std::string::npos) return "";
    const auto port = static_cast<uint16_t>(std::stoi(log.substr(at + before.size())));
    net::Client client(context_.get_executor(), net::Url{"http", "127.0.0.1", port, "/"});
    net::Request request;
    request.target = "/metrics";
    const auto response = run(client.send(std::move(request), std::chrono::seconds(20)));
    return response ? response->body : "";
  }
};

TEST_F(MetricsTest, ARunningOperatorTellsWhatItDoesInTheWordsOfDashboards) {
  testing::OperatorProcess& only = start_operator("a");
  const auto made = create(kube::kVideoJobs, R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: red-ball}
spec: {deploymentRef: {name: missing}, prompt: a red ball}
)");
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE(wait_for(kube::kVideoJobs, "red-ball", [](const Json& job) {
    return int_or(job, {"status", "observedGeneration"}, -1) == 1;
  }));
  const std::string text = text_of(only);
  for (const char* sample : {
           R"(leader_election_master_status{name="wan-operator"} 1)",
           R"(controller_runtime_reconcile_total{controller="videojob",result=)",
           R"(controller_runtime_reconcile_time_seconds_bucket{controller="videojob",le="0.005"})",
           R"(controller_runtime_max_concurrent_reconciles{controller="wandeployment"} 4)",
           R"(workqueue_depth{controller="videojob",name="videojob",priority="100"} 0)",
           R"(workqueue_queue_duration_seconds_count{controller="videojob",name="videojob"})",
           R"(rest_client_requests_total{code="200",host=")",
           R"(rest_client_request_duration_seconds_bucket{host=")",
           "process_resident_memory_bytes ",
           "process_cpu_seconds_total ",
       }) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + sample)) << only.log();
  }
}

}  // namespace
}  // namespace wan
