#include "operator/reconcile/wan_deployment/scaling.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "operator/api/reasons.h"

namespace wan::reconcile::wan_deployment {
namespace {

// How many of the jobs that ended last predict the next.
constexpr size_t kHistory = 20;

double pixels(const std::string& size) {
  const size_t x = size.find('x');
  if (x == std::string::npos) return 0;
  double width = 0;
  double height = 0;
  std::from_chars(size.data(), size.data() + x, width);
  std::from_chars(size.data() + x + 1, size.data() + size.size(), height);
  return width * height;
}

double units_of(const api::VideoJob& job) {
  if (job.status.resolved) {
    const api::Resolved& all = *job.status.resolved;
    return pixels(all.size) * all.frames * all.steps;
  }
  return pixels(job.spec.size) * job.spec.frames.value_or(0) * job.spec.steps.value_or(0);
}

double seconds_of(const api::Timings& timings) {
  double sum = 0;
  for (const auto& part :
       {timings.text_encode, timings.denoise, timings.decode, timings.encode, timings.upload}) {
    sum += part.value_or(0);
  }
  return sum;
}

struct Forecast {
  double seconds = kUnknownSeconds;  // of any job
  double per_unit = 0;               // 0: not known
};

Forecast forecast(const std::vector<Load>& loads) {
  std::vector<const Load*> done;
  for (const Load& load : loads) {
    if (load.took && load.ended) done.push_back(&load);
  }
  std::ranges::sort(done, std::ranges::greater(), [](const Load* load) { return *load->ended; });
  done.resize(std::min(done.size(), kHistory));
  if (done.empty()) return {};
  Forecast result{.seconds = 0};
  double measured = 0;
  double units = 0;
  for (const Load* load : done) {
    result.seconds += *load->took / static_cast<double>(done.size());
    if (load->units > 0) {
      measured += *load->took;
      units += load->units;
    }
  }
  if (units > 0) result.per_unit = measured / units;
  return result;
}

double predicted(const Load& load, const Forecast& forecast) {
  if (load.left) return *load.left;
  return load.units > 0 && forecast.per_unit > 0 ? load.units * forecast.per_unit : forecast.seconds;
}

struct Backlog {
  int jobs = 0;
  double seconds = 0;

  [[nodiscard]] int replicas() const {
    return std::clamp(static_cast<int>(std::ceil(std::min(seconds / kSecondsPerReplica, 1e6))),
                      jobs > 0 ? 1 : 0, jobs);
  }
};

}  // namespace

std::optional<Load> load_of(const api::VideoJob& job) {
  const bool finished = is_finished(job.status);
  Load load{.created = job.metadata.created.value_or(WallTime()), .units = units_of(job)};
  if (finished) {
    load.ended = job.status.completion_time.value_or(load.created);
    const bool succeeded = job.status.phase == api::job_phase::kSucceeded;
    if (succeeded && job.status.timings) load.took = seconds_of(*job.status.timings);
    return load;
  }
  const api::Condition* ready = find_condition(job.status.conditions, api::kReady);
  const bool no_store = ready && ready->reason == api::reason::kNoArtifactStore;
  if (job.spec.cancel || job.metadata.deleted || no_store || job.status.phase == "Suspended")
    return std::nullopt;
  if (job.status.progress) load.left = job.status.progress->seconds_left;
  return load;
}

Scale choose_scale(const api::Scaling& scaling, const std::vector<Load>& loads, std::optional<int> before,
                   WallTime deployment_created, WallTime now) {
  const Forecast known = forecast(loads);
  Backlog open;
  Backlog recent;
  WallTime busy_until = deployment_created;
  Scale scale;
  const auto look = [&](WallTime at) {
    if (at > now) scale.look_again = std::min(scale.look_again.value_or(at - now), at - now);
  };
  for (const Load& load : loads) {
    busy_until = std::max(busy_until, load.ended.value_or(now));
    if (load.ended && *load.ended + kStabilisation <= now) continue;
    if (load.ended) look(*load.ended + kStabilisation);
    Backlog& backlog = load.ended ? recent : open;
    ++backlog.jobs;
    backlog.seconds += predicted(load, known);
  }
  const int current = before.value_or(std::max(1, scaling.min));
  const Backlog both{open.jobs + recent.jobs, open.seconds + recent.seconds};
  int wanted = std::max(open.replicas(), std::min(current, both.replicas()));
  const WallTime idle_end = busy_until + (scaling.scale_to_zero_after_seconds
                                              ? std::chrono::seconds(*scaling.scale_to_zero_after_seconds)
                                              : kScaleToZeroAfter);
  // The last replica stays for a while after the last job; it is not started for jobs that are over.
  if (now < idle_end) wanted = std::max(wanted, std::min(1, current));
  if (now >= idle_end && open.jobs == 0) wanted = 0;
  if (now < idle_end && scaling.min == 0) look(idle_end);
  scale.replicas = std::clamp(wanted, scaling.min, scaling.max);
  return scale;
}

}  // namespace wan::reconcile::wan_deployment
