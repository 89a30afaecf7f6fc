#include "tests/unit/operator/simulation/operator_model.h"

#include <utility>

#include "base/crypto/capability.h"

namespace wan::simulation {
namespace {

constexpr milliseconds kRequestTimeout{10'000};

const std::string& signing_seed() {
  static const std::string seed(32, 's');
  return seed;
}

reconcile::Settings settings() {
  static const std::string public_key = ed25519_public_key_base64(signing_seed()).value();
  reconcile::Settings made;
  made.operator_namespace = kOperatorNamespace;
  made.runtime_image = "wan-runtime:test";
  made.capability_public_key = public_key;
  made.token_key = std::string(32, 't');
  return made;
}

}  // namespace

controller::ElectionSettings OperatorModel::election_settings(const std::string& identity, uint64_t seed) {
  controller::ElectionSettings made;
  made.namespace_ = kOperatorNamespace;
  made.identity = identity;
  made.jitter_seed = seed;
  return made;
}

OperatorModel::Brain::Brain(OperatorModel& owner, const Surroundings& around, const std::string& identity)
    : issuer(signing_seed(), around.world),
      runtimes(owner.process_, around.fleet, around.weather, issuer, kRequestTimeout,
               [this](const dispatch::PodRef& pod, const dispatch::Change& change) {
                 reconcilers.runtime_changed(pod, change);
               }),
      events(owner.process_.context().get_executor(), owner.api_, around.world, identity),
      gate(around.world),
      steps(owner.api_, caches, runtimes, issuer, events, gate, around.world),
      reconcilers(owner.process_.context().get_executor(), owner.api_, around.world, caches, runtimes, steps,
                  gate, settings()),
      election(owner.election_api_, around.world, election_settings(identity, around.world.below(1u << 30))),
      cache_step(owner.process_.context().get_executor()),
      feeder(
          owner.process_.context().get_executor(), owner.api_, around.world, caches, {},
          [this] { cache_step.notify(); }, around.world.below(1u << 30)),
      working(owner.process_.context().get_executor()),
      tasks(owner.process_.context().get_executor()) {}

OperatorModel::OperatorModel(Surroundings around, std::string identity)
    : identity_(std::move(identity)),
      planted_(around.planted),
      process_(around.world),
      api_(process_, around.server, around.weather, around.planted, identity_, kRequestTimeout),
      election_api_(process_, around.server, around.weather, around.planted, identity_,
                    controller::request_timeout(controller::ElectionSettings())) {
  brain_.emplace(*this, around, identity_);
  brain_->feeder.start();
  brain_->tasks.spawn("lead", lead());
}

Task<void> OperatorModel::lead() {
  Brain& brain = *brain_;
  while (!brain.caches.synced()) {
    const auto woken = co_await brain.cache_step.wait(std::chrono::hours(1));
    if (!woken) co_return;
  }
  const Status won = co_await brain.election.acquire();
  if (!won) co_return;
  brain.issuer.set_epoch(brain.election.epoch(), [&brain, obeyed = planted_.obeys_former_leaders] {
    return obeyed || brain.election.lease_is_valid();
  });
  brain.working.spawn("reconcilers", brain.reconcilers.run());
  const Error lost = co_await brain.election.hold();
  if (lost.code == ErrorCode::kCancelled) co_return;
  end();
}

Task<void> OperatorModel::end_all(bool& done) {
  co_await brain_->working.join();
  co_await brain_->tasks.join();
  co_await brain_->feeder.stop();
  done = true;
}

void OperatorModel::kill() {
  if (!brain_) return;
  process_.dead = true;
  process_.frozen = false;
  brain_->reconcilers.cancel();
  brain_->working.cancel();
  brain_->tasks.cancel();
  bool done = false;
  asio::co_spawn(process_.context(), end_all(done),
                 [](const std::exception_ptr& thrown) { WAN_CHECK(!thrown); });
  process_.context().restart();
  process_.context().poll();
  WAN_CHECK(done);
  brain_.reset();
}

void OperatorModel::at(std::function<bool(const Moment&)> wanted, std::function<void()> act) {
  api_.on_write(
      [wanted = std::move(wanted), act = std::move(act), past = false](const Moment& moment) mutable {
        if (past || !wanted(moment)) return;
        past = true;
        act();
      });
}

void OperatorModel::end() {
  process_.dead = true;
  ended_ = true;
}

}  // namespace wan::simulation
