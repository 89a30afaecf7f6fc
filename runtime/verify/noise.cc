#include "runtime/pipeline/noise.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <algorithm>
#include <charconv>

#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

constexpr double kLimit = 2e-6;  // torch's own CPU code paths are up to 1.2e-6 apart
constexpr std::string_view kSeed = "seed", kSuccessive = ".seq", kRaw = ".raw_random_";
constexpr int64_t kRawEnd = int64_t{1} << 32;

// "seed42.16x3x8x12": the part up to the dot.
std::string_view seed_of(std::string_view name) { return name.substr(0, name.find('.')); }

uint64_t number_of(std::string_view seed) {
  uint64_t number = 0;
  std::from_chars(seed.data() + kSeed.size(), seed.data() + seed.size(), number);
  return number;
}

// "seed0.seq0.15", "seed0.seq1.17": draws from one generator, so they are compared together.
void append_successive(Rows& rows, const Tensors& data, const std::string& first) {
  const std::string seed(seed_of(first));
  const at::Generator generator = at::detail::createCPUGenerator(number_of(seed));
  for (int draw = 0;; ++draw) {
    const std::string prefix = seed + std::string(kSuccessive) + std::to_string(draw) + ".";
    const auto golden =
        std::ranges::find_if(data, [&](const auto& one) { return one.first.starts_with(prefix); });
    if (golden == data.end()) return;
    const at::Tensor ours = at::randn(golden->second.sizes(), generator, at::kFloat);
    rows.push_back(within_absolute(golden->first, ours, golden->second, kLimit));
  }
}

Row raw(const std::string& name, const at::Tensor& golden) {
  const at::Generator generator = at::detail::createCPUGenerator(number_of(seed_of(name)));
  return exact(name, at::randint(0, kRawEnd, golden.sizes(), generator, at::kLong), golden);
}

}  // namespace

Rows verify_noise(const Golden& golden) {
  Rows rows;
  const Tensors data = golden.tensors("noise.safetensors");
  for (const auto& [name, theirs] : data) {
    if (!name.starts_with(kSeed)) continue;
    if (name.contains(std::string(kSuccessive) + "0.")) {
      append_successive(rows, data, name);
    } else if (name.contains(kRaw)) {
      rows.push_back(raw(name, theirs));
    } else if (!name.contains(kSuccessive)) {
      const at::Tensor ours = pipeline::gaussian_noise(theirs.sizes(), number_of(seed_of(name)));
      rows.push_back(within_absolute(name, ours, theirs, kLimit));
    }
  }
  return rows;
}

}  // namespace wan::verify
