#include "runtime/weights/pth.h"

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/weights/pickle.h"
#include "runtime/weights/zip_archive.h"

namespace wan::weights {
namespace {

constexpr std::string_view kPickleName = "/data.pkl";

// How torch.save began a file before 1.6: a pickled magic number, no archive.
bool is_legacy(std::span<const std::byte> file) {
  constexpr std::array<uint8_t, 6> kMagic = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc};
  return file.size() >= kMagic.size() && std::memcmp(file.data(), kMagic.data(), kMagic.size()) == 0;
}

// The folder that all entries of the archive are below.
Result<std::string> root_of(const ZipEntries& entries) {
  std::optional<std::string> root;
  for (const auto& [name, bytes] : entries) {
    if (!name.ends_with(kPickleName) || name.find('/') != name.size() - kPickleName.size()) continue;
    if (root) return fail(corrupt("the archive holds two data.pkl"));
    root = name.substr(0, name.size() - kPickleName.size());
  }
  if (!root) return fail(corrupt("the archive holds no data.pkl: not a file of torch.save"));
  return *root;
}

Status check_byte_order(const ZipEntries& entries, const std::string& root) {
  const auto entry = entries.find(root + "/byteorder");
  constexpr std::string_view kLittle = "little";
  if (entry == entries.end()) return {};
  const auto bytes = entry->second;
  if (bytes.size() == kLittle.size() && std::memcmp(bytes.data(), kLittle.data(), kLittle.size()) == 0)
    return {};
  return fail(corrupt("the file is big-endian; supported: little-endian"));
}

// Row-major strides need not be told; a side of one may have any.
bool is_row_major(const PickledTensor& tensor) {
  int64_t expected = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

// One past the last element that a tensor with elements reaches; nothing when that does not fit.
std::optional<uint64_t> end_of(const PickledTensor& tensor) {
  uint64_t end = tensor.offset;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    uint64_t reach = 0;
    if (__builtin_mul_overflow(static_cast<uint64_t>(tensor.shape[i] - 1),
                               static_cast<uint64_t>(tensor.strides[i]), &reach) ||
        __builtin_add_overflow(end, reach, &end)) {
      return std::nullopt;
    }
  }
  return __builtin_add_overflow(end, uint64_t{1}, &end) ? std::nullopt : std::optional(end);
}

Result<StoredTensor> view_of(const PickledTensor& tensor, std::span<const std::byte> storage) {
  const size_t size = size_of(tensor.dtype);
  if (storage.size() % size != 0 || storage.size() / size != tensor.storage_elements) {
    return fail(corrupt("storage '" + tensor.storage + "' has " + std::to_string(storage.size()) +
                        " bytes, not those of " + std::to_string(tensor.storage_elements) + " elements of " +
                        std::string(to_string(tensor.dtype))));
  }
  StoredTensor view = {.dtype = tensor.dtype, .shape = tensor.shape};
  const auto count = element_count(tensor.shape);
  if (count == 0) return view;
  const auto end = end_of(tensor);
  // More elements than the storage has would be a small file that unfolds into a huge tensor.
  if (!count || *count > tensor.storage_elements || !end || *end > tensor.storage_elements) {
    return fail(corrupt("reaches past its storage '" + tensor.storage + "' of " +
                        std::to_string(tensor.storage_elements) + " elements"));
  }
  if (!is_row_major(tensor)) view.strides = tensor.strides;
  view.bytes = storage.subspan(tensor.offset * size, (*end - tensor.offset) * size);
  return view;
}

}  // namespace

Result<StoredTensors> parse_pth(std::span<const std::byte> file) {
  if (is_legacy(file)) {
    return fail(
        corrupt("written by torch before 1.6, as a bare pickle; load it with torch and save it again"));
  }
  WAN_TRY(const ZipEntries entries, parse_zip(file));
  WAN_TRY(const std::string root, root_of(entries));
  WAN_TRY_VOID(check_byte_order(entries, root));
  WAN_TRY(const auto pickled, read_pickled_state_dict(entries.at(root + std::string(kPickleName))));
  StoredTensors tensors;
  for (const PickledTensor& tensor : pickled) {
    const auto storage = entries.find(root + "/data/" + tensor.storage);
    if (storage == entries.end()) {
      return fail(corrupt("tensor '" + tensor.name + "': its storage is not in the archive"));
    }
    auto view = view_of(tensor, storage->second);
    if (!view) return fail(view.error().with_context("tensor '" + tensor.name + "'"));
    tensors.emplace(tensor.name, *std::move(view));
  }
  return tensors;
}

Result<StoredTensors> open_pth(const std::filesystem::path& file) { return open_tensors(file, parse_pth); }

}  // namespace wan::weights
