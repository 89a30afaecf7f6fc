#pragma once
// Hands a finished mp4 to the artifact server.

#include <chrono>
#include <expected>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/async/async.h"
#include "runtime/jobs/job_state.h"

namespace wan::service {

struct Upload {
  std::filesystem::path file;
  std::string sha256;  // "sha256:..."
  std::string url;
};

// The capability to use for the next try; nothing when the upload is no longer wanted.
using TokenSource = std::function<std::optional<std::string>()>;

// Puts the file at the URL, if absent. Tries again with growing pauses for up to `give_up_after` while the
// server cannot be reached or takes nothing, asking `token` anew before each try (the operator renews it).
// Other bytes at that path are OutputExists, for good.
[[nodiscard]] Task<std::expected<void, jobs::JobError>> publish(Upload upload, TokenSource token,
                                                                std::chrono::milliseconds give_up_after);

}  // namespace wan::service
