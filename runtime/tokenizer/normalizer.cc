#include "runtime/tokenizer/normalizer.h"

#include <cstdint>
#include <optional>
#include <sentencepiece_processor.h>
#include <vector>

#include "runtime/tokenizer/metaspace.h"

namespace wan::tokenizer {
namespace {

// The fields of a serialized ModelProto that matter here.
constexpr uint64_t kTrainerSpec = 2, kNormalizerSpec = 3;
constexpr uint64_t kPrecompiledCharsmap = 2;  // of NormalizerSpec
constexpr uint64_t kLengthDelimited = 2;      // wire type

struct Field {
  uint64_t number = 0;
  std::string_view whole;  // tag, length and value
  std::string_view value;  // of length-delimited fields
};

std::optional<uint64_t> take_varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

std::optional<size_t> value_size(uint64_t wire_type, std::string_view& bytes) {
  constexpr uint64_t kVarint = 0, kFixed64 = 1, kFixed32 = 5;
  if (wire_type == kVarint) return take_varint(bytes) ? std::optional<size_t>(0) : std::nullopt;
  if (wire_type == kFixed64) return 8;
  if (wire_type == kFixed32) return 4;
  if (wire_type != kLengthDelimited) return std::nullopt;
  const auto length = take_varint(bytes);
  return length ? std::optional<size_t>(*length) : std::nullopt;
}

// Protocol buffer framing; nothing when the bytes are not that.
std::optional<std::vector<Field>> split_fields(std::string_view bytes) {
  std::vector<Field> fields;
  while (!bytes.empty()) {
    const std::string_view start = bytes;
    const auto tag = take_varint(bytes);
    const auto size = tag ? value_size(*tag & 7, bytes) : std::nullopt;
    if (!size || *size > bytes.size()) return std::nullopt;
    const std::string_view value = bytes.substr(0, *size);
    bytes.remove_prefix(*size);
    fields.push_back({*tag >> 3, start.substr(0, start.size() - bytes.size()), value});
  }
  return fields;
}

// Runs of spaces become one; then as Metaspace says.
class IdentityNormalizer final : public Normalizer {
 public:
  std::string normalize(std::string_view text) const override {
    std::string collapsed;
    for (const char c : text) {
      if (c != ' ' || collapsed.empty() || collapsed.back() != ' ') collapsed += c;
    }
    return to_metaspace(collapsed);
  }
};

// The library has no call that only normalises (before 0.2), but what it normalised can be read off a model
// in which nearly every character is unknown.
class LibraryNormalizer final : public Normalizer {
 public:
  explicit LibraryNormalizer(std::unique_ptr<sentencepiece::SentencePieceProcessor> processor)
      : processor_(std::move(processor)) {}

  std::string normalize(std::string_view text) const override {
    std::vector<std::string> pieces;
    if (!processor_->Encode({text.data(), text.size()}, &pieces).ok()) return {};
    std::string joined;
    for (const auto& piece : pieces) joined += piece;
    return joined;
  }

 private:
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
};

// Every setting of the model, but only two pieces (an unknown and a normal one) and no byte fallback: of a
// field that occurs twice the later one counts.
std::string without_pieces(const std::vector<Field>& fields) {
  using namespace std::string_literals;
  std::string model = "\x0A\x09\x0A\x05<unk>\x18\x02"s;  // piece {text, type UNKNOWN}
  model += "\x0A\x05\x0A\x03\u2581"s;                    // piece {text}
  for (const Field& field : fields) {
    if (field.number == kTrainerSpec || field.number == kNormalizerSpec) model += field.whole;
  }
  model += "\x12\x03\x98\x02\x00"s;  // trainer_spec {byte_fallback: false}
  return model;
}

}  // namespace

Result<std::unique_ptr<Normalizer>> make_normalizer(std::string_view model) {
  const auto fields = split_fields(model);
  if (!fields) return fail(corrupt("not a sentencepiece model"));
  bool identity = true;
  for (const Field& field : *fields) {
    if (field.number != kNormalizerSpec) continue;
    const auto parts = split_fields(field.value);
    if (!parts) return fail(corrupt("not a sentencepiece model: the normaliser's settings are damaged"));
    for (const Field& part : *parts) {
      if (part.number == kPrecompiledCharsmap && !part.value.empty()) identity = false;
    }
  }
  if (identity) return std::make_unique<IdentityNormalizer>();
  auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
  const auto status = processor->LoadFromSerializedProto(without_pieces(*fields));
  if (!status.ok())
    return fail(corrupt("sentencepiece refuses the model's normaliser: " + status.ToString()));
  return std::make_unique<LibraryNormalizer>(std::move(processor));
}

}  // namespace wan::tokenizer
