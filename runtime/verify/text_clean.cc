#include <fmt/format.h>

#include "runtime/tokenizer/prompt_clean.h"
#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {

Rows verify_text_clean(const Golden& golden) {
  Rows rows;
  const Json cases = golden.json("cases.json");
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string in = cases.at(i).at("in"), out = cases.at(i).at("out");
    const std::string name = fmt::format("cases.json {}", i);
    rows.push_back(same_text(name + " ftfy", tokenizer::repair_text(in), cases.at(i).at("ftfy")));
    rows.push_back(same_text(name + " out", tokenizer::clean_prompt(in), out));
  }
  return rows;
}

}  // namespace wan::verify
