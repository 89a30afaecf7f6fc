#include "tests/unit/operator/simulation/simulation.h"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "base/log.h"

namespace wan::simulation {
namespace {

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

class SimulationTest : public ::testing::Test {
 protected:
  SimulationTest() {
    log::Settings settings;
    settings.program = "simulation";
    settings.level = std::getenv("WAN_SEED") != nullptr ? "debug" : "critical";
    log::configure(settings);
  }
  // Whether one of the first seeds catches the planted defect.
  static bool caught(const Planted& planted, uint64_t seeds) {
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
      const std::string violation = simulate_trouble(seed, planted).violation;
      if (violation.empty()) continue;
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), violation.c_str());
      return true;
    }
    return false;
  }
};

struct Total {
  uint64_t events = 0;
  uint64_t writes = 0;
  uint64_t restarts = 0;
  std::map<uint64_t, std::string> failures;  // by seed
};

// Every `step`th seed from `first` on; what fails, fails often: a few are enough.
Total run_seeds(uint64_t first, uint64_t last, uint64_t step) {
  Total total;
  Simulator simulator;
  for (uint64_t seed = first; seed <= last && total.failures.size() < 5; seed += step) {
    const Outcome outcome = simulator.run(seed);
    total.events += outcome.events;
    total.writes += outcome.writes;
    total.restarts += outcome.restarts;
    if (!outcome.violation.empty()) total.failures.emplace(seed, outcome.violation);
  }
  return total;
}

// A thread for each core. A seed's run knows nothing of threads, so it is the same everywhere.
Total run_in_parallel(uint64_t first, uint64_t last) {
  const uint64_t count = std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
  std::vector<Total> totals(count);
  {
    std::vector<std::jthread> threads;
    for (uint64_t i = 0; i < count; ++i) {
      threads.emplace_back([&totals, i, first, last, count] {
        static_cast<void>(::nice(19));  // what runs beside this has deadlines
        totals[i] = run_seeds(first + i, last, count);
      });
    }
  }
  Total sum;
  for (Total& one : totals) {
    sum.events += one.events;
    sum.writes += one.writes;
    sum.restarts += one.restarts;
    sum.failures.merge(one.failures);
  }
  return sum;
}

// WAN_SEEDS=N: so many seeds; WAN_SEED=N: this one, with the operator's log.
TEST_F(SimulationTest, WhateverGoesWrongEveryJobEndsAsInACleanRun) {
  const uint64_t only = number_from("WAN_SEED", 0);
  const uint64_t first = only != 0 ? only : 1;
  const uint64_t last = only != 0 ? only : number_from("WAN_SEEDS", 10'000);
  const Total total = only != 0 ? run_seeds(first, last, 1) : run_in_parallel(first, last);
  for (const auto& [seed, violation] : total.failures) {
    ADD_FAILURE() << "seed " << seed << " (again: WAN_SEED=" << seed << "): " << violation;
  }
  std::printf("%llu seeds: %llu events, %llu writes of operators, %llu restarts\n",
              static_cast<unsigned long long>(last - first + 1),
              static_cast<unsigned long long>(total.events), static_cast<unsigned long long>(total.writes),
              static_cast<unsigned long long>(total.restarts));
  EXPECT_GT(total.events, 0U);
}

TEST_F(SimulationTest, ASeedReplaysExactly) {
  for (const uint64_t seed : {3U, 17U, 2024U}) {
    Simulator simulator;
    const Outcome once = simulator.run(seed);
    const Outcome again = simulator.run(seed);
    EXPECT_EQ(once.events, again.events);
    EXPECT_EQ(once.writes, again.writes);
    EXPECT_EQ(once.virtual_time, again.virtual_time);
    EXPECT_EQ(once.end, again.end);
  }
}

TEST_F(SimulationTest, CatchesADispatchBeforeItsAssignmentIsWritten) {
  Planted planted;
  planted.acknowledges_status_before_writing = true;
  EXPECT_TRUE(caught(planted, 100));
}

TEST_F(SimulationTest, CatchesDeletesByName) {
  Planted planted;
  planted.deletes_by_name = true;
  EXPECT_TRUE(caught(planted, 100));
}

TEST_F(SimulationTest, CatchesAFormerLeadersDispatch) {
  Planted planted;
  planted.obeys_former_leaders = true;
  EXPECT_TRUE(caught(planted, 2000));
}

TEST_F(SimulationTest, CatchesStatusWrittenOverWhatWasNotSeen) {
  Planted planted;
  planted.ignores_versions = true;
  EXPECT_TRUE(caught(planted, 2000));
}

}  // namespace
}  // namespace wan::simulation
