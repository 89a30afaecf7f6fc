#pragma once
// What happens to a prompt before the tokenizer sees it, as the official code does it: text repaired
// (ftfy.fix_text), HTML character references resolved twice, white space runs made one space, the ends
// trimmed.

#include <string>
#include <string_view>

namespace wan::tokenizer {

// Any bytes are allowed: what is not UTF-8 becomes U+FFFD (utf8.h has the rule) and is treated like a
// character that was lost before.
[[nodiscard]] std::string clean_prompt(std::string_view text);

// The first step of it alone: ftfy's defaults.
[[nodiscard]] std::string repair_text(std::string_view text);

}  // namespace wan::tokenizer
