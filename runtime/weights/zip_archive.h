#pragma once
// The part of the zip format that torch writes: stored (not compressed, not encrypted) entries, zip64. Found
// through the central directory; every length and offset is checked, entries may not overlap.

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "base/result.h"

namespace wan::weights {

// Name to bytes. The names point nowhere: nothing is written anywhere under them.
using ZipEntries = std::map<std::string, std::span<const std::byte>, std::less<>>;

// kCorrupt says what is wrong with the file's bytes.
[[nodiscard]] Result<ZipEntries> parse_zip(std::span<const std::byte> file);

}  // namespace wan::weights
