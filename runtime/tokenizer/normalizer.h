#pragma once
// The text normaliser that a sentencepiece model carries: identity for umT5, NFKC with rules for others.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wan::tokenizer {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Text to pieces' alphabet: spaces are U+2581, one stands in front.
  [[nodiscard]] virtual std::string normalize(std::string_view text) const = 0;
};

// Reads the normaliser out of the bytes of a `spiece.model`.
[[nodiscard]] Result<std::unique_ptr<Normalizer>> make_normalizer(std::string_view model);

}  // namespace wan::tokenizer
