#include "runtime/pipeline/digest_memory.h"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <optional>
#include <span>
#include <sys/stat.h>
#include <vector>

#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "base/json/json.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kWorthRemembering = 1 << 20;  // smaller files are hashed in milliseconds
constexpr size_t kMaxRecordBytes = 4096;
constexpr size_t kPiece = 4u << 20;

struct Identity {
  std::string text;
  time_t changed = 0;
};

std::optional<Identity> identify(const fs::path& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0 || found.st_size < kWorthRemembering) return std::nullopt;
  const auto time = [](const timespec& at) {
    return std::to_string(at.tv_sec) + "." + std::to_string(at.tv_nsec);
  };
  const std::string text = std::to_string(found.st_dev) + " " + std::to_string(found.st_ino) + " " +
                           std::to_string(found.st_size) + " " + time(found.st_mtim) + " " +
                           time(found.st_ctim);
  return Identity{text, found.st_ctim.tv_sec};
}

std::optional<std::string> recall(const fs::path& record, const std::string& identity) {
  const auto text = read_file(record, kMaxRecordBytes);
  if (!text) return std::nullopt;
  const auto json = parse_json(*text);
  if (!json || string_or(*json, {"identity"}, "") != identity) return std::nullopt;
  std::string digest = string_or(*json, {"digest"}, "");
  return is_sha256_digest(digest) ? std::optional(std::move(digest)) : std::nullopt;
}

void remember(const fs::path& record, const std::string& identity, const std::string& digest) {
  std::error_code ignored;
  fs::create_directories(record.parent_path(), ignored);
  const Json json = {{"identity", identity}, {"digest", digest}};
  [[maybe_unused]] const Status written = write_file_atomically(record, to_text(json) + "\n");
}

Result<std::string> hash(const fs::path& file, const HashedBytes& hashed) {
  if (!hashed) return sha256_file_digest(file);
  std::ifstream stream(file, std::ios::binary);
  Sha256 digest;
  std::vector<char> piece(kPiece);
  while (stream) {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto got = static_cast<size_t>(stream.gcount());
    digest.update(std::as_bytes(std::span(piece).first(got)));
    hashed(static_cast<int64_t>(got));
  }
  if (!stream.eof()) return fail(Error{ErrorCode::kUnavailable, file.string() + ": cannot be read"});
  return digest.finish_digest();
}

}  // namespace

DigestMemory DigestMemory::of_user() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache != nullptr && *cache == '/') return DigestMemory(fs::path(cache) / "wan-gallery" / "digests");
  if (home != nullptr && *home == '/') return DigestMemory(fs::path(home) / ".cache/wan-gallery/digests");
  return DigestMemory("");
}

Result<std::string> DigestMemory::digest_of(const fs::path& file, const HashedBytes& hashed) const {
  const auto before = folder_.empty() ? std::nullopt : identify(file);
  if (!before) return hash(file, hashed);
  std::error_code ignored;
  const fs::path record = folder_ / sha256_hex(fs::absolute(file, ignored).lexically_normal().string());
  if (auto known = recall(record, before->text)) return *std::move(known);
  WAN_TRY(std::string digest, hash(file, hashed));
  const auto after = identify(file);
  const bool settled = before->changed + settling_.count() <= std::time(nullptr);
  if (settled && after && after->text == before->text) remember(record, before->text, digest);
  return digest;
}

}  // namespace wan::pipeline
