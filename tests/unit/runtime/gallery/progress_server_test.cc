#include "runtime/gallery/progress_server.h"

#include <gtest/gtest.h>

#include "../../base/run_task.h"
#include "base/json/json.h"
#include "base/net/client.h"

namespace wan::gallery {
namespace {

const std::string kSeed(32, 's');

net::Response ask(uint16_t port, const std::string& scope) {
  asio::io_context io{1};
  Capability grant;
  grant.audience = "pod-1";
  grant.scope = scope;
  grant.expires_at = SystemClock().wall() + std::chrono::minutes(5);
  net::Request request{"GET", "/v1/status", {}, ""};
  if (!scope.empty()) request.headers.set("Authorization", "Bearer " + *sign_capability(grant, kSeed));
  net::Client client(io.get_executor(), net::Url{"http", "127.0.0.1", port, "/"});
  return wan::testing::run(io, client.send(std::move(request), std::chrono::seconds(30))).value();
}

TEST(ProgressServerTest, SaysHowFarTheWeightsAreToWhoeverMayAskThePod) {
  const auto server = ProgressServer::start(ListenAddress{"127.0.0.1", 0},
                                            Authority{*ed25519_public_key_base64(kSeed), "pod-1"});
  ASSERT_TRUE(server) << server.error().message;
  (*server)->update({.bytes_done = 10, .bytes_total = 40, .bytes_per_second = 5, .seconds_left = 5.5});
  const Json said = parse_json(ask((*server)->port(), "pod").body).value();
  EXPECT_EQ(said["podUID"], "pod-1");
  EXPECT_EQ(
      said["weights"],
      parse_json(R"({"bytesDone": 10, "bytesTotal": 40, "bytesPerSecond": 5, "secondsLeft": 6})").value());
  EXPECT_EQ(ask((*server)->port(), "").status, 401U);
  EXPECT_EQ(ask((*server)->port(), "job").status, 403U);
}

TEST(ProgressServerTest, SaysThatItsPortIsTaken) {
  const Authority anyone{"", ""};
  const auto first = ProgressServer::start(ListenAddress{"127.0.0.1", 0}, anyone);
  ASSERT_TRUE(first);
  EXPECT_FALSE(ProgressServer::start(ListenAddress{"127.0.0.1", (*first)->port()}, anyone));
}

}  // namespace
}  // namespace wan::gallery
