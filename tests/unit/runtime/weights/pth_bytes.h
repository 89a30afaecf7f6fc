#pragma once
// .pth files as torch.save writes them, for tests: whole ones in memory, and sparse ones of any size on disk.

#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wan::weights {

template <typename Integer>
std::string little_endian_bytes(Integer value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// A file as the pieces that are not zero.
struct SparseBytes {
  std::vector<std::pair<uint64_t, std::string>> pieces;
  uint64_t size = 0;

  void append(std::string bytes) {
    const uint64_t at = size;
    size += bytes.size();
    pieces.emplace_back(at, std::move(bytes));
  }
  [[nodiscard]] std::string whole() const {
    std::string all(size, '\0');
    for (const auto& [at, bytes] : pieces) all.replace(at, bytes.size(), bytes);
    return all;
  }
  [[nodiscard]] bool write(const std::filesystem::path& file) const {
    const int descriptor = ::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    bool good = descriptor >= 0 && ::ftruncate(descriptor, static_cast<off_t>(size)) == 0;
    for (const auto& [at, bytes] : pieces) {
      good = good && ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
                         static_cast<ssize_t>(bytes.size());
    }
    return ::close(descriptor) == 0 && good;
  }
};

struct ZipOptions {
  uint16_t method = 0, flags = 0;
};

// Entries aligned to 64 bytes, zip64 numbers throughout.
class ZipBuilder {
 public:
  explicit ZipBuilder(ZipOptions options = {}) : options_(options) {}

  void add(const std::string& name, std::string data) {
    const uint64_t bytes = data.size();
    begin(name, bytes);
    file_.append(std::move(data));
  }
  void add_zeros(const std::string& name, uint64_t bytes) {
    begin(name, bytes);
    file_.size += bytes;
  }
  SparseBytes finish() {
    const uint64_t offset = file_.size;
    file_.append(directory_);
    const uint64_t end = file_.size;
    file_.append(little_endian_bytes<uint32_t>(0x06064b50) + little_endian_bytes<uint64_t>(44) +
                 std::string(12, '\0') + little_endian_bytes(entries_) + little_endian_bytes(entries_) +
                 little_endian_bytes<uint64_t>(directory_.size()) + little_endian_bytes(offset));
    file_.append(little_endian_bytes<uint32_t>(0x07064b50) + std::string(4, '\0') + little_endian_bytes(end) +
                 little_endian_bytes<uint32_t>(1));
    file_.append(little_endian_bytes<uint32_t>(0x06054b50) + std::string(4, '\0') + std::string(4, '\xff') +
                 std::string(8, '\xff') + std::string(2, '\0'));
    return file_;
  }

 private:
  void begin(const std::string& name, uint64_t bytes) {
    const uint64_t header = file_.size;
    const size_t pad = (64 - (header + 30 + name.size() + 4) % 64) % 64;
    const std::string common = little_endian_bytes(options_.flags) + little_endian_bytes(options_.method) +
                               std::string(8, '\0') + std::string(8, '\xff') +
                               little_endian_bytes(static_cast<uint16_t>(name.size()));
    file_.append(little_endian_bytes<uint32_t>(0x04034b50) + std::string(2, '\0') + common +
                 little_endian_bytes(static_cast<uint16_t>(pad + 4)) + name + "FB" +
                 little_endian_bytes(static_cast<uint16_t>(pad)) + std::string(pad, 'Z'));
    directory_ += little_endian_bytes<uint32_t>(0x02014b50) + std::string(4, '\0') + common +
                  little_endian_bytes<uint16_t>(28) + std::string(10, '\0') + std::string(4, '\xff') + name +
                  little_endian_bytes<uint16_t>(1) + little_endian_bytes<uint16_t>(24) +
                  little_endian_bytes(bytes) + little_endian_bytes(bytes) + little_endian_bytes(header);
    ++entries_;
  }

  ZipOptions options_;
  SparseBytes file_;
  std::string directory_;
  uint64_t entries_ = 0;
};

// Pieces of a pickle, protocol 2.
namespace pickled {

inline std::string text(const std::string& value) {
  return "X" + little_endian_bytes(static_cast<uint32_t>(value.size())) + value;
}
inline std::string number(int64_t value) { return std::string("\x8a\x08") + little_endian_bytes(value); }
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::vector<int64_t>& values) {
  std::string out = "(";
  for (const int64_t value : values) out += number(value);
  return out + "t";
}

struct View {
  std::string storage = "0";
  int64_t elements = 0;  // of the storage
  int64_t offset = 0;
  std::vector<int64_t> shape, strides;
  std::string type = "FloatStorage";
};

inline std::string tensor(const View& view) {
  return global("torch._utils", "_rebuild_tensor_v2") + "((" + text("storage") + global("torch", view.type) +
         text(view.storage) + text("cpu") + number(view.elements) + "tQ" + number(view.offset) +
         tuple(view.shape) + tuple(view.strides) + "\x89" + global("collections", "OrderedDict") + ")RtR";
}
inline std::string begin_dict() { return "\x80\x02" + global("collections", "OrderedDict") + ")R("; }
inline std::string end_dict() { return "u."; }

}  // namespace pickled

// A whole file of this pickle and one storage "0".
inline std::string pth_bytes(const std::string& pickle, const std::string& storage) {
  ZipBuilder zip;
  zip.add("model/data.pkl", pickle);
  zip.add("model/byteorder", "little");
  zip.add("model/data/0", storage);
  return zip.finish().whole();
}

}  // namespace wan::weights
