#include "runtime/tokenizer/tokenizer.h"

#include <algorithm>
#include <optional>
#include <sentencepiece_processor.h>

#include "base/io/file.h"
#include "base/json/json.h"
#include "runtime/tokenizer/metaspace.h"
#include "runtime/tokenizer/normalizer.h"
#include "runtime/tokenizer/unigram.h"

namespace wan::tokenizer {
namespace {

constexpr size_t kMaxModelBytes = 256u << 20;
constexpr int kMaxExtraIds = 10000;

using Processor = sentencepiece::SentencePieceProcessor;

// Every piece takes part, control and byte pieces too: their text in a prompt stands for them.
std::vector<Piece> pieces_of(const Processor& processor) {
  std::vector<Piece> pieces;
  pieces.reserve(processor.GetPieceSize());
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    pieces.push_back({processor.IdToPiece(id), processor.GetScore(id), id});
  }
  return pieces;
}

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(std::unique_ptr<Processor> processor, std::unique_ptr<Normalizer> normalizer,
                         std::vector<SpecialToken> special)
      : processor_(std::move(processor)),
        normalizer_(std::move(normalizer)),
        special_(std::move(special)),
        unigram_(pieces_of(*processor_), processor_->unk_id()) {}

  std::vector<int64_t> encode(std::string_view text) const override {
    std::vector<int64_t> ids;
    while (!text.empty()) {
      const auto [at, token] = first_special(text);
      encode_plain(text.substr(0, at), ids);
      if (!token) break;
      ids.push_back(token->id);
      text.remove_prefix(at + token->text.size());
    }
    ids.resize(std::min(ids.size(), kMaxTokens - 1));
    ids.push_back(processor_->eos_id());
    return ids;
  }

 private:
  struct Found {
    size_t at;
    const SpecialToken* token;
  };

  // The leftmost special token, of several there the longest.
  Found first_special(std::string_view text) const {
    Found found{text.size(), nullptr};
    for (const SpecialToken& token : special_) {
      const size_t at = text.find(token.text);
      if (at == std::string_view::npos || at > found.at) continue;
      const bool better = at < found.at || !found.token || token.text.size() > found.token->text.size();
      if (better) found = {at, &token};
    }
    return found;
  }

  void encode_plain(std::string_view text, std::vector<int64_t>& ids) const {
    const std::string normalized = normalizer_->normalize(text);
    for (const std::string_view word : split_words(normalized)) unigram_.encode(word, ids);
  }

  std::unique_ptr<Processor> processor_;  // owns the bytes of the pieces
  std::unique_ptr<Normalizer> normalizer_;
  std::vector<SpecialToken> special_;
  Unigram unigram_;
};

void add_special(const Processor& processor, int id, std::vector<SpecialToken>& special) {
  if (id >= 0 && id < processor.GetPieceSize()) special.push_back({processor.IdToPiece(id), id});
}

std::vector<SpecialToken> special_tokens(const Processor& processor, int extra_ids) {
  std::vector<SpecialToken> special;
  add_special(processor, processor.pad_id(), special);
  add_special(processor, processor.eos_id(), special);
  add_special(processor, processor.bos_id(), special);
  add_special(processor, processor.unk_id(), special);
  const int last = processor.GetPieceSize() + extra_ids - 1;
  for (int i = 0; i < extra_ids; ++i) special.push_back({"<extra_id_" + std::to_string(i) + ">", last - i});
  return special;
}

Result<int> extra_ids_of(const std::filesystem::path& directory) {
  const auto file = directory / "tokenizer_config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return 0;
  WAN_TRY(const std::string text, read_file(file, 4u << 20));
  auto json = parse_json(text);
  if (!json) return fail(json.error().with_context(file.string()));
  const int64_t extra_ids = int_or(*json, {"extra_ids"}, 0);
  if (extra_ids < 0 || extra_ids > kMaxExtraIds) {
    return fail(corrupt(file.string() + ": extra_ids is " + std::to_string(extra_ids) + ", allowed: 0 to " +
                        std::to_string(kMaxExtraIds)));
  }
  return static_cast<int>(extra_ids);
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> load_tokenizer_model(const std::filesystem::path& file, int extra_ids) {
  WAN_TRY(const std::string model, read_file(file, kMaxModelBytes));
  auto normalizer = make_normalizer(model);
  if (!normalizer) return fail(normalizer.error().with_context(file.string()));
  auto processor = std::make_unique<Processor>();
  const auto status = processor->LoadFromSerializedProto(model);
  if (!status.ok()) return fail(corrupt(file.string() + ": " + status.ToString()));
  if (processor->eos_id() < 0 || processor->unk_id() < 0) {
    return fail(corrupt(file.string() + ": the model has no end token or no unknown token"));
  }
  auto special = special_tokens(*processor, extra_ids);
  return std::make_unique<SentencePieceTokenizer>(std::move(processor), std::move(*normalizer),
                                                  std::move(special));
}

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::filesystem::path& directory) {
  WAN_TRY(const int extra_ids, extra_ids_of(directory));
  return load_tokenizer_model(directory / "spiece.model", extra_ids);
}

}  // namespace wan::tokenizer
