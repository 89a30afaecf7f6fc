#pragma once
// A prompt to token ids, with the rules of the Hugging Face "fast" T5 tokenizer that the official code uses
// (README.md). The model file is sentencepiece's; its own normaliser is applied.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wan::tokenizer {

inline constexpr size_t kMaxTokens = 512;  // text length of Wan, the end token included

// A text that stands for one id wherever it occurs in a prompt, such as "</s>".
struct SpecialToken {
  std::string text;
  int64_t id = 0;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Ids of a text that is already clean (prompt_clean.h), the end token last; at most kMaxTokens.
  [[nodiscard]] virtual std::vector<int64_t> encode(std::string_view text) const = 0;
};

// A `tokenizer/` folder: spiece.model and, if there, tokenizer_config.json (which names the special tokens).
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::filesystem::path& directory);

// From one model file; `extra_ids` sentinels <extra_id_0>.. follow the model's pieces, the last one first.
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> load_tokenizer_model(const std::filesystem::path& file,
                                                                      int extra_ids);

}  // namespace wan::tokenizer
