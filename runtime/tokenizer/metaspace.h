#pragma once
// Spaces as a visible character, so that a word's pieces say where a word begins.

#include <string>
#include <string_view>
#include <vector>

namespace wan::tokenizer {

inline constexpr std::string_view kMetaspace = "\u2581";

// Spaces become U+2581 and one is put in front, unless the text starts with one. Empty stays empty.
[[nodiscard]] std::string to_metaspace(std::string_view text);

// "\u2581a\u2581ball" to "\u2581a", "\u2581ball".
[[nodiscard]] std::vector<std::string_view> split_words(std::string_view text);

}  // namespace wan::tokenizer
