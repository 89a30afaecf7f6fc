#pragma once
// Sets of characters as bits: what the detectors of garbled text look up for every character.

#include <array>
#include <cstdint>
#include <string_view>

namespace wan::tokenizer {

class CharacterMap {
 public:
  // Every character of `characters`, in which "a-z" is a range; a '-' at the start stands for itself.
  constexpr void add(uint32_t bits, std::u32string_view characters) {
    while (!characters.empty()) {
      const char32_t first = characters.front();
      const bool range = characters.size() > 2 && characters[1] == U'-';
      const char32_t last = range ? characters[2] : first;
      for (char32_t c = first; c <= last; ++c) at(c) |= bits;
      characters.remove_prefix(range ? 3 : 1);
    }
  }
  [[nodiscard]] constexpr uint32_t of(char32_t c) const {
    if (c < kBlock) return block_[c];
    return c >= kLast && c <= 0xFFFF ? last_[c - kLast] : 0;
  }

 private:
  static constexpr char32_t kBlock = 0x2600;  // Latin to box drawings
  static constexpr char32_t kLast = 0xF800;   // the Apple logo, fi and fl, U+FFFD

  // REQUIRES a character of the two blocks.
  constexpr uint32_t& at(char32_t c) { return c < kBlock ? block_[c] : last_[c - kLast]; }

  std::array<uint32_t, kBlock> block_{};
  std::array<uint32_t, 0x10000 - kLast> last_{};
};

}  // namespace wan::tokenizer
