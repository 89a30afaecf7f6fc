#pragma once
// The heuristic of ftfy 6 that tells text decoded with a wrong encoding: neighbours that no language has.

#include <string_view>

namespace wan::tokenizer {

// Whether some characters of the text look like UTF-8 that was read in a single-byte encoding.
[[nodiscard]] bool looks_garbled(std::u32string_view text);

}  // namespace wan::tokenizer
