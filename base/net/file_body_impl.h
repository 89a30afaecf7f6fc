#pragma once
// A regular file as the body of a message. Internal to base/net.

#include <cstdint>
#include <filesystem>

#include "base/io/descriptor.h"

namespace wan::net {

struct FileBody {
  Descriptor file;
  uint64_t bytes = 0;  // when it was opened
};

[[nodiscard]] Result<FileBody> open_body(const std::filesystem::path& path);

}  // namespace wan::net
