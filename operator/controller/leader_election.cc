#include "operator/controller/leader_election.h"

#include <utility>

#include "base/log.h"
#include "operator/kube/api_error.h"

namespace wan::controller {

LeaderElection::LeaderElection(kube::Api& api, const Clock& clock, ElectionSettings settings)
    : api_(api), clock_(clock), settings_(std::move(settings)), engine_(settings_.jitter_seed) {}

Task<Result<bool>> LeaderElection::attempt() {
  const SteadyTime begun = clock_.steady();
  // A leader writes onto what it wrote last and saves the read; a conflict makes it read again.
  if (!leading_) {
    auto stored = co_await api_.get(kube::kLeases, settings_.namespace_, settings_.name);
    if (!stored && !kube::is_not_found(stored.error())) co_return fail(stored.error());
    lease_ = stored ? *std::move(stored) : Json();
    observer_.observe(lease_from_json(lease_), clock_.steady());
    if (!observer_.may_take(settings_.identity, clock_.steady())) co_return false;
  }
  Json wanted = held_lease(settings_, lease_, clock_.wall());
  auto written = lease_.is_null() ? co_await api_.create(kube::kLeases, std::move(wanted))
                                  : co_await api_.update(kube::kLeases, std::move(wanted));
  if (!written) {
    const Error& error = written.error();
    if (kube::is_not_found(error)) lease_ = Json();
    if (!kube::is_conflict(error) && !kube::is_already_exists(error)) co_return fail(error);
    auto stored = co_await api_.get(kube::kLeases, settings_.namespace_, settings_.name);
    if (!stored) co_return fail(stored.error());
    lease_ = *std::move(stored);
    observer_.observe(lease_from_json(lease_), clock_.steady());
    // Ours all the same: the answer of an earlier write was lost, or someone edited a label.
    if (observer_.record().holder != settings_.identity || !leading_) co_return false;
    co_return fail(error);
  }
  lease_ = *std::move(written);
  observer_.observe(lease_from_json(lease_), clock_.steady());
  renewed_at_ = begun;
  if (!leading_) epoch_ = observer_.record().resource_version;
  leading_ = true;
  co_return true;
}

Task<Status> LeaderElection::acquire() {
  std::string waiting_for;
  for (;;) {
    const auto won = co_await attempt();
    if (!won && won.error().code == ErrorCode::kCancelled) co_return fail(won.error());
    if (won && *won) {
      log::info("leading as {} (epoch {})", settings_.identity, epoch_);
      co_return Status();
    }
    const std::string why = won ? "another process leads: " + holder() : won.error().message;
    if (why != waiting_for) log::info("waiting for leadership; {}", why);
    waiting_for = why;
    WAN_CO_TRY_VOID(co_await sleep_for(jittered(settings_.retry_period)));
  }
}

Task<Error> LeaderElection::hold() {
  std::string last_failure;
  for (;;) {
    const Status waited = co_await sleep_for(settings_.retry_period);
    if (!waited) co_return waited.error();
    if (clock_.steady() - renewed_at_ >= settings_.renew_deadline) {
      leading_ = false;
      co_return unavailable("the Lease could not be renewed in time" + last_failure);
    }
    const auto renewed = co_await attempt();
    if (renewed && !*renewed) {
      leading_ = false;
      co_return failed_precondition("the Lease is now held by " + holder());
    }
    if (renewed) continue;
    if (renewed.error().code == ErrorCode::kCancelled) co_return renewed.error();
    last_failure = ": " + renewed.error().message;
    log::warn("renewing the Lease{}", last_failure);
  }
}

Task<void> LeaderElection::release() {
  if (!leading_) co_return;
  leading_ = false;
  auto written = co_await api_.update(kube::kLeases, released_lease(lease_, clock_.wall()));
  if (!written && kube::is_conflict(written.error())) {
    // The end may have come while the answer of a renewal was on its way.
    auto stored = co_await api_.get(kube::kLeases, settings_.namespace_, settings_.name);
    if (stored && lease_from_json(*stored).holder == settings_.identity)
      written = co_await api_.update(kube::kLeases, released_lease(*stored, clock_.wall()));
  }
  if (written) {
    log::info("gave the Lease back");
  } else {
    log::warn("giving the Lease back: {}", written.error().message);
  }
}

std::chrono::milliseconds LeaderElection::jittered(std::chrono::milliseconds period) {
  const double stretch = std::uniform_real_distribution<double>(1.0, 2.2)(engine_);
  return std::chrono::milliseconds(static_cast<int64_t>(static_cast<double>(period.count()) * stretch));
}

}  // namespace wan::controller
