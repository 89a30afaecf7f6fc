#include "operator/controller/metrics_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/net/client.h"
#include "tests/support/run_task.h"

namespace wan::controller {
namespace {

class MetricsServerTest : public ::testing::Test {
 protected:
  MetricsServerTest() {
    EXPECT_TRUE(server_.start());
    net::Url origin{"http", "127.0.0.1", server_.port(), "/"};
    client_ = std::make_unique<net::Client>(context_.get_executor(), std::move(origin));
  }
  ~MetricsServerTest() override { testing::run_task(context_, server_.stop()); }
  net::Response call(const std::string& method, const std::string& target) {
    net::Request request;
    request.method = method;
    request.target = target;
    auto response = testing::run_task(context_, client_->send(request, std::chrono::seconds(20)));
    EXPECT_TRUE(response) << response.error().message;
    return response.value_or(net::Response());
  }

  asio::io_context context_;
  metrics::Registry registry_;
  MetricsServer server_{context_.get_executor(), net::ServerSettings(), registry_};
  std::unique_ptr<net::Client> client_;
};

TEST_F(MetricsServerTest, ServesTheTextThatPrometheusReads) {
  registry_.counter("things_total", "Things", {}).Increment();
  const net::Response response = call("GET", "/metrics");
  EXPECT_EQ(response.status, 200U);
  EXPECT_THAT(response.headers.get("Content-Type").value_or(""),
              ::testing::StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(response.body, ::testing::HasSubstr("\nthings_total 1\n"));
}

TEST_F(MetricsServerTest, ServesNothingElse) {
  EXPECT_EQ(call("GET", "/").status, 404U);
  EXPECT_EQ(call("GET", "/metrics/x").status, 404U);
  EXPECT_EQ(call("POST", "/metrics").status, 405U);
}

}  // namespace
}  // namespace wan::controller
