// What every byte of weights and frames goes through.

#include <benchmark/benchmark.h>
#include <cstdint>
#include <string>
#include <vector>

#include "base/crypto/sha256.h"
#include "runtime/media/yuv.h"

namespace wan {
namespace {

void sha256(benchmark::State& state) {
  const std::string bytes(static_cast<size_t>(state.range(0)), 'w');
  for (auto _ : state) benchmark::DoNotOptimize(wan::sha256(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(sha256)->Arg(1 << 20);

void rgb_to_yuv420(benchmark::State& state) {
  const auto width = static_cast<int>(state.range(0)), height = static_cast<int>(state.range(1));
  const size_t pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  const std::vector<uint8_t> rgb(3 * pixels, 100);
  std::vector<uint8_t> y(pixels), u(pixels / 4), v(pixels / 4);
  const media::YuvPlanes planes = {y, u, v, width, width / 2, width / 2};
  for (auto _ : state) media::rgb_to_yuv420(rgb, width, height, planes);
  state.counters["frames/s"] = benchmark::Counter(1, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(rgb_to_yuv420)->Args({832, 480})->Args({1280, 720});

}  // namespace
}  // namespace wan
