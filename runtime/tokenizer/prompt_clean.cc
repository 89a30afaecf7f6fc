#include "runtime/tokenizer/prompt_clean.h"

#include <algorithm>
#include <utility>

#include "runtime/tokenizer/clean/characters.h"
#include "runtime/tokenizer/clean/html.h"
#include "runtime/tokenizer/clean/mojibake.h"
#include "runtime/tokenizer/clean/white_space.h"
#include "runtime/tokenizer/utf8.h"

namespace wan::tokenizer {
namespace {

// A longer line is repaired in parts.
constexpr size_t kLongestLine = 1'000'000;

std::u32string one_pass(std::u32string text, bool references, RepairBudget& budget) {
  if (references) text = unescape_ended_references(text);
  text = repair_encoding(std::move(text), budget);
  text = replace_c1_controls(text);
  text = split_ligatures(text);
  text = replace_width_forms(text);
  text = straighten_quotes(text);
  text = unify_line_breaks(text);
  text = join_surrogates(text);
  text = remove_terminal_escapes(text);
  text = remove_control_characters(text);
  return compose(text);
}

// One repair makes work for another: a reference may stand for a quote, and that for a straight one.
std::u32string repair_line(std::u32string_view line, bool references) {
  std::u32string text(line);
  RepairBudget budget(text.size());
  while (budget.take(text.size())) {
    std::u32string next = one_pass(text, references, budget);
    if (next == text) break;
    text = std::move(next);
  }
  return text;
}

std::u32string repair(std::u32string_view text) {
  std::u32string out;
  bool references = true;
  while (!text.empty()) {
    const size_t end = text.find(U'\n');
    const std::u32string_view line =
        text.substr(0, std::min(end == text.npos ? text.size() : end + 1, kLongestLine));
    // From the first "<" on the text is HTML: what is written as a reference is meant so.
    references = references && !line.contains(U'<');
    out += repair_line(line, references);
    text.remove_prefix(line.size());
  }
  return out;
}

}  // namespace

std::string repair_text(std::string_view text) { return to_utf8(repair(to_code_points(text))); }

std::string clean_prompt(std::string_view text) {
  const std::u32string repaired = repair(to_code_points(text));
  return to_utf8(collapse_white_space(unescape_references(unescape_references(repaired))));
}

}  // namespace wan::tokenizer
