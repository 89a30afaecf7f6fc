#include "runtime/gallery/artifacts/bucket_index.h"

#include <algorithm>

#include "base/crypto/sha256.h"
#include "base/json/json.h"
#include "runtime/gallery/artifacts/store.h"

namespace wan::gallery {
namespace {

constexpr size_t kMaxEntryBytes = 64u << 10;
constexpr size_t kMaxPaths = 64;  // more of the same bytes are not remembered
constexpr int kAttempts = 5;

struct Entry {
  Paths paths;
  std::string etag;  // "" where there is no entry yet
};

std::string key_of(const std::string& folder, const std::string& digest) {
  return folder + hex_of(digest) + ".json";
}

// Whoever may write to the bucket may have written it: what is not a path of ours is left out.
Paths read_paths(std::string_view text) {
  Paths paths;
  const auto json = parse_json(text);
  const Json* listed = json ? find(*json, {"paths"}) : nullptr;
  if (listed == nullptr || !listed->is_array()) return paths;
  for (const Json& path : *listed) {
    if (paths.size() == kMaxPaths) break;
    if (path.is_string() && check_artifact_path(path.get<std::string>())) paths.push_back(path);
  }
  return paths;
}

Task<Result<Entry>> read_entry(S3Client& client, std::string key) {
  const auto found = co_await client.get_small(std::move(key), kMaxEntryBytes);
  if (found) co_return Entry{read_paths(found->body), std::string(found->headers.get("ETag").value_or(""))};
  // Without the right to list, a server does not tell an absent object from a forbidden one.
  const ErrorCode code = found.error().code;
  if (code == ErrorCode::kNotFound || code == ErrorCode::kPermissionDenied) co_return Entry{};
  co_return fail(found.error());
}

Task<Result<bool>> write_entry(S3Client& client, std::string key, const Entry& entry) {
  S3Put put;
  put.key = std::move(key);
  put.body = Json{{"paths", entry.paths}}.dump();
  put.sha256 = sha256_hex(put.body);
  put.headers.set("Content-Type", "application/json");
  if (entry.etag.empty()) {
    put.headers.set("If-None-Match", "*");
  } else {
    put.headers.set("If-Match", entry.etag);
  }
  co_return co_await client.put(std::move(put));
}

using Change = std::function<void(Paths&)>;

Task<Result<Paths>> change(S3Client& client, std::string key, Change make) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    WAN_CO_TRY(Entry entry, co_await read_entry(client, key));
    const Paths before = entry.paths;
    make(entry.paths);
    if (entry.paths == before) co_return before;
    if (entry.paths.empty()) {
      WAN_CO_TRY_VOID(co_await client.remove(key));
      co_return Paths{};
    }
    WAN_CO_TRY(const bool written, co_await write_entry(client, key, entry));
    if (written) co_return std::move(entry.paths);
  }
  co_return fail(unavailable(key + " is being changed by others again and again"));
}

}  // namespace

Task<Result<Paths>> indexed_paths(S3Client& client, std::string folder, std::string digest) {
  std::string key = key_of(folder, digest);
  WAN_CO_TRY(Entry entry, co_await read_entry(client, std::move(key)));
  co_return std::move(entry.paths);
}

Task<Result<Paths>> add_to_index(S3Client& client, std::string folder, std::string digest, std::string path) {
  Change add = [path](Paths& paths) {
    if (std::ranges::find(paths, path) != paths.end()) return;
    if (paths.size() < kMaxPaths) paths.push_back(path);
  };
  std::string key = key_of(folder, digest);
  co_return co_await change(client, std::move(key), std::move(add));
}

Task<Result<Paths>> take_from_index(S3Client& client, std::string folder, std::string digest,
                                    std::string path) {
  Change take = [path](Paths& paths) { std::erase(paths, path); };
  std::string key = key_of(folder, digest);
  co_return co_await change(client, std::move(key), std::move(take));
}

}  // namespace wan::gallery
