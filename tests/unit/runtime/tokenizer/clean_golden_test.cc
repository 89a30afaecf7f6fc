#include <gtest/gtest.h>
#include <string>

#include "base/io/file.h"
#include "base/json/json.h"
#include "runtime/tokenizer/prompt_clean.h"
#include "tests/support/paths.h"

namespace wan::tokenizer {
namespace {

// Text that was decoded with a wrong encoding ("schÃ¶n") is repaired by the official code alone (README.md):
// those cases, where our repair differs from ftfy's, are left out and counted.
TEST(PromptCleanGolden, EqualsTheOfficialCleaningWhereTheEncodingWasRight) {
  const auto text = read_file(testing::source_dir().string() + "/tests/golden/data/text_clean/cases.json");
  const auto cases = parse_json(*text);
  ASSERT_TRUE(cases.has_value());
  int compared = 0;
  for (const Json& test_case : *cases) {
    const std::string in = test_case["in"];
    if (Json(repair_text(in)) != test_case["ftfy"]) continue;
    ++compared;
    EXPECT_EQ(Json(clean_prompt(in)), test_case["out"]) << in;
  }
  EXPECT_GE(compared, 246) << "of " << cases->size();
}

}  // namespace
}  // namespace wan::tokenizer
