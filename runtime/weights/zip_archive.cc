#include "runtime/weights/zip_archive.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace wan::weights {
namespace {

// Sizes and offsets as in PKWARE's APPNOTE 6.3.10, sections 4.3.7 to 4.3.16.
constexpr uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20;
constexpr size_t kMaxComment = 65535;
constexpr uint64_t kMaxEntries = 100'000;
constexpr uint16_t kExtra64 = 0x0001;
constexpr uint32_t kSee64 = 0xffffffff;

using Bytes = std::span<const std::byte>;

Error not_zip(const std::string& why) { return corrupt("not a readable zip archive: " + why); }

// REQUIRES the bytes to be there.
template <typename Integer>
Integer little_endian(Bytes bytes, size_t at) {
  Integer value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::optional<Bytes> slice(Bytes bytes, uint64_t at, uint64_t count) {
  if (at > bytes.size() || count > bytes.size() - at) return std::nullopt;
  return bytes.subspan(at, count);
}

struct Directory {
  uint64_t entries = 0, bytes = 0, offset = 0;
};

// Where the record that ends an archive begins; its comment must reach the end of the file.
std::optional<size_t> find_end(Bytes file) {
  if (file.size() < kEndBytes) return std::nullopt;
  const size_t last = file.size() - kEndBytes;
  for (size_t back = 0; back <= std::min(last, kMaxComment); ++back) {
    const size_t at = last - back;
    if (little_endian<uint32_t>(file, at) == kEnd && little_endian<uint16_t>(file, at + 20) == back)
      return at;
  }
  return std::nullopt;
}

Result<Directory> read_end64(Bytes file, size_t end) {
  const auto locator = end < kLocatorBytes ? std::nullopt : slice(file, end - kLocatorBytes, kLocatorBytes);
  if (!locator || little_endian<uint32_t>(*locator, 0) != kLocator64) {
    return fail(not_zip("its zip64 locator is missing"));
  }
  const auto record = slice(file, little_endian<uint64_t>(*locator, 8), kEnd64Bytes);
  if (!record || little_endian<uint32_t>(*record, 0) != kEnd64) {
    return fail(not_zip("its zip64 end record is missing"));
  }
  return Directory{.entries = little_endian<uint64_t>(*record, 32),
                   .bytes = little_endian<uint64_t>(*record, 40),
                   .offset = little_endian<uint64_t>(*record, 48)};
}

Result<Directory> read_end(Bytes file) {
  const auto end = find_end(file);
  if (!end) return fail(not_zip("it has no end record (cut short?)"));
  Directory directory = {.entries = little_endian<uint16_t>(file, *end + 10),
                         .bytes = little_endian<uint32_t>(file, *end + 12),
                         .offset = little_endian<uint32_t>(file, *end + 16)};
  if (directory.entries == 0xffff || directory.bytes == kSee64 || directory.offset == kSee64) {
    WAN_TRY(directory, read_end64(file, *end));
  }
  if (directory.entries > kMaxEntries) {
    return fail(not_zip(std::to_string(directory.entries) + " entries; at most 100000 are allowed"));
  }
  return directory;
}

struct Entry {
  std::string name;
  uint64_t bytes = 0, compressed = 0, header = 0;
  uint16_t flags = 0, method = 0;
};

// The zip64 extra field has those of the three numbers, in this order, that did not fit.
Status read_extra64(Bytes extra, Entry& entry) {
  while (extra.size() >= 4) {
    const auto field = slice(extra, 4, little_endian<uint16_t>(extra, 2));
    if (!field) break;
    if (little_endian<uint16_t>(extra, 0) == kExtra64) {
      size_t at = 0;
      for (uint64_t* number : {&entry.bytes, &entry.compressed, &entry.header}) {
        if (*number != kSee64) continue;
        if (field->size() < at + 8) return fail(not_zip("'" + entry.name + "' has a short zip64 field"));
        *number = little_endian<uint64_t>(*field, at);
        at += 8;
      }
      return {};
    }
    extra = extra.subspan(4 + field->size());
  }
  return {};
}

std::string text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Takes one entry off the front of the central directory.
Result<Entry> read_entry(Bytes& central) {
  if (central.size() < kCentralBytes || little_endian<uint32_t>(central, 0) != kCentralHeader) {
    return fail(not_zip("its directory is broken"));
  }
  const uint64_t name = little_endian<uint16_t>(central, 28), extra = little_endian<uint16_t>(central, 30);
  const uint64_t comment = little_endian<uint16_t>(central, 32);
  const auto tail = slice(central, kCentralBytes, name + extra + comment);
  if (!tail) return fail(not_zip("its directory is cut short"));
  Entry entry = {.name = text_of(tail->first(name)),
                 .bytes = little_endian<uint32_t>(central, 24),
                 .compressed = little_endian<uint32_t>(central, 20),
                 .header = little_endian<uint32_t>(central, 42),
                 .flags = little_endian<uint16_t>(central, 8),
                 .method = little_endian<uint16_t>(central, 10)};
  WAN_TRY_VOID(read_extra64(tail->subspan(name, extra), entry));
  central = central.subspan(kCentralBytes + tail->size());
  return entry;
}

Result<Bytes> data_of(Bytes file, const Entry& entry) {
  constexpr uint16_t kEncrypted = 1;
  const std::string quoted = "'" + entry.name + "'";
  if ((entry.flags & kEncrypted) != 0) return fail(not_zip(quoted + " is encrypted"));
  if (entry.method != 0 || entry.compressed != entry.bytes) return fail(not_zip(quoted + " is compressed"));
  const auto local = slice(file, entry.header, kLocalBytes);
  if (!local || little_endian<uint32_t>(*local, 0) != kLocalHeader) {
    return fail(not_zip(quoted + " has no header where the directory says"));
  }
  const uint64_t name = little_endian<uint16_t>(*local, 26), extra = little_endian<uint16_t>(*local, 28);
  const auto own_name = slice(file, entry.header + kLocalBytes, name);
  if (!own_name || text_of(*own_name) != entry.name) {
    return fail(not_zip(quoted + " has another name in its header"));
  }
  const auto data = slice(file, entry.header + kLocalBytes + name + extra, entry.bytes);
  if (!data) return fail(not_zip(quoted + " reaches past the end of the file"));
  return *data;
}

Status check_overlaps(const ZipEntries& entries) {
  std::vector<Bytes> ranges;
  for (const auto& [name, bytes] : entries) {
    if (!bytes.empty()) ranges.push_back(bytes);
  }
  std::ranges::sort(ranges, {}, [](Bytes bytes) { return bytes.data(); });
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i - 1].data() + ranges[i - 1].size() > ranges[i].data()) {
      return fail(not_zip("entries overlap"));
    }
  }
  return {};
}

}  // namespace

Result<ZipEntries> parse_zip(Bytes file) {
  WAN_TRY(const Directory directory, read_end(file));
  const auto found = slice(file, directory.offset, directory.bytes);
  if (!found) return fail(not_zip("its directory lies outside the file"));
  Bytes central = *found;
  ZipEntries entries;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    WAN_TRY(const Entry entry, read_entry(central));
    WAN_TRY(const Bytes data, data_of(file.first(directory.offset), entry));
    if (!entries.emplace(entry.name, data).second) {
      return fail(not_zip("'" + entry.name + "' is in it twice"));
    }
  }
  WAN_TRY_VOID(check_overlaps(entries));
  return entries;
}

}  // namespace wan::weights
