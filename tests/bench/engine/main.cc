// wan-engine-bench ROW DIR PRECISION SIZE... : loads one component, runs it once, says "ready FIGURE"; then a
// line on standard input runs it again and prints the seconds. run.py starts one of these and one peer, and
// asks them in turn. "wan-engine-bench peak THREADS fp32|bf16" says what the processor can do at most,
// "wan-engine-bench precision" what large models are computed in on this machine if nothing else is asked
// for.

#include <c10/core/InferenceMode.h>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "runtime/device/device.h"
#include "tests/bench/engine/components.h"
#include "tests/bench/engine/peak.h"

namespace {

int print_precision() {
  constexpr int64_t kWeights = 1'400'000'000;  // the smaller of the published models
  const auto device = wan::device::choose_device("cpu", 0);
  const auto chosen = device ? wan::device::choose_precision("auto", device->machine, kWeights)
                             : wan::Result<wan::device::Precision>(std::unexpected(device.error()));
  if (chosen) std::cout << to_string(*chosen) << "\n";
  return chosen ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 3 && words[0] == "peak") {
    const auto precision = words[2] == "bf16" ? wan::device::Precision::kBf16 : wan::device::Precision::kFp32;
    std::cout << wan::bench::peak_operations_per_second(std::stoi(words[1]), precision) << "\n";
    return 0;
  }
  if (words == std::vector<std::string>{"precision"}) return print_precision();
  if (argc < 5) {
    std::cerr << "usage: wan-engine-bench ROW DIR fp32|bf16 SIZE... | peak THREADS fp32|bf16 | precision\n";
    return 2;
  }
  const char* threads = std::getenv("OMP_NUM_THREADS");
  const auto device = wan::device::choose_device("cpu", threads ? std::stoi(threads) : 0);
  std::vector<int64_t> shape;
  for (int i = 4; i < argc; ++i) shape.push_back(std::stoll(argv[i]));
  const c10::InferenceMode inference;
  const auto run = device ? wan::bench::prepare(argv[1], argv[2], shape, argv[3])
                          : wan::Result<wan::bench::Run>(std::unexpected(device.error()));
  if (!run) {
    std::cerr << "wan-engine-bench: " << run.error().message << "\n";
    return 1;
  }
  std::cout << "ready " << (*run)() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto started = std::chrono::steady_clock::now();
    static_cast<void>((*run)());
    std::cout << std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count()
              << std::endl;
  }
}
