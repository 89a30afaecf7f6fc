// How soon a new VideoJob has its pod: with the operator, and with nobody between the three writes.

#include <map>
#include <set>

#include "base/async/task_group.h"
#include "operator/kube/api_error.h"
#include "tests/bench/operator/scenario.h"

namespace wan::bench {
namespace {

using Time = std::chrono::steady_clock::time_point;
// When each object of a resource was first seen, by the name of its VideoJob.
using Arrivals = std::map<std::string, Time>;

constexpr size_t kCreates = 300;
constexpr std::chrono::milliseconds kCreateEvery{100};
constexpr const char* kVideoJobLabel = "wan.gallery/videojob";

struct Times {
  Arrivals created, heard, jobs, pods;
  std::vector<double> requests;   // what each create took, in milliseconds
  std::set<std::string> running;  // the pods that are there
  Json job;                       // the first of the batch Jobs
};

double milliseconds_since(Time begun) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
}

// Whether it is a child of one of the VideoJobs that are timed; then it is noted.
bool note_arrival(const kube::WatchEvent& event, const std::string& prefix, Arrivals& arrivals) {
  const std::string name = string_or(event.object, {"metadata", "labels", kVideoJobLabel}, "");
  if (name.starts_with(prefix)) arrivals.try_emplace(name, std::chrono::steady_clock::now());
  return name.starts_with(prefix);
}

void note_job(const kube::WatchEvent& event, const std::string& prefix, Times& times) {
  if (note_arrival(event, prefix, times.jobs) && times.job.is_null()) times.job = event.object;
}

void note_pod(const kube::WatchEvent& event, const std::string& prefix, Times& times) {
  if (!note_arrival(event, prefix, times.pods)) return;
  const std::string name = string_or(event.object, {"metadata", "name"}, "");
  if (event.type == kube::WatchEventType::kDeleted) times.running.erase(name);
  if (event.type != kube::WatchEventType::kDeleted) times.running.insert(name);
}

Json one_shot(const std::string& name) {
  Json made = Json::object();
  made["apiVersion"] = "wan.gallery/v1alpha1";
  made["kind"] = "VideoJob";
  made["metadata"]["namespace"] = kJobsNamespace;
  made["metadata"]["name"] = name;
  made["spec"]["model"]["name"] = "bench";
  made["spec"]["prompt"] = "a red ball";
  made["spec"]["output"]["pvc"]["claimName"] = "videos";
  return made;
}

// The VideoJob as the API server made it.
Task<Result<Json>> create_one(kube::Api& api, const std::string& prefix, size_t number, Times& times) {
  const Time asked = std::chrono::steady_clock::now();
  Json wanted = one_shot(prefix + std::to_string(number));
  wanted["spec"]["seed"] = number;
  WAN_CO_TRY(Json made, co_await api.create(kube::kVideoJobs, std::move(wanted)));
  times.requests.push_back(milliseconds_since(asked));
  times.created[string_or(made, {"metadata", "name"}, "")] = std::chrono::steady_clock::now();
  co_return made;
}

// Each at its time, ten a second.
Work steadily(Work one) {
  return [one = std::move(one), begun = std::chrono::steady_clock::now()](kube::Api& api,
                                                                          size_t i) -> Task<Status> {
    const Time due = begun + i * kCreateEvery;
    WAN_CO_TRY_VOID(co_await sleep_for(due - std::chrono::steady_clock::now()));
    co_return co_await one(api, i);
  };
}

std::string latencies(const std::vector<double>& values) {
  return "p50 " + fixed(percentile(values, 0.5), 0) + " ms, p99 " + fixed(percentile(values, 0.99), 0) +
         " ms, worst " + fixed(percentile(values, 1), 0) + " ms of " + std::to_string(values.size());
}

std::string latencies(const Arrivals& created, const Arrivals& arrived) {
  std::vector<double> values;
  for (const auto& [name, time] : arrived) {
    const auto it = created.find(name);
    if (it != created.end())
      values.push_back(std::chrono::duration<double, std::milli>(time - it->second).count());
  }
  return latencies(values);
}

// Until each has had its pod and all have gone again, which would keep the API server busy during what comes
// next.
Task<Status> watched(Setup& setup, std::string prefix, Work one, Times& times) {
  TaskGroup watches(co_await asio::this_coro::executor);
  watches.spawn("jobs", follow(&setup.admin.at(0), kube::kJobs, kJobsNamespace, "",
                               [&](const auto& event) { note_job(event, prefix, times); }));
  watches.spawn("pods", follow(&setup.admin.at(0), kube::kPods, kJobsNamespace, "",
                               [&](const auto& event) { note_pod(event, prefix, times); }));
  Status done = co_await in_parallel(setup.admin, kCreates, steadily(std::move(one)));
  const auto all_there = [&] { return times.pods.size() >= kCreates; };
  if (done) done = co_await wait_until("a pod for every new VideoJob", std::chrono::seconds(60), all_there);
  const Choice chosen = [=](const Json& object) {
    return string_or(object, {"metadata", "name"}, "").starts_with(prefix);
  };
  if (done) done = co_await remove_all(setup.admin, kube::kVideoJobs, kJobsNamespace, chosen);
  const auto all_gone = [&] { return times.running.empty(); };
  if (done) done = co_await wait_until("the end of their pods", std::chrono::seconds(120), all_gone);
  watches.cancel();
  co_await watches.join();
  co_return done;
}

// What was asked for, without what the API server added.
Json as_asked(Json job) {
  Json asked = Json::object();
  asked["apiVersion"] = "batch/v1";
  asked["kind"] = "Job";
  asked["spec"] = std::move(job["spec"]);
  asked["spec"].erase("selector");
  asked["spec"]["template"]["metadata"]["labels"] = Json::object();
  return asked;
}

Json job_of(const Json& video_job, Json job) {
  const std::string name = string_or(video_job, {"metadata", "name"}, "");
  job["metadata"]["namespace"] = kJobsNamespace;
  job["metadata"]["name"] = name + "-run-1";
  job["metadata"]["labels"][kVideoJobLabel] = name;
  job["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "wan.gallery/v1alpha1"},
                                                     {"kind", "VideoJob"},
                                                     {"name", name},
                                                     {"uid", string_or(video_job, {"metadata", "uid"}, "")},
                                                     {"controller", true}}});
  job["spec"]["template"]["metadata"]["labels"][kVideoJobLabel] = name;
  return job;
}

// What the bare client makes of a VideoJob, and with what it goes on.
struct Bare {
  Json job;     // as the operator asked for one
  Json status;  // of a VideoJob that has succeeded
};

// One after the other, the Job and as many statuses as the operator writes for such a job.
Task<Status> run_bare(kube::Api* api, Json video_job, const Bare* bare) {
  constexpr int kStatuses = 3;
  Json wanted = job_of(video_job, bare->job);
  WAN_CO_TRY_VOID(co_await api->create(kube::kJobs, std::move(wanted)));
  for (int i = 0; i < kStatuses; ++i) {
    Json status = one_shot(string_or(video_job, {"metadata", "name"}, ""));
    status.erase("spec");
    status["status"] = bare->status;
    status["status"]["attempts"] = i;
    WAN_CO_TRY_VOID(
        co_await api->apply(kube::kVideoJobs, std::move(status), "wan-operator-status", "status"));
  }
  co_return Status();
}

Task<void> run_heard(kube::Api* api, Json video_job, const Bare* bare, Status* first_error) {
  Status done = co_await run_bare(api, std::move(video_job), bare);
  // The last ones' statuses come after their pods, and then they may be gone.
  if (!done && !kube::is_not_found(done.error()) && *first_error) *first_error = std::move(done);
}

Task<Status> time_at_once(Setup& setup, const Bare& bare) {
  Times times;
  const Work one = [&](kube::Api& api, size_t number) -> Task<Status> {
    WAN_CO_TRY(Json made, co_await create_one(api, "bare-", number, times));
    co_return co_await run_bare(&api, std::move(made), &bare);
  };
  WAN_CO_TRY_VOID(co_await watched(setup, "bare-", one, times));
  say("  a bare client, the same writes:      the create " + latencies(times.requests));
  say("  its create to Pod created:           " + latencies(times.created, times.pods));
  co_return Status();
}

// Any controller waits for the watch; what is above this is the operator's own.
Task<Status> time_heard(Setup& setup, const Bare& bare) {
  Times times;
  Status first_error;
  int turn = 0;
  TaskGroup tasks(co_await asio::this_coro::executor);
  const auto hear = [&](const kube::WatchEvent& event) {
    const std::string name = string_or(event.object, {"metadata", "name"}, "");
    if (event.type != kube::WatchEventType::kAdded || !name.starts_with("heard-")) return;
    times.heard[name] = std::chrono::steady_clock::now();
    tasks.spawn(name, run_heard(&setup.admin.at(++turn), event.object, &bare, &first_error));
  };
  tasks.spawn("VideoJobs", follow(&setup.admin.at(0), kube::kVideoJobs, kJobsNamespace, "", hear));
  const Work one = [&](kube::Api& api, size_t number) -> Task<Status> {
    const auto made = co_await create_one(api, "heard-", number, times);
    co_return made ? first_error : Status(fail(made.error()));
  };
  const Status done = co_await watched(setup, "heard-", one, times);
  tasks.cancel();
  co_await tasks.join();
  WAN_CO_TRY_VOID(done);
  say("  a client that waits for the watch:   create to its event " + latencies(times.created, times.heard));
  say("  its create to Pod created:           " + latencies(times.created, times.pods));
  co_return first_error;
}

}  // namespace

Task<Status> time_new_jobs(Setup& setup, Json& job) {
  Times times;
  const Work one = [&](kube::Api& api, size_t number) -> Task<Status> {
    const auto made = co_await create_one(api, "own-", number, times);
    co_return made ? Status() : Status(fail(made.error()));
  };
  WAN_CO_TRY_VOID(co_await watched(setup, "own-", one, times));
  say("  the create of a VideoJob by itself:  " + latencies(times.requests));
  say("  create to Job created, 10 a second:  " + latencies(times.created, times.jobs));
  say("  create to Pod created, 10 a second:  " + latencies(times.created, times.pods) +
      " (wanted: p99 100 ms)");
  job = as_asked(std::move(times.job));
  co_return Status();
}

Task<Status> time_bare_jobs(Setup& setup, Json job, const Json& sample) {
  const Bare bare{std::move(job), sample};
  WAN_CO_TRY_VOID(co_await time_at_once(setup, bare));
  co_return co_await time_heard(setup, bare);
}

}  // namespace wan::bench
