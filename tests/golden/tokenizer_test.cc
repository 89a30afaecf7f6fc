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

constexpr int kExtraIds = 300;

void expect_all_cases(const tokenizer::Tokenizer& tokenizer, const std::string& file) {
  const Json cases = read_json_file(data(file))["cases"];
  EXPECT_EQ(cases.size(), 289u);
  for (const Json& test_case : cases) {
    const std::string clean = test_case["clean"];
    EXPECT_EQ(tokenizer.encode(clean), test_case["ids"].get<std::vector<int64_t>>()) << '"' << clean << '"';
  }
}

// Texts as people typed them: runs of spaces, tabs, leading spaces. The goldens are not truncated here.
void expect_uncleaned_cases(const tokenizer::Tokenizer& tokenizer, const std::string& file) {
  for (const Json& test_case : read_json_file(data(file))["cases"]) {
    const auto ids = test_case["ids_uncleaned"].get<std::vector<int64_t>>();
    if (ids.size() > tokenizer::kMaxTokens) continue;
    const std::string text = test_case["text"];
    EXPECT_EQ(tokenizer.encode(text), ids) << '"' << text << '"';
  }
}

TEST(TokenizerGolden, UmT5IdsAreExactForEveryCase) {
  const auto tokenizer = tokenizer::load_tokenizer_model(data("tokenizer/umt5_spiece.model"), kExtraIds);
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  expect_all_cases(**tokenizer, "tokenizer/umt5_cases.json");
  expect_uncleaned_cases(**tokenizer, "tokenizer/umt5_cases.json");
}

TEST(TokenizerGolden, IdsOfASmallModelAreExactForEveryCase) {
  const auto tokenizer = tokenizer::load_tokenizer(data("tokenizer/small"));
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  expect_all_cases(**tokenizer, "tokenizer/small_cases.json");
  expect_uncleaned_cases(**tokenizer, "tokenizer/small_cases.json");
}

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
