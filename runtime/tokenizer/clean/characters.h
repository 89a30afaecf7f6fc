#pragma once
// The repairs of single characters, one pass over the text each, in the order in which they are made.

#include <string>
#include <string_view>

namespace wan::tokenizer {

// C1 controls become what Windows-1252 has at their place; its five holes stay.
[[nodiscard]] std::u32string replace_c1_controls(std::u32string_view text);

// Latin ligatures and digraphs become their letters.
[[nodiscard]] std::u32string split_ligatures(std::u32string_view text);

// Full-width and half-width forms become ordinary characters.
[[nodiscard]] std::u32string replace_width_forms(std::u32string_view text);

[[nodiscard]] std::u32string straighten_quotes(std::u32string_view text);

// Every line break becomes \n.
[[nodiscard]] std::u32string unify_line_breaks(std::u32string_view text);

// Pairs become the character they stand for, others U+FFFD.
[[nodiscard]] std::u32string join_surrogates(std::u32string_view text);

// ESC [ numbers, a letter.
[[nodiscard]] std::u32string remove_terminal_escapes(std::u32string_view text);

// Those that show nothing; tabs, line breaks, joiners and C1 controls stay.
[[nodiscard]] std::u32string remove_control_characters(std::u32string_view text);

// NFC.
[[nodiscard]] std::u32string compose(std::u32string_view text);

}  // namespace wan::tokenizer
