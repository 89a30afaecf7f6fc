#include <gtest/gtest.h>
#include <string>

#include "base/io/file.h"
#include "base/json/json.h"
#include "runtime/tokenizer/prompt_clean.h"
#include "tests/support/paths.h"

namespace wan::tokenizer {
namespace {

TEST(PromptCleanGolden, EqualsTheOfficialCleaningForEveryCase) {
  const auto text = read_file(testing::source_dir().string() + "/tests/golden/data/text_clean/cases.json");
  const auto cases = parse_json(*text);
  ASSERT_TRUE(cases.has_value());
  EXPECT_EQ(cases->size(), 289u);
  for (const Json& test_case : *cases) {
    const std::string in = test_case["in"];
    EXPECT_EQ(Json(repair_text(in)), test_case["ftfy"]) << in;
    EXPECT_EQ(Json(clean_prompt(in)), test_case["out"]) << in;
  }
}

}  // namespace
}  // namespace wan::tokenizer
