#include "tests/bench/engine/peak.h"

#include <algorithm>
#include <chrono>
#include <immintrin.h>
#include <thread>
#include <vector>

namespace wan::bench {
namespace {

constexpr int64_t kRounds = 40'000'000;
constexpr int kChains = 12;  // more than a multiply-add's latency times two a cycle
constexpr int kLanes = 8;

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

double seconds_of_a_run(int threads) {
  std::vector<float> results(threads);
  std::vector<std::thread> workers;
  const auto started = std::chrono::steady_clock::now();
  for (float& result : results) workers.emplace_back([&result] { result = multiply_and_add(); });
  for (std::thread& worker : workers) worker.join();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
  return results[0] > 0 ? taken.count() : 0;
}

}  // namespace

double peak_operations_per_second(int threads) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
  double best = seconds_of_a_run(threads);
  for (int i = 0; i < 4; ++i) best = std::min(best, seconds_of_a_run(threads));
  return 2.0 * kLanes * kChains * static_cast<double>(kRounds) * threads / best;
}

}  // namespace wan::bench
