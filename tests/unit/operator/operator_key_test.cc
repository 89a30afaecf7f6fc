#include "operator/operator_key.h"

#include <gtest/gtest.h>

#include "base/crypto/capability.h"
#include "base/crypto/hmac.h"
#include "operator/kube/api_error.h"
#include "tests/support/fake_api.h"
#include "tests/support/run_task.h"

namespace wan {
namespace {

class OperatorKeyTest : public ::testing::Test {
 protected:
  Result<OperatorKey> load() { return testing::run_task(context_, load_operator_key(api_, "system")); }

  asio::io_context context_;
  testing::FakeApi api_;
};

TEST_F(OperatorKeyTest, IsMadeOnceAndThenTheSameForEveryReplica) {
  const auto first = load();
  ASSERT_TRUE(first) << first.error().message;
  const auto second = load();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->capability_seed, first->capability_seed);
  EXPECT_EQ(second->token_key, first->token_key);
  EXPECT_NE(first->token_key, first->capability_seed);
  EXPECT_EQ(api_.writes().size(), 1U);
}

TEST_F(OperatorKeyTest, TheKeyOfTheQuickerReplicaWins) {
  const auto first = load();
  api_.fail_next("get", not_found("not there yet"));
  const auto second = load();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->capability_seed, first->capability_seed);
}

TEST_F(OperatorKeyTest, ADamagedKeyIsReportedAndNeverReplaced) {
  ASSERT_TRUE(load());
  Json secret = *api_.stored(kube::kSecrets, "system/wan-operator-key");
  secret["data"]["seed"] = base64_encode("short");
  api_.put(kube::kSecrets, secret);
  api_.clear_calls();
  const auto loaded = load();
  ASSERT_FALSE(loaded);
  EXPECT_TRUE(kube::is_invalid(loaded.error()));
  EXPECT_TRUE(api_.writes().empty());
}

TEST_F(OperatorKeyTest, PodsVerifyWithThePublicHalf) {
  const auto key = load();
  Capability grant;
  grant.audience = "pod";
  grant.scope = "pod";
  grant.expires_at = SystemClock().wall() + std::chrono::minutes(1);
  const auto token = sign_capability(grant, key->capability_seed);
  ASSERT_TRUE(token);
  EXPECT_TRUE(verify_capability(*token, key->capability_public_key, "pod", SystemClock().wall()));
}

}  // namespace
}  // namespace wan
