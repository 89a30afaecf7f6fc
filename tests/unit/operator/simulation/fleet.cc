#include "tests/unit/operator/simulation/fleet.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/crypto/capability.h"
#include "base/crypto/sha256.h"
#include "base/log.h"

namespace wan::simulation {
namespace {

std::string phase_of(const Json& job) { return string_or(job, {"phase"}, ""); }
bool finished(const Json& job) {
  const std::string phase = phase_of(job);
  return phase == "Succeeded" || phase == "Failed" || phase == "Cancelled";
}

Error refused(ErrorCode code, const std::string& why) { return Error{code, "the runtime answers " + why}; }

// Every job makes another video.
std::string hash_of(const std::string& job_uid) { return sha256_digest("hash of " + job_uid); }

// A function of the job alone: two pods that make the same job make the same bytes.
Json result_of(const std::string& job_uid) {
  const std::string digest = sha256_digest(job_uid);
  return {{"url", "http://store/" + job_uid + ".mp4"},
          {"sha256", digest},
          {"bytes", 1234},
          {"width", 96},
          {"height", 96},
          {"frames", 17},
          {"fps", 16},
          {"durationSeconds", 1.0625},
          {"codec", "h264"},
          {"seed", 42},
          {"framesSha256", digest},
          {"modelDigest", digest},
          {"numericsId", "n1"}};
}

}  // namespace

Fleet::Pod* Fleet::find(const std::string& pod_uid, uint64_t life) {
  const auto it = pods_.find(pod_uid);
  return it == pods_.end() || (life != 0 && it->second.life != life) ? nullptr : &it->second;
}

void Fleet::start(const std::string& pod_uid, const std::string& only_job, std::function<void()> ready,
                  std::function<void(Json)> exited) {
  stop(pod_uid);
  Pod& pod = pods_[pod_uid];
  pod.life = ++lives_;
  pod.only_job = only_job;
  pod.exited = std::move(exited);
  world_.after(world_.between(milliseconds(50), seconds(5)), [this, pod_uid, life = pod.life, ready] {
    Pod* live = find(pod_uid, life);
    if (live == nullptr) return;
    live->phase = "Ready";
    send(*live, {{"type", "STATUS"}, {"status", status(pod_uid, *live)}});
    ready();
  });
}

void Fleet::stop(const std::string& pod_uid) {
  const auto it = pods_.find(pod_uid);
  if (it == pods_.end()) return;
  send(it->second, Json());
  pods_.erase(it);
}

bool Fleet::ready(const std::string& pod_uid) const {
  const auto it = pods_.find(pod_uid);
  return it != pods_.end() && it->second.phase == "Ready";
}

Json Fleet::status(const std::string& pod_uid, const Pod& pod) const {
  return {{"podUID", pod_uid},
          {"phase", pod.phase},
          {"message", ""},
          {"model", {{"name", "wan-tiny"}, {"digest", sha256_digest("model")}}},
          {"numericsId", "n1"}};
}

void Fleet::send(Pod& pod, const Json& event) {
  for (const auto& weak : pod.followers) {
    if (const auto follower = weak.lock()) (*follower)(event);
  }
}

void Fleet::set(Pod& pod, Json job) {
  send(pod, {{"type", "JOB"}, {"job", job}});
  const std::string uid = string_or(job, {"uid"}, "");
  log::debug("job {} is {}", uid, phase_of(job));
  pod.jobs[uid] = std::move(job);
}

bool Fleet::follow(const std::string& pod_uid, std::shared_ptr<std::function<void(const Json&)>> heard) {
  Pod* pod = find(pod_uid);
  if (pod == nullptr) return false;
  pod->followers.push_back(heard);
  (*heard)({{"type", "STATUS"}, {"status", status(pod_uid, *pod)}});
  for (const auto& [uid, job] : pod->jobs) (*heard)({{"type", "JOB"}, {"job", job}});
  return true;
}

Result<Json> Fleet::put(const std::string& pod_uid, const std::string& epoch, const Json& body) {
  Result<Json> answer = take(pod_uid, epoch, body);
  log::debug("pod {} is asked for {} attempt {}: {}", pod_uid, string_or(body, {"metadata", "name"}, ""),
             int_or(body, {"attempt"}, 0), answer ? phase_of(*answer) : answer.error().message);
  return answer;
}

Result<Json> Fleet::take(const std::string& pod_uid, const std::string& epoch, const Json& body) {
  Pod* pod = find(pod_uid);
  if (pod == nullptr) return fail(unavailable("no such pod"));
  const std::string job_uid = string_or(body, {"metadata", "uid"}, "");
  const int attempt = static_cast<int>(int_or(body, {"attempt"}, 0));
  if (string_or(body, {"podUID"}, "") != pod_uid) return fail(refused(ErrorCode::kConflict, "WrongPod"));
  if (!pod->only_job.empty() && pod->only_job != job_uid) {
    return fail(refused(ErrorCode::kConflict, "WrongJob"));
  }
  if (!planted_.obeys_former_leaders && epoch_less(epoch, pod->highest_epoch)) {
    return fail(refused(ErrorCode::kConflict, "StaleEpoch"));
  }
  if (const auto known = pod->jobs.find(job_uid); known != pod->jobs.end()) {
    const int64_t before = int_or(known->second, {"attempt"}, 0);
    if (attempt < before) return fail(refused(ErrorCode::kConflict, "StaleAttempt"));
    if (attempt > before && !finished(known->second))
      return fail(refused(ErrorCode::kConflict, "StillRunning"));
    pod->highest_epoch = epoch;
    if (attempt == before) {
      accepted_({pod_uid, job_uid, attempt, epoch, false});
      return known->second;
    }
  }
  if (pod->phase != "Ready") return fail(refused(ErrorCode::kUnavailable, "NotReady"));
  pod->highest_epoch = epoch;
  Json job = {{"uid", job_uid}, {"attempt", attempt}, {"epoch", epoch}, {"phase", "Queued"}};
  if (invalid.contains(string_or(body, {"metadata", "name"}, ""))) {
    job["phase"] = "Failed";
    job["error"] = {{"reason", "Invalid"}, {"message", "frames is 4"}, {"retryable", false}};
    return job;
  }
  job["name"] = string_or(body, {"metadata", "name"}, "");
  accepted_({pod_uid, job_uid, attempt, epoch, true});
  set(*pod, job);
  pod->queue.push_back(job_uid);
  start_next(pod_uid, *pod);
  return job;
}

Result<Json> Fleet::resolve(const std::string& pod_uid, const Json& body) {
  const Pod* pod = find(pod_uid);
  if (pod == nullptr) return fail(unavailable("no such pod"));
  if (pod->phase != "Ready") return fail(refused(ErrorCode::kUnavailable, "NotReady"));
  return Json{{"jobHash", hash_of(string_or(body, {"metadata", "uid"}, ""))}};
}

Result<Json> Fleet::cancel(const std::string& pod_uid, const std::string& job_uid, int attempt,
                           const std::string& epoch) {
  Pod* pod = find(pod_uid);
  if (pod == nullptr) return fail(unavailable("no such pod"));
  if (!planted_.obeys_former_leaders && epoch_less(epoch, pod->highest_epoch)) {
    return fail(refused(ErrorCode::kConflict, "StaleEpoch"));
  }
  const auto known = pod->jobs.find(job_uid);
  if (known == pod->jobs.end()) return Json();
  if (attempt < int_or(known->second, {"attempt"}, 0))
    return fail(refused(ErrorCode::kConflict, "StaleAttempt"));
  if (finished(known->second)) return known->second;
  if (phase_of(known->second) == "Queued") {
    pod->queue.remove(job_uid);
    finish(*pod, known->second, "Cancelled");
  } else {
    known->second["cancelRequested"] = true;
  }
  return pod->jobs[job_uid];
}

void Fleet::start_next(const std::string& pod_uid, Pod& pod) {
  if (!pod.generating.empty() || pod.queue.empty()) return;
  pod.generating = pod.queue.front();
  pod.queue.pop_front();
  world_.after(world_.between(milliseconds(5), milliseconds(100)),
               [this, pod_uid, life = pod.life, uid = pod.generating] { advance(pod_uid, life, uid, 0); });
}

void Fleet::advance(const std::string& pod_uid, uint64_t life, const std::string& job_uid, int step) {
  Pod* pod = find(pod_uid, life);
  if (pod == nullptr) return;
  constexpr int kSteps = 2;
  Json job = pod->jobs[job_uid];
  const bool cancelled = bool_or(job, {"cancelRequested"}, false);
  if (!cancelled && step <= kSteps) {
    job["phase"] = "Running";
    job["progress"] = {{"phase", "Denoise"}, {"step", step}, {"steps", kSteps}, {"percent", step * 30.0}};
    set(*pod, std::move(job));
    world_.after(world_.between(milliseconds(50), seconds(6)),
                 [this, pod_uid, life, job_uid, step] { advance(pod_uid, life, job_uid, step + 1); });
    return;
  }
  pod->generating.clear();
  const std::string name = string_or(job, {"name"}, "");
  if (cancelled) {
    finish(*pod, std::move(job), "Cancelled");
  } else if (fails_once.contains(name) && failed_once_.insert(name).second) {
    job["error"] = {{"reason", "OutOfMemory"}, {"message", "try again"}, {"retryable", true}};
    finish(*pod, std::move(job), "Failed");
  } else {
    made_.insert(job_uid);
    job["result"] = result_of(job_uid);
    job["jobHash"] = hash_of(job_uid);
    finish(*pod, std::move(job), "Succeeded");
  }
  if (Pod* still = find(pod_uid, life)) start_next(pod_uid, *still);
}

void Fleet::finish(Pod& pod, Json job, const std::string& phase) {
  job["phase"] = phase;
  const std::string uid = string_or(job, {"uid"}, "");
  set(pod, std::move(job));
  if (pod.only_job != uid) return;
  // A one-shot pod lingers a little, so that its state can be read from it.
  world_.after(world_.between(milliseconds(100), seconds(3)),
               [exited = pod.exited, last = pod.jobs[uid]] { exited(last); });
}

std::vector<std::string> Fleet::working_on(const std::string& job_uid) const {
  std::vector<std::string> working;
  for (const auto& [uid, pod] : pods_) {
    const auto job = pod.jobs.find(job_uid);
    if (job != pod.jobs.end() && !finished(job->second)) working.push_back(uid);
  }
  return working;
}

void Runtimes::pod_changed(const api::Pod* before, const api::Pod* after) {
  if (after == nullptr || !dispatch::can_be_asked(*after)) {
    links_.erase(after != nullptr ? after->metadata.uid : before->metadata.uid);
    return;
  }
  const std::string& uid = after->metadata.uid;
  if (!active_ || links_.contains(uid)) return;
  auto link = std::make_shared<Link>();
  link->ref = {after->metadata.namespace_, after->metadata.name, uid,
               after->metadata.label("wan.gallery/owner-uid")};
  link->view.pod_uid = uid;
  links_[uid] = link;
  connect(link);
}

void Runtimes::connect(const LinkRef& weak) {
  World& world = process_.world();
  world.after(world.between(milliseconds(1), milliseconds(200)), [this, weak] {
    const auto link = weak.lock();
    if (!link) return;
    link->first = true;
    link->broken = false;
    link->follower = std::make_shared<std::function<void(const Json&)>>(
        [this, weak](const Json& event) { arrive(weak, event); });
    if (!fleet_.follow(link->ref.uid, link->follower)) {
      process_.world().after(milliseconds(500), [this, weak] {
        if (!weak.expired()) connect(weak);
      });
      return;
    }
    arrive(weak, {{"type", "LISTED"}});
  });
}

// In order, each a while after it was sent.
void Runtimes::arrive(const LinkRef& weak, Json event) {
  const auto link = weak.lock();
  if (!link || link->broken) return;
  World& world = process_.world();
  if (event.is_null() || world.chance(weather_.broken_watch)) {
    link->broken = true;
    event = Json();
  }
  link->last_arrival =
      std::max(link->last_arrival, world.now() + world.between(milliseconds(1), milliseconds(60)));
  world.after(link->last_arrival - world.now(), [this, weak, event = std::move(event), process = &process_] {
    asio::post(process->context(), [this, weak, event] {
      if (const auto live = weak.lock()) hear(*live, event);
    });
  });
}

void Runtimes::hear(Link& link, const Json& event) {
  const api::RuntimeView before = link.view;
  log::debug("pod {} is heard: {}", link.ref.uid,
             event.is_null() ? "the end" : string_or(event, {"type"}, ""));
  if (event.is_null()) {
    link.view.reachable = false;
    link.follower.reset();
    tell(link, before);
    const auto self = links_.find(link.ref.uid);
    if (self != links_.end()) connect(self->second);
    return;
  }
  if (std::exchange(link.first, false)) {
    link.view.jobs.clear();
    ++link.connection;
  }
  if (string_or(event, {"type"}, "") == "LISTED") {
    link.view.reachable = true;
  } else {
    const auto applied = api::apply_event(link.view, event);
    WAN_CHECK(applied.has_value());
  }
  tell(link, before);
}

void Runtimes::tell(Link& link, const api::RuntimeView& before) {
  const dispatch::Change change = dispatch::difference(before, link.view);
  if (!change.empty()) listener_(link.ref, change);
}

const api::RuntimeView* Runtimes::view(const std::string& pod_uid) const {
  const auto it = links_.find(pod_uid);
  return it == links_.end() ? nullptr : &it->second->view;
}

uint64_t Runtimes::connection_to(const std::string& pod_uid) const {
  const auto it = links_.find(pod_uid);
  return it == links_.end() ? 0 : it->second->connection;
}

// As PodLink: what was asked before the present stream began says nothing of what the pod knows now.
void Runtimes::answer(const std::string& pod_uid, const Json& job, uint64_t connection) {
  const auto it = links_.find(pod_uid);
  auto state = api::job_state_from_json(job);
  if (it == links_.end() || !state) return;
  if (connection != it->second->connection) {
    dispatch::Change change;
    change.jobs.insert(state->uid);
    return listener_(it->second->ref, change);
  }
  const api::RuntimeView before = it->second->view;
  api::apply_job(it->second->view, *std::move(state));
  tell(*it->second, before);
}

Task<Result<Json>> Runtimes::call(std::function<Result<Json>()> perform) {
  if (process_.dead) co_return fail(cancelled("the process is dead"));
  World& world = process_.world();
  auto reply = std::make_shared<Reply<Result<Json>>>(process_);
  const uint64_t limit =
      world.after(timeout_, [reply] { reply->answer(fail(unavailable("the pod does not answer"))); });
  const auto latency = [&world, this] {
    return world.between(milliseconds(1),
                         world.chance(weather_.slow) ? Duration(seconds(6)) : milliseconds(30));
  };
  if (!world.chance(weather_.lost_request)) {
    const bool lost = world.chance(weather_.lost_answer);
    const Duration back = latency();
    world.after(latency(), [&world, reply, lost, back, perform = std::move(perform)] {
      Result<Json> result = perform();
      if (!lost) world.after(back, [reply, result] { reply->answer(result); });
    });
  }
  Result<Json> result = co_await take_reply<Result<Json>>(std::move(reply));
  world.forget(limit);
  co_return result;
}

Task<Status> Runtimes::put_job(std::string pod_uid, std::string job_uid, int attempt, Json body) {
  if (!links_.contains(pod_uid)) co_return fail(unavailable("pod " + pod_uid + " cannot be talked to"));
  static_cast<void>(attempt);
  std::function<Result<Json>()> perform = [fleet = &fleet_, pod_uid, epoch = issuer_.epoch(), body] {
    return fleet->put(pod_uid, epoch, body);
  };
  const uint64_t connection = connection_to(pod_uid);
  WAN_CO_TRY(const Json state, co_await call(std::move(perform)));
  answer(pod_uid, state, connection);
  co_return Status();
}

Task<Result<dispatch::JobResolution>> Runtimes::resolve_job(std::string pod_uid, std::string job_uid,
                                                            int attempt, Json body) {
  if (!links_.contains(pod_uid)) co_return fail(unavailable("pod " + pod_uid + " cannot be talked to"));
  static_cast<void>(job_uid);
  static_cast<void>(attempt);
  std::function<Result<Json>()> perform = [fleet = &fleet_, pod_uid, body] {
    return fleet->resolve(pod_uid, body);
  };
  WAN_CO_TRY(const Json answer, co_await call(std::move(perform)));
  co_return dispatch::JobResolution{Json(), string_or(answer, {"jobHash"}, "")};
}

Task<Status> Runtimes::cancel_job(std::string pod_uid, std::string job_uid, int attempt) {
  if (!links_.contains(pod_uid)) co_return fail(unavailable("pod " + pod_uid + " cannot be talked to"));
  std::function<Result<Json>()> perform = [fleet = &fleet_, pod_uid, job_uid, attempt,
                                           epoch = issuer_.epoch()] {
    return fleet->cancel(pod_uid, job_uid, attempt, epoch);
  };
  const uint64_t connection = connection_to(pod_uid);
  WAN_CO_TRY(const Json state, co_await call(std::move(perform)));
  if (state.is_object()) answer(pod_uid, state, connection);
  co_return Status();
}

}  // namespace wan::simulation
