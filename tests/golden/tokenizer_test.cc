// Runs in a program that also links torch, whose library exports protobuf symbols of its own.

#include "runtime/tokenizer/tokenizer.h"

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "tests/golden/support.h"
#include "tests/support/paths.h"

namespace wan::golden {
namespace {

TEST(TokenizerGolden, AModelWithANormaliserOfItsOwnIsFollowed) {
  const std::string folder = testing::source_dir().string() + "/runtime/models/wan-tiny/tokenizer";
  const auto tokenizer = tokenizer::load_tokenizer(folder);
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  const std::vector<int64_t> ids = {3, 26, 46, 56, 9, 7, 28, 8, 3, 16, 4, 1};
  EXPECT_EQ((*tokenizer)->encode("a red ball moves to the right on a blue background"), ids);
  EXPECT_EQ((*tokenizer)->encode("ａ  ｒｅｄ ball moves to the right on a blue background"),
            ids);  // full-width letters
}

}  // namespace
}  // namespace wan::golden
