#include "runtime/weights/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "base/json/json.h"

namespace wan::weights {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

std::optional<uint64_t> unsigned_value(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<uint64_t>();
}

Result<DType> parse_dtype(const Json& entry) {
  const std::string name = string_or(entry, {"dtype"}, "");
  if (const auto dtype = dtype_named(name)) return *dtype;
  return fail(corrupt("dtype '" + name + "' is not supported; supported: " + dtype_names()));
}

Result<std::vector<int64_t>> parse_shape(const Json& entry) {
  const Json* shape = find(entry, {"shape"});
  if (!shape || !shape->is_array() || shape->size() > kMaxDimensions) {
    return fail(corrupt("shape must be a list of at most 8 sides"));
  }
  std::vector<int64_t> sides;
  for (const Json& side : *shape) {
    const auto value = unsigned_value(side);
    if (!value || *value > INT64_MAX) return fail(corrupt("shape has a side that is not a whole number"));
    sides.push_back(static_cast<int64_t>(*value));
  }
  return sides;
}

// Nothing when the product does not fit.
std::optional<uint64_t> byte_count(DType dtype, const std::vector<int64_t>& shape) {
  auto count = element_count(shape);
  if (!count || __builtin_mul_overflow(*count, size_of(dtype), &*count)) return std::nullopt;
  return count;
}

Result<StoredTensor> parse_entry(const Json& entry, std::span<const std::byte> data) {
  StoredTensor tensor;
  WAN_TRY(tensor.dtype, parse_dtype(entry));
  WAN_TRY(tensor.shape, parse_shape(entry));
  const Json* offsets = find(entry, {"data_offsets"});
  if (!offsets || !offsets->is_array() || offsets->size() != 2) {
    return fail(corrupt("data_offsets must be [begin, end]"));
  }
  const auto begin = unsigned_value((*offsets)[0]);
  const auto end = unsigned_value((*offsets)[1]);
  if (!begin || !end || *begin > *end || *end > data.size()) {
    return fail(corrupt("data_offsets " + offsets->dump() + " are outside the file's " +
                        std::to_string(data.size()) + " bytes of data"));
  }
  const auto bytes = byte_count(tensor.dtype, tensor.shape);
  if (!bytes || *bytes != *end - *begin) {
    return fail(corrupt("data_offsets " + offsets->dump() + " do not fit its shape and dtype"));
  }
  tensor.bytes = data.subspan(*begin, *end - *begin);
  return tensor;
}

// Each byte of the data belongs to exactly one tensor.
Status check_coverage(const StoredTensors& tensors, std::span<const std::byte> data) {
  std::vector<std::pair<const std::byte*, const std::byte*>> ranges;
  for (const auto& [name, tensor] : tensors) {
    ranges.emplace_back(tensor.bytes.data(), tensor.bytes.data() + tensor.bytes.size());
  }
  std::ranges::sort(ranges);
  const std::byte* at = data.data();
  for (const auto& [begin, end] : ranges) {
    if (begin != at) return fail(corrupt("the tensors overlap or leave holes in the data"));
    at = end;
  }
  if (at != data.data() + data.size()) return fail(corrupt("there are bytes after the last tensor"));
  return {};
}

Result<Json> parse_header(std::span<const std::byte> file) {
  uint64_t length = 0;
  if (file.size() < kLengthBytes) return fail(corrupt("shorter than a safetensors header"));
  std::memcpy(&length, file.data(), kLengthBytes);
  static_assert(std::endian::native == std::endian::little);
  if (length > kMaxHeaderBytes || length > file.size() - kLengthBytes) {
    return fail(corrupt("the header claims " + std::to_string(length) + " bytes; the file has " +
                        std::to_string(file.size()) + " and at most 100000000 are allowed"));
  }
  const auto* text = reinterpret_cast<const char*>(file.data() + kLengthBytes);
  auto header = parse_json({text, length}, {.max_bytes = kMaxHeaderBytes, .max_depth = 8});
  if (!header) return fail(corrupt("the header is not JSON: " + header.error().message));
  if (!header->is_object()) return fail(corrupt("the header is not a JSON object"));
  return header;
}

}  // namespace

Result<StoredTensors> parse_safetensors(std::span<const std::byte> file) {
  WAN_TRY(const Json header, parse_header(file));
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  const auto data = file.subspan(kLengthBytes + length);
  StoredTensors tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    auto tensor = parse_entry(entry, data);
    if (!tensor) return fail(tensor.error().with_context("tensor '" + name + "'"));
    tensors.emplace(name, *std::move(tensor));
  }
  WAN_TRY_VOID(check_coverage(tensors, data));
  return tensors;
}

std::string safetensors_header(std::span<const TensorEntry> tensors,
                               const std::map<std::string, std::string>& metadata) {
  constexpr size_t kAlignment = 8;
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t at = 0;
  for (const TensorEntry& tensor : tensors) {
    const uint64_t end = at + element_count(tensor.shape).value() * size_of(tensor.dtype);
    header[tensor.name] = {
        {"dtype", to_string(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::string length(kLengthBytes, '\0');
  for (size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
  return length + text;
}

Result<StoredTensors> open_safetensors(const std::filesystem::path& file) {
  return open_tensors(file, parse_safetensors);
}

}  // namespace wan::weights
