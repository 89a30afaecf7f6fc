#include "runtime/gallery/artifacts/digest_index.h"

#include <cerrno>
#include <cstdio>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto/hmac.h"
#include "base/crypto/sha256.h"
#include "base/json/json.h"
#include "runtime/gallery/key.h"

namespace wan::gallery {
namespace {

constexpr size_t kMaxRecordBytes = 4096;

std::string record_key(std::string_view path) { return ".wan/index/" + sha256_hex(path) + ".json"; }

// What must be unchanged for a record to count.
Result<Json> identity(std::string_view path, int file) {
  struct stat information{};
  if (::fstat(file, &information) != 0) return fail(from_errno(errno, "read \"" + std::string(path) + "\""));
  return Json{{"path", path},
              {"inode", information.st_ino},
              {"bytes", information.st_size},
              {"mtimeSeconds", information.st_mtim.tv_sec},
              {"mtimeNanoseconds", information.st_mtim.tv_nsec}};
}

}  // namespace

Status remember_digest(int root, std::string_view path, int file, std::string digest) {
  WAN_TRY(Json record, identity(path, file));
  record["digest"] = std::move(digest);
  const std::string random = random_bytes(8);
  const std::string temporary =
      ".wan/tmp/" + to_hex(std::span(reinterpret_cast<const uint8_t*>(random.data()), random.size()));
  WAN_TRY(const Descriptor out, create_regular(root, temporary));
  WAN_TRY_VOID(write_all(out.get(), record.dump()));
  WAN_TRY_VOID(sync(out.get(), "a digest record"));
  WAN_TRY(const Place from, locate(root, temporary));
  WAN_TRY(const Place to, locate(root, record_key(path), Missing::kCreate));
  if (::renameat(from.folder.get(), from.name.c_str(), to.folder.get(), to.name.c_str()) != 0) {
    return fail(from_errno(errno, "write a digest record"));
  }
  return {};
}

std::optional<std::string> recall_digest(int root, std::string_view path, int file) {
  const auto text = read_small(root, record_key(path), kMaxRecordBytes);
  if (!text) return std::nullopt;
  auto record = parse_json(*text);
  if (!record || !record->is_object()) return std::nullopt;
  std::string digest = string_or(*record, {"digest"}, "");
  record->erase("digest");
  const auto expected = identity(path, file);
  if (!expected || *record != *expected || !is_sha256_digest(digest)) return std::nullopt;
  return digest;
}

void forget_digest(int root, std::string_view path) {
  if (const auto place = locate(root, record_key(path))) {
    ::unlinkat(place->folder.get(), place->name.c_str(), 0);
  }
}

}  // namespace wan::gallery
