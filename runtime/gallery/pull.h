#pragma once
// A model from a layout into a directory that the runtime loads. Every byte is checked on the way; the
// directory appears under its name complete or not at all.

#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "runtime/gallery/import.h"
#include "runtime/gallery/reference.h"

namespace wan::gallery {

struct Pulled {
  std::string name;
  std::string digest;  // of the manifest
  int64_t bytes = 0;
  int64_t bytes_kept = 0;      // found complete in the staging folder of an interrupted run
  bool already_there = false;  // nothing to do
};

// Staging is ".NAME.HEX.staging" beside `output` and is kept when the pull fails, so that the next run goes
// on from there; another process that pulls to the same place is waited for. An `output` with another
// digest's model is replaced, one that no pull made is refused (kFailedPrecondition). kCorrupt: bytes that
// are not what their digest says; kResourceExhausted: too little space, said before anything is copied.
[[nodiscard]] Result<Pulled> pull_model(const Reference& source, const std::filesystem::path& output,
                                        const MakeMeter& make_meter);

}  // namespace wan::gallery
