#pragma once
// One run: what users ask for and what goes wrong, both drawn from a seed, and what came of it.

#include <map>
#include <string>
#include <vector>

#include "tests/unit/operator/simulation/api_client.h"

namespace wan::simulation {

struct Settings {
  uint64_t seed = 0;    // of everything but the users
  uint64_t users = 0;   // what they do
  bool trouble = true;  // false: the clean run, with the same users
  Planted planted;
};

// The end state, one line an object, without what may differ between runs (UIDs, times, names of pods).
using EndState = std::map<std::string, std::string>;

struct Outcome {
  std::string violation;  // "" if everything was always as it must be
  EndState end;
  uint64_t events = 0;
  uint64_t writes = 0;  // of operators
  uint64_t restarts = 0;
  Duration virtual_time{0};
};

[[nodiscard]] Outcome simulate(const Settings& settings);
// The run of a seed in which things go wrong.
[[nodiscard]] Outcome simulate_trouble(uint64_t seed, const Planted& planted);

// Both runs of a seed, and the comparison of their ends.
class Simulator {
 public:
  [[nodiscard]] Outcome run(uint64_t seed);

 private:
  std::map<uint64_t, Outcome> clean_;  // by users: as many seeds have the same
};

}  // namespace wan::simulation
