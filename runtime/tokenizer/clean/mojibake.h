#pragma once
// Repairs text that was written in UTF-8 and read in a single-byte encoding ("schÃ¶n"), once or several
// times.

#include <cstdint>
#include <string>

namespace wan::tokenizer {

// How many characters the repair of a text may still look at. Every step looks at all of them and may make
// work for another; real damage is a few layers deep, but a text can be made that has a layer for each
// character.
class RepairBudget {
 public:
  static constexpr int64_t kSteps = 64;
  explicit RepairBudget(size_t length) : left_(kSteps * (static_cast<int64_t>(length) + kSteps)) {}
  // False when a step over so many characters is too much.
  [[nodiscard]] bool take(size_t characters) {
    left_ -= static_cast<int64_t>(characters) + 1;
    return left_ >= 0;
  }

 private:
  int64_t left_;
};

[[nodiscard]] std::u32string repair_encoding(std::u32string text, RepairBudget& budget);

}  // namespace wan::tokenizer
