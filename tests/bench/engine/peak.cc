#include "tests/bench/engine/peak.h"

#include <algorithm>
#include <chrono>
#include <immintrin.h>
#include <thread>
#include <vector>

#include "runtime/device/kernel_set.h"

namespace wan::bench {
namespace {

constexpr int64_t kRounds = 40'000'000;
constexpr int kChains = 12;  // more than a multiply-add's latency times two a cycle

// The sums are used, so that no compiler leaves them out.
__attribute__((target("avx2,fma"))) float multiply_and_add() {
  const __m256 factor = _mm256_set1_ps(0.999F), term = _mm256_set1_ps(0.001F);
  __m256 sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  for (int64_t round = 0; round < kRounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < kChains; ++i) sums[i] = _mm256_fmadd_ps(sums[i], factor, term);
  }
  __m256 all = sums[0];
  for (int i = 1; i < kChains; ++i) all = _mm256_add_ps(all, sums[i]);
  return _mm256_cvtss_f32(all);
}

__attribute__((target("avx512f"))) float multiply_and_add_wide() {
  const __m512 factor = _mm512_set1_ps(0.999F), term = _mm512_set1_ps(0.001F);
  __m512 sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  for (int64_t round = 0; round < kRounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < kChains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], factor, term);
  }
  __m512 all = sums[0];
  for (int i = 1; i < kChains; ++i) all = _mm512_add_ps(all, sums[i]);
  return _mm512_cvtss_f32(all);
}

__attribute__((target("avx512f,avx512bf16"))) float add_dots_of_pairs() {
  const auto pairs = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3c003c00));  // (2^-7, 2^-7)
  __m512 sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  for (int64_t round = 0; round < kRounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < kChains; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], pairs, pairs);
  }
  __m512 all = sums[0];
  for (int i = 1; i < kChains; ++i) all = _mm512_add_ps(all, sums[i]);
  return _mm512_cvtss_f32(all);
}

constexpr int64_t kTileRounds = 4'000'000;
constexpr int kTileChains = 4, kTileWidth = 16 * 16 * 32;  // tiles of sums; multiply-adds of an instruction

__attribute__((target("amx-tile,amx-bf16"))) float multiply_tiles() {
  struct alignas(64) {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
  } tiles;
  for (int i = 0; i < 8; ++i) tiles.row_bytes[i] = 64, tiles.rows[i] = 16;
  alignas(64) uint16_t values[16 * 32];
  for (uint16_t& value : values) value = 0x3c00;  // 2^-7
  alignas(64) float sums[16 * 16];
  _tile_loadconfig(&tiles);
  _tile_loadd(4, values, 64);
  _tile_loadd(5, values, 64);
  for (int64_t round = 0; round < kTileRounds; ++round) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 5);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 5);
  }
  _tile_stored(3, sums, 64);
  _tile_release();
  return sums[0];
}

// What one thread runs, and the multiply-adds of that.
struct Work {
  float (*run)() = nullptr;
  double multiply_adds = 0;
};

Work work_of(const device::CpuFeatures& cpu, device::Precision precision) {
  constexpr double kOfALane = static_cast<double>(kRounds) * kChains;
  if (precision == device::Precision::kBf16 && cpu.amx_bf16)
    return {multiply_tiles, static_cast<double>(kTileRounds) * kTileChains * kTileWidth};
  if (precision == device::Precision::kBf16)
    return cpu.avx512_bf16 ? Work{add_dots_of_pairs, 32 * kOfALane} : Work{};
  if (cpu.avx512) return {multiply_and_add_wide, 16 * kOfALane};
  return cpu.avx2 ? Work{multiply_and_add, 8 * kOfALane} : Work{};
}

double seconds_of_a_run(int threads, float (*run)()) {
  std::vector<float> results(threads);
  std::vector<std::thread> workers;
  const auto started = std::chrono::steady_clock::now();
  for (float& result : results) workers.emplace_back([&result, run] { result = run(); });
  for (std::thread& worker : workers) worker.join();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
  return results[0] > 0 ? taken.count() : 0;
}

}  // namespace

double peak_operations_per_second(int threads, device::Precision precision) {
  const Work work = work_of(device::cpu_features(), precision);
  if (!work.run) return 0;
  double best = seconds_of_a_run(threads, work.run);
  for (int i = 0; i < 4; ++i) best = std::min(best, seconds_of_a_run(threads, work.run));
  return 2 * work.multiply_adds * threads / best;
}

}  // namespace wan::bench
