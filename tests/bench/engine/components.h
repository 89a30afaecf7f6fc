#pragma once
// One component of a model directory, loaded for timing, and one run of it on inputs that the peer makes as
// well.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace wan::bench {

// What one run gives: a figure of the output that a peer with the same weights and noise must reach too.
using Run = std::function<double()>;

// `row`: dit FRAMES HEIGHT WIDTH TEXT_ROWS (latent sizes), text TOKENS, vae-decode FRAMES HEIGHT WIDTH
// (latent sizes), vae-encode FRAMES HEIGHT WIDTH (pixels); `precision`: fp32 or bf16.
[[nodiscard]] Result<Run> prepare(const std::string& row, const std::filesystem::path& model,
                                  const std::vector<int64_t>& shape, const std::string& precision);

}  // namespace wan::bench
