#include "runtime/tokenizer/clean/white_space.h"

namespace wan::tokenizer {

std::u32string collapse_white_space(std::u32string_view text) {
  std::u32string out;
  bool pending = false;
  for (const char32_t c : text) {
    if (is_white_space(c)) {
      pending = !out.empty();
      continue;
    }
    if (pending) out += U' ';
    pending = false;
    out += c;
  }
  return out;
}

}  // namespace wan::tokenizer
