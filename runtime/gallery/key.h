#pragma once
// Names of files inside a store, and the only way to reach them: below one open directory, without ever
// following a symbolic link.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/io/descriptor.h"
#include "base/result.h"

namespace wan::gallery {

// A key is a relative path of at most 512 bytes: segments of [A-Za-z0-9._-] joined by single slashes, none of
// them "." or "..". kInvalidArgument with the key and the rule otherwise.
[[nodiscard]] Status check_key(std::string_view key);

// A model's or reference's name: 1 to 128 of [A-Za-z0-9._-], the first a letter or digit.
[[nodiscard]] Status check_name(std::string_view name);

// The root itself may be reached through links (a mount, /var/run); nothing below it.
[[nodiscard]] Result<Descriptor> open_root(const std::filesystem::path& folder);

// The open folder that holds the last segment of `key`, and that segment.
struct Place {
  Descriptor folder;
  std::string name;
};
enum class Missing { kFail, kCreate };
[[nodiscard]] Result<Place> locate(int root, std::string_view key, Missing folders = Missing::kFail);

// A regular file below `root`, for reading. kNotFound if absent; kInvalidArgument for links, folders,
// devices.
[[nodiscard]] Result<Descriptor> open_regular(int root, std::string_view key);
// A new or emptied regular file, for writing; folders on the way are made (0755).
[[nodiscard]] Result<Descriptor> create_regular(int root, std::string_view key);

[[nodiscard]] Result<int64_t> size_of(int file);
// The whole of a small file below `root`; kResourceExhausted beyond `max_bytes`.
[[nodiscard]] Result<std::string> read_small(int root, std::string_view key, size_t max_bytes);
// fsync of a file or folder; `what` is for the message.
[[nodiscard]] Status sync(int file, std::string_view what);

}  // namespace wan::gallery
