#pragma once
// UTF-8 whose bytes suffered on the way: repaired so far that it decodes.

#include <optional>
#include <string>
#include <string_view>

namespace wan::tokenizer {

// Whether a byte A0 (no-break space) of some sequence has become a plain space.
[[nodiscard]] bool has_spaces_for_a0(std::string_view bytes);

// Puts those A0 back. A lone C3 and a space were "à" and the space behind the word, but for the Portuguese
// words in which the "à" is only the beginning.
[[nodiscard]] std::string restore_a0(std::string_view bytes);

// A sequence some bytes of which are lost (1A, or one "?") becomes U+FFFD.
[[nodiscard]] std::string replace_lossy_sequences(std::string_view bytes);

// Strict UTF-8; nothing when it is not.
[[nodiscard]] std::optional<std::u32string> decode_utf8(std::string_view bytes);

// UTF-8 with its two common variants: CESU-8 (surrogates in three bytes each) and Java's two bytes for
// U+0000.
[[nodiscard]] std::optional<std::u32string> decode_utf8_variants(std::string_view bytes);

}  // namespace wan::tokenizer
