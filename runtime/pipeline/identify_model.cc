#include "runtime/pipeline/identify_model.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "runtime/pipeline/digest_memory.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& relative) {
  return std::ranges::any_of(relative, [](const fs::path& part) { return part.string().starts_with('.'); });
}

Result<std::vector<fs::path>> files_below(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> files;
  for (auto it = fs::recursive_directory_iterator(directory, error); !error && it != fs::end(it);
       it.increment(error)) {
    const fs::path relative = it->path().lexically_relative(directory);
    if (it->is_regular_file(error) && !is_hidden(relative)) files.push_back(relative);
  }
  if (error) return fail(from_errno(error.value(), directory.string()));
  std::ranges::sort(files, {}, [](const fs::path& file) { return file.generic_string(); });
  return files;
}

Result<std::string> digest_of_files(const fs::path& directory, const DigestMemory& memory,
                                    const std::function<void(int64_t, int64_t)>& progress) {
  WAN_TRY(const auto files, files_below(directory));
  const auto size_of = [&](const fs::path& file) {
    std::error_code ignored;
    return static_cast<int64_t>(fs::file_size(directory / file, ignored));
  };
  int64_t before = 0, inside = 0, total = 0;  // bytes of whole files, of the one being hashed, of all
  for (const fs::path& file : files) total += size_of(file);
  const HashedBytes hashed = [&](int64_t bytes) {
    if (progress) progress(before + (inside += bytes), total);
  };
  Sha256 digest;
  for (const fs::path& file : files) {
    inside = 0;
    WAN_TRY(const std::string one, memory.digest_of(directory / file, hashed));
    digest.update(file.generic_string());
    digest.update(std::string_view("\0", 1));
    digest.update(one);
    digest.update(std::string_view("\n"));
    before += size_of(file);
    if (progress) progress(before, total);
  }
  return digest.finish_digest();
}

}  // namespace

// A trailing slash or "." has no file name of its own.
std::string model_name(const fs::path& directory) {
  std::error_code error;
  const fs::path full = fs::weakly_canonical(directory, error);
  return error ? directory.filename().string() : full.filename().string();
}

Result<ModelInfo> identify_model(const fs::path& directory,
                                 const std::function<void(int64_t, int64_t)>& progress) {
  ModelInfo info;
  info.directory = directory;
  std::error_code ignored;
  const fs::path record = directory / ".wan-model.json";
  if (!fs::exists(record, ignored)) {
    info.name = model_name(directory);
    WAN_TRY(info.digest, digest_of_files(directory, DigestMemory::of_user(), progress));
    return info;
  }
  WAN_TRY(const std::string text, read_file(record, 1u << 20));
  auto json = parse_json(text);
  if (!json) return fail(json.error().with_context(record.string()));
  info.name = string_or(*json, {"name"}, "");
  info.digest = string_or(*json, {"digest"}, "");
  if (info.name.empty() || !is_sha256_digest(info.digest)) {
    return fail(corrupt(record.string() + ": must say name and digest (sha256:...); pull the model again"));
  }
  return info;
}

}  // namespace wan::pipeline
