#pragma once
// What users do in one run: a function of the seed alone, the same in the clean run.

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/operator/simulation/fleet.h"

namespace wan::simulation {

struct Action {
  Duration when{0};
  std::function<void(ApiServer&)> act;
};

struct Users {
  std::vector<Action> actions;
  std::set<std::string> fails_once;  // VideoJobs by name
  std::set<std::string> invalid;
  std::set<std::string> open_ended;  // whose phase depends on who is faster: cancelled ones
};

[[nodiscard]] Users make_users(uint64_t seed);

}  // namespace wan::simulation
