// wan-engine-bench ROW DIR PRECISION SIZE... : loads one component, runs it once, says "ready FIGURE"; then a
// line on standard input runs it again and prints the seconds. run.py starts one of these and one peer, and
// asks them in turn. "wan-engine-bench peak THREADS" says what the processor can do at most.

#include <c10/core/InferenceMode.h>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "runtime/device/device.h"
#include "tests/bench/engine/components.h"
#include "tests/bench/engine/peak.h"

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "peak") {
    std::cout << wan::bench::peak_operations_per_second(std::stoi(argv[2])) << "\n";
    return 0;
  }
  if (argc < 5) {
    std::cerr << "usage: wan-engine-bench ROW DIR fp32|bf16 SIZE... | peak THREADS\n";
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
