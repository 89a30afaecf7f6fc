#include "runtime/tokenizer/tokenizer.h"

#include <fmt/format.h>
#include <memory>

#include "runtime/tokenizer/prompt_clean.h"
#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

constexpr int kExtraIds = 300;

void append_cases(Rows& rows, const tokenizer::Tokenizer& tokenizer, const Golden& golden,
                  const std::string& file) {
  const Json cases = golden.json(file).at("cases");
  for (size_t i = 0; i < cases.size(); ++i) {
    const Json& one = cases.at(i);
    const std::string text = one.at("text"), clean = one.at("clean");
    const auto ids = one.at("ids").get<std::vector<int64_t>>();
    const auto uncleaned = one.at("ids_uncleaned").get<std::vector<int64_t>>();
    const std::string name = fmt::format("{} {}", file, i);
    rows.push_back(same_text(name + " clean", tokenizer::clean_prompt(text), clean));
    rows.push_back(same_ids(name + " ids", tokenizer.encode(clean), ids));
    // These goldens are not cut at the text length.
    if (uncleaned.size() > tokenizer::kMaxTokens) continue;
    rows.push_back(same_ids(name + " ids_uncleaned", tokenizer.encode(text), uncleaned));
  }
}

}  // namespace

Rows verify_tokenizer(const Golden& golden) {
  Rows rows;
  if (golden.has("umt5_spiece.model")) {
    const auto umt5 = must(tokenizer::load_tokenizer_model(golden.path("umt5_spiece.model"), kExtraIds));
    append_cases(rows, *umt5, golden, "umt5_cases.json");
  }
  if (golden.has("small")) {
    append_cases(rows, *must(tokenizer::load_tokenizer(golden.path("small"))), golden, "small_cases.json");
  }
  return rows;
}

}  // namespace wan::verify
