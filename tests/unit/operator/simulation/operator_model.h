#pragma once
// One wan-operator process of a simulation: the operator's own caches, election, controllers, plans and
// executor, on a simulated network. Can be frozen, killed, and ends by itself when it loses the Lease.

#include "base/async/notify.h"
#include "operator/controller/leader_election.h"
#include "operator/execute/reconcilers.h"
#include "tests/unit/operator/simulation/fleet.h"

namespace wan::simulation {

inline constexpr const char* kOperatorNamespace = "wan-system";

struct Surroundings {
  World& world;
  ApiServer& server;
  Fleet& fleet;
  const Weather& weather;
  const Planted& planted;
};

class OperatorModel {
 public:
  OperatorModel(Surroundings around, std::string identity);
  ~OperatorModel() { kill(); }
  OperatorModel(const OperatorModel&) = delete;
  OperatorModel& operator=(const OperatorModel&) = delete;

  void poll() { process_.poll(); }
  void freeze(bool on) { process_.frozen = on; }
  // SIGKILL: what is on the network stays there. The object remains, so that late answers find it.
  void kill();
  // Called once, at the first moment that is `wanted`.
  void at(std::function<bool(const Moment&)> wanted, std::function<void()> act);
  // As kill(), from within: nothing is sent any more, the rest is for kill().
  void end();
  [[nodiscard]] bool alive() const { return brain_.has_value() && !ended_; }
  [[nodiscard]] bool frozen() const { return process_.frozen; }
  [[nodiscard]] bool leading() const { return alive() && brain_->election.leading(); }
  [[nodiscard]] const std::string& identity() const { return identity_; }

 private:
  // What dies with the process.
  struct Brain {
    Brain(OperatorModel& owner, const Surroundings& around, const std::string& identity);
    dispatch::CapabilityIssuer issuer;
    execute::Caches caches;
    Runtimes runtimes;
    controller::EventRecorder events;
    execute::WriteGate gate;
    execute::Executor steps;
    execute::Reconcilers reconcilers;
    controller::LeaderElection election;
    Notify cache_step;
    execute::CacheFeeder feeder;
    TaskGroup working;
    TaskGroup tasks;
  };
  [[nodiscard]] Task<void> lead();
  [[nodiscard]] Task<void> end_all(bool& done);
  [[nodiscard]] static controller::ElectionSettings election_settings(const std::string& identity,
                                                                      uint64_t seed);

  std::string identity_;
  const Planted& planted_;
  Process process_;
  ApiClient api_;
  ApiClient election_api_;
  std::optional<Brain> brain_;
  bool ended_ = false;
};

}  // namespace wan::simulation
