#pragma once
// Digests of large files, remembered between runs: a model of many gigabytes is hashed at its first use and
// not at every one. A file counts as the same while device, inode, size and the times of its last changes are
// the same. Nothing is trusted because of it: what a pull brings is checked when it is pulled.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"

namespace wan::pipeline {

// Hears of bytes just hashed; may throw to end it.
using HashedBytes = std::function<void(int64_t bytes)>;

class DigestMemory {
 public:
  // `folder` holds one small record a file and is made when needed; "" remembers nothing.
  // A file whose last change is younger than `settling` is not remembered: changed again within the grain
  // of the file system's clock it would look the same.
  explicit DigestMemory(std::filesystem::path folder, std::chrono::seconds settling = std::chrono::seconds(2))
      : folder_(std::move(folder)), settling_(settling) {}
  // That of this user: $XDG_CACHE_HOME/wan-gallery/digests, else $HOME/.cache/wan-gallery/digests.
  [[nodiscard]] static DigestMemory of_user();

  // "sha256:...", from memory where `file` is as it was. A memory that cannot be read or written is none.
  [[nodiscard]] Result<std::string> digest_of(const std::filesystem::path& file,
                                              const HashedBytes& hashed = {}) const;

 private:
  std::filesystem::path folder_;
  std::chrono::seconds settling_;
};

}  // namespace wan::pipeline
