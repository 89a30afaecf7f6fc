#include "tests/unit/operator/simulation/simulation.h"

#include <algorithm>
#include <memory>
#include <regex>

#include "base/log.h"
#include "operator/api/identifiers.h"
#include "tests/unit/operator/simulation/inspector.h"
#include "tests/unit/operator/simulation/operator_model.h"
#include "tests/unit/operator/simulation/users.h"

namespace wan::simulation {
namespace {

constexpr uint64_t kKindsOfUsers = 240;  // a multiple of most numbers of threads: each has its own clean runs
constexpr Duration kCalm = seconds(40);  // no more trouble from then on
constexpr Duration kRest = seconds(30);  // so long without a write is the end
constexpr Duration kLongest = std::chrono::minutes(30);

std::string phase_of(const Json& object) { return string_or(object, {"status", "phase"}, ""); }

bool finished(const Json& job) {
  const std::string phase = phase_of(job);
  return phase == "Succeeded" || phase == "Failed" || phase == "Cancelled";
}

// The name of a revision depends on the UID of its owner.
std::string without_revision(const std::string& name) {
  static const std::regex revision("-[0-9a-f]{10}$");
  return std::regex_replace(name, revision, "-REVISION");
}

class Run {
 public:
  explicit Run(const Settings& settings);
  ~Run() { world_.clear(); }
  Outcome run();

 private:
  void start_operator();
  void trace(const Write& write) const;
  void brew_trouble();
  void kill_one();
  void freeze(OperatorModel& frozen, Duration at_least);
  void freeze_leader();
  void reap();
  void step();
  [[nodiscard]] bool at_rest() const;
  [[nodiscard]] bool all_jobs_finished() const;
  [[nodiscard]] EndState end_state() const;
  [[nodiscard]] std::string describe(const Json& object) const;
  OperatorModel* leader();

  Settings settings_;
  Users users_;
  World world_;
  Weather weather_;
  ApiServer server_;
  Fleet fleet_;
  Inspector inspector_;
  Cluster cluster_;
  std::vector<std::unique_ptr<OperatorModel>> operators_;  // the dead too: answers may still be on their way
  size_t wanted_operators_;
  size_t starting_ = 0;
  uint64_t restarts_ = 0;
  Duration last_write_{0};
};

Run::Run(const Settings& settings)
    : settings_(settings),
      users_(make_users(settings.users)),
      world_(settings.seed * 4 + (settings.trouble ? 1 : 3)),
      server_(world_),
      fleet_(world_, settings_.planted),
      inspector_(server_, fleet_),
      cluster_(world_, server_, fleet_),
      wanted_operators_(settings.trouble && world_.chance(0.5) ? 2 : 1) {
  fleet_.fails_once = users_.fails_once;
  fleet_.invalid = users_.invalid;
  server_.listen([this](const Write& write) {
    if (write.resource != kube::kLeases) last_write_ = world_.now();
    if (spdlog::should_log(spdlog::level::debug)) trace(write);
  });
  for (const Action& action : users_.actions) {
    world_.after(action.when, [this, &action] { action.act(server_); });
  }
  if (settings.trouble) brew_trouble();
}

// The story of a seed that is looked at alone.
void Run::trace(const Write& write) const {
  const double time = std::chrono::duration<double>(world_.now()).count();
  const Json status = write.after ? write.after->value("status", Json::object()) : Json("gone");
  log::debug("{:8.3f} s {} {} {} {} {}", time, write.actor, write.verb, write.resource.kind,
             cache::to_string(write.key), write.resource == kube::kLeases ? "" : status.dump());
}

void Run::start_operator() {
  operators_.push_back(
      std::make_unique<OperatorModel>(Surroundings{world_, server_, fleet_, weather_, settings_.planted},
                                      "operator-" + std::to_string(operators_.size())));
  if (!settings_.trouble || world_.now() >= kCalm) return;
  OperatorModel* made = operators_.back().get();
  const uint64_t fate = world_.below(10);
  const uint64_t number = 1 + world_.below(fate < 5 ? 30 : 5);
  const bool carried_out = fate % 2 == 0;
  const auto kill = [made] { made->end(); };
  const auto hold = [this, made] { freeze(*made, seconds(20)); };
  const auto a_write = [=](const Moment& moment) {
    return moment.write == number && moment.carried_out == carried_out;
  };
  // What it knew of a job when it fell asleep, told when others have carried on.
  const auto a_job_write = [=](const Moment& moment) {
    return moment.job_write == number && moment.carried_out == carried_out;
  };
  if (fate < 4) made->at(a_write, kill);
  if (fate == 4) made->at(a_write, hold);
  if (fate == 5 || fate == 6) made->at(a_job_write, hold);
}

OperatorModel* Run::leader() {
  for (const auto& one : operators_) {
    if (one->leading() && !one->frozen()) return one.get();
  }
  return nullptr;
}

void Run::kill_one() {
  for (const auto& one : operators_) {
    if (one->alive() && world_.chance(0.6)) return one->kill();
  }
}

void Run::freeze(OperatorModel& frozen, Duration at_least) {
  frozen.freeze(true);
  world_.after(at_least + world_.between(seconds(0), seconds(40)), [&frozen] { frozen.freeze(false); });
}

void Run::freeze_leader() {
  if (OperatorModel* one = leader()) freeze(*one, seconds(2));
}

void Run::brew_trouble() {
  if (world_.chance(0.5)) {
    weather_.lost_request = 0.03;
    weather_.lost_answer = 0.03;
    weather_.slow = 0.05;
    weather_.broken_watch = 0.02;
  }
  weather_.stale_watches = world_.chance(0.6);
  world_.after(kCalm, [this] { weather_.calm(); });
  const auto plan = [this](uint64_t most, void (Run::*trouble)()) {
    for (uint64_t i = world_.below(most + 1); i > 0; --i) {
      world_.after(world_.between(seconds(0), kCalm), [this, trouble] { (this->*trouble)(); });
    }
  };
  plan(2, &Run::kill_one);
  plan(2, &Run::freeze_leader);
  const auto pods = [this](uint64_t most, void (Cluster::*trouble)()) {
    for (uint64_t i = world_.below(most + 1); i > 0; --i) {
      world_.after(world_.between(seconds(0), kCalm), [this, trouble] { (cluster_.*trouble)(); });
    }
  };
  pods(2, &Cluster::evict_a_pod);
  // These count as failures of the job; it may have three.
  pods(1, &Cluster::fail_a_pod);
  pods(1, &Cluster::restart_a_pod);
  if (world_.chance(0.3)) world_.after(world_.between(seconds(0), kCalm), [this] { server_.compact(); });
}

// Buries who has ended, and starts another in its place as the kubelet would.
void Run::reap() {
  size_t alive = 0;
  for (const auto& one : operators_) {
    if (!one->alive()) one->kill();
    alive += one->alive() ? 1 : 0;
  }
  for (; alive + starting_ < wanted_operators_; ++starting_) {
    const bool at_first = operators_.size() + starting_ < wanted_operators_;
    if (!at_first) ++restarts_;
    world_.after(at_first ? Duration(0) : world_.between(milliseconds(200), seconds(5)), [this] {
      --starting_;
      start_operator();
    });
  }
}

void Run::step() {
  reap();
  // What happens at one and the same moment is found together.
  do world_.step();
  while (world_.next() == world_.now());
  for (size_t i = 0; i < operators_.size(); ++i) operators_[i]->poll();
  // Without a leader that is awake it is not rest, it is waiting.
  if (leader() == nullptr) last_write_ = world_.now();
}

bool Run::all_jobs_finished() const {
  return std::ranges::all_of(server_.all(kube::kVideoJobs), [](const Object& job) { return finished(*job); });
}

bool Run::at_rest() const {
  return world_.now() > kCalm + kRest && world_.now() - last_write_ > kRest && all_jobs_finished();
}

Outcome Run::run() {
  while (!at_rest() && inspector_.violation().empty() && world_.now() < kLongest) step();
  if (!at_rest()) {
    std::string why = all_jobs_finished() ? "writes go on and on:" : "a job is lost:";
    for (const Object& job : server_.all(kube::kVideoJobs))
      why += "\n  " + (*job)["metadata"]["name"].dump() + " " + (*job)["status"].dump();
    inspector_.report(why);
  }
  Outcome outcome;
  outcome.violation = inspector_.violation();
  outcome.end = end_state();
  outcome.events = world_.steps();
  outcome.writes = inspector_.operator_writes();
  outcome.restarts = restarts_;
  outcome.virtual_time = world_.now();
  return outcome;
}

std::string Run::describe(const Json& object) const {
  Json shown = Json::object();
  if (const Json* conditions = find(object, {"status", "conditions"})) {
    for (const Json& one : *conditions) {
      shown[string_or(one, {"type"}, "?")] =
          string_or(one, {"status"}, "") + " " + string_or(one, {"reason"}, "");
    }
  }
  for (const char* field : {"phase", "result", "replicas", "readyReplicas", "model", "endpoint"}) {
    if (object["status"].contains(field)) shown[field] = object["status"][field];
  }
  // UIDs are given in the order of creation, which differs.
  if (shown.contains("result")) shown["result"] = shown["result"]["bytes"];
  shown["upToDate"] =
      int_or(object, {"status", "observedGeneration"}, -1) == int_or(object, {"metadata", "generation"}, 0);
  return shown.dump();
}

EndState Run::end_state() const {
  EndState end;
  for (const kube::Resource& resource : {kube::kGalleryModels, kube::kWanDeployments, kube::kVideoJobs}) {
    for (const Object& object : server_.all(resource)) {
      const std::string name = key_of(*object).name;
      end[std::string(resource.kind) + " " + name] =
          users_.open_ended.contains(name) ? "ended" : describe(*object);
    }
  }
  for (const kube::Resource& resource : {kube::kDeployments, kube::kServices, kube::kSecrets}) {
    for (const Object& object : server_.all(resource)) {
      const std::string replicas = object->value("spec", Json::object()).value("replicas", Json()).dump();
      // How many revisions there once were depends on who was quicker.
      const std::string name = without_revision(key_of(*object).name);
      if (replicas == "0" && name != key_of(*object).name) continue;
      end[std::string(resource.kind) + " " + name] += replicas + " ";
    }
  }
  for (const Object& run : server_.all(kube::kJobs)) {
    if (!find(*run, {"status", "conditions"})) end["running Job " + key_of(*run).name] = "";
  }
  for (const Object& pod : server_.all(kube::kPods)) {
    if (!is_live(*pod)) continue;
    end["pods of " + without_revision(label_of(*pod, "simulation/owner"))] +=
        is_ready(*pod) ? "ready " : "starting ";
  }
  return end;
}

std::string difference(const EndState& clean, const EndState& end) {
  std::string text;
  for (const auto& [name, state] : clean) {
    const auto it = end.find(name);
    if (it == end.end()) text += "\n  missing: " + name + " " + state;
    if (it != end.end() && it->second != state)
      text += "\n  " + name + " is " + it->second + "\n    clean: " + state;
  }
  for (const auto& [name, state] : end) {
    if (!clean.contains(name)) text += "\n  left over: " + name + " " + state;
  }
  return text;
}

}  // namespace

Outcome simulate(const Settings& settings) { return Run(settings).run(); }

Outcome simulate_trouble(uint64_t seed, const Planted& planted) {
  return simulate({.seed = seed, .users = seed % kKindsOfUsers, .trouble = true, .planted = planted});
}

Outcome Simulator::run(uint64_t seed) {
  Outcome outcome = simulate_trouble(seed, Planted());
  if (!outcome.violation.empty()) return outcome;
  const uint64_t users = seed % kKindsOfUsers;
  const auto [clean, missing] = clean_.try_emplace(users);
  if (missing) clean->second = simulate({.seed = users, .users = users, .trouble = false, .planted = {}});
  if (!clean->second.violation.empty()) {
    outcome.violation = "the clean run: " + clean->second.violation;
  } else if (clean->second.end != outcome.end) {
    outcome.violation = "the end differs from the clean run's:" + difference(clean->second.end, outcome.end);
  }
  return outcome;
}

}  // namespace wan::simulation
