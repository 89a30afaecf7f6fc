#include "runtime/scheduler/sampler.h"

#include <utility>

namespace wan::scheduler {
namespace {

struct Member {
  const char* name;
  at::Tensor History::* tensor;
};

// What a solver needs to go on after so many steps.
std::vector<Member> remembered(Solver solver, int steps_done) {
  std::vector<Member> members;
  if (solver == Solver::kEuler || steps_done == 0) return members;
  members.push_back({"x0", &History::x0});
  if (solver == Solver::kUniPC) members.push_back({"last_sample", &History::last_sample});
  if (solver == Solver::kUniPC && steps_done > 1) members.push_back({"previous_x0", &History::previous_x0});
  return members;
}

}  // namespace

Sampler::Sampler(const SamplerKind& kind, int steps, double shift)
    : solver_(kind.solver), schedule_(kind.schedule(steps, shift)) {}

at::Tensor Sampler::step(const at::Tensor& velocity, const at::Tensor& sample) {
  WAN_CHECK(!done());
  const Interval interval{schedule_.sigmas, index_++};
  switch (solver_) {
    case Solver::kUniPC: return unipc_step(interval, velocity, sample, history_);
    case Solver::kDPMSolverPlusPlus: return dpm_step(interval, velocity, sample, history_);
    case Solver::kEuler: return euler_step(interval, velocity, sample);
  }
  std::unreachable();
}

SamplerState Sampler::state() const {
  SamplerState state{.steps_done = index_, .tensors = {}};
  for (const auto& [name, member] : remembered(solver_, index_)) state.tensors[name] = history_.*member;
  return state;
}

Status Sampler::restore(const SamplerState& state) {
  if (state.steps_done < 0 || state.steps_done > steps()) {
    return fail(invalid_argument("sampler state: " + std::to_string(state.steps_done) +
                                 " steps are done of " + std::to_string(steps())));
  }
  History history;
  for (const auto& [name, member] : remembered(solver_, state.steps_done)) {
    const auto found = state.tensors.find(name);
    if (found == state.tensors.end()) {
      return fail(invalid_argument("sampler state: " + std::string(name) + " is missing"));
    }
    history.*member = found->second;
  }
  index_ = state.steps_done;
  history_ = std::move(history);
  return {};
}

Result<Sampler> make_sampler(std::string_view name, int steps, double shift) {
  WAN_TRY(const SamplerKind* kind, find_sampler(name));
  return Sampler(*kind, steps, shift);
}

}  // namespace wan::scheduler
