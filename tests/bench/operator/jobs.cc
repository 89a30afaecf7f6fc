// 2,000 VideoJobs to Succeeded: wan-operator, its twin, and a bare client that does what wan-operator wrote.

#include <algorithm>
#include <set>

#include "tests/bench/operator/scenario.h"

namespace wan::bench {
namespace {

constexpr std::chrono::seconds kLimit{600};

std::string job_name(size_t number) {
  std::string digits = std::to_string(number);
  return "job-" + std::string(5 - std::min<size_t>(5, digits.size()), '0') + digits;
}

Json served_job(const std::string& name) {
  Json job = Json::object();
  job["apiVersion"] = "wan.gallery/v1alpha1";
  job["kind"] = "VideoJob";
  job["metadata"]["name"] = name;
  job["metadata"]["namespace"] = kJobsNamespace;
  job["spec"]["deploymentRef"]["name"] = "tiny";
  job["spec"]["prompt"] =
      "a red ball moves to the right on a blue background, the camera follows it slowly, soft light, " + name;
  job["spec"]["seed"] = 42;
  return job;
}

std::vector<Json> served_jobs(size_t count) {
  std::vector<Json> jobs;
  for (size_t i = 0; i < count; ++i) jobs.push_back(served_job(job_name(i)));
  return jobs;
}

bool is_job(const Json& object) { return string_or(object, {"metadata", "name"}, "").starts_with("job-"); }

// Counts the jobs that have succeeded, as they do.
class Finish {
 public:
  Finish(asio::any_io_executor executor, kube::Api& api) : api_(api), tasks_(std::move(executor)) {}
  void start() {
    tasks_.spawn("watch jobs", follow(&api_, kube::kVideoJobs, kJobsNamespace, "",
                                      [this](const auto& event) { on(event); }));
  }
  [[nodiscard]] Task<void> stop() {
    tasks_.cancel();
    co_await tasks_.join();
  }
  [[nodiscard]] size_t count() const { return done_.size(); }
  [[nodiscard]] const Json& sample() const { return sample_; }

 private:
  void on(const kube::WatchEvent& event) {
    if (event.type == kube::WatchEventType::kDeleted || !is_job(event.object)) return;
    if (string_or(event.object, {"status", "phase"}, "") != "Succeeded") return;
    if (sample_.is_null()) sample_ = event.object["status"];
    done_.insert(string_or(event.object, {"metadata", "uid"}, ""));
  }
  kube::Api& api_;
  std::set<std::string> done_;
  Json sample_;
  TaskGroup tasks_;  // last
};

struct Run {
  double wall = 0;
  double cpu = 0;
  double rss_mib = 0;
  size_t writes = 0;
};

// One job, so that streams, connections and caches are warm.
Task<Status> warm_up(Setup& setup, Finish& finish) {
  std::vector<Json> one{served_job("job-warm")};
  WAN_CO_TRY_VOID(co_await create_all(setup.admin, kube::kVideoJobs, std::move(one)));
  const auto is_done = [&] { return finish.count() == 1; };
  co_return co_await wait_until("the first job", std::chrono::seconds(60), is_done);
}

Task<Result<Run>> run_contender(Setup& setup, Program program, Json& sample) {
  Contender contender(std::move(program));
  WAN_CO_TRY_VOID(co_await contender.start(setup.logs / (contender.program().name + "-jobs.log")));
  Finish finish(co_await asio::this_coro::executor, setup.admin.at(0));
  finish.start();
  Status done = co_await warm_up(setup, finish);
  Run run;
  setup.audit.begin();
  const double cpu = contender.cost().cpu_seconds;
  const auto begun = std::chrono::steady_clock::now();
  if (done) done = co_await create_all(setup.admin, kube::kVideoJobs, served_jobs(setup.jobs));
  const auto all_done = [&] { return finish.count() == setup.jobs + 1; };
  if (done) done = co_await wait_until(contender.program().name + ": every job", kLimit, all_done);
  run.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  // Events may still be on their way.
  static_cast<void>(co_await sleep_for(std::chrono::seconds(3)));
  run.cpu = contender.cost().cpu_seconds - cpu;
  run.rss_mib = contender.cost().peak_rss_mib;
  sample = finish.sample();
  co_await finish.stop();
  WAN_CO_TRY_VOID(co_await contender.stop());
  if (!done) co_return fail(done.error());
  WAN_CO_TRY(const Writes writes, setup.audit.writes(kJobsNamespace));
  run.writes = writes.count;
  co_return run;
}

// The writes of one job again, for another object of its name.
Task<Status> replay(kube::Api& api, Json job, std::vector<Write> writes, std::string run) {
  std::string version = string_or(job, {"metadata", "resourceVersion"}, "");
  const std::string uid = string_or(job, {"metadata", "uid"}, "");
  for (Write& write : writes) {
    Json object = std::move(write.object);
    if (!write.is_status) {
      object["metadata"]["name"] = string_or(object, {"metadata", "name"}, "") + run;
      object["regarding"]["uid"] = uid;
      WAN_CO_TRY(const Json made, co_await api.create(kube::kEvents, std::move(object)));
      continue;
    }
    object["metadata"]["uid"] = uid;
    object["metadata"]["resourceVersion"] = version;
    WAN_CO_TRY(const Json stored,
               co_await api.apply(kube::kVideoJobs, std::move(object), "wan-operator-status", "status"));
    version = string_or(stored, {"metadata", "resourceVersion"}, "");
  }
  co_return Status();
}

Task<Result<Run>> run_bare(Setup& setup, const Writes& writes, std::string suffix) {
  Finish finish(co_await asio::this_coro::executor, setup.admin.at(0));
  finish.start();
  std::vector<Json> jobs = served_jobs(setup.jobs);
  const Work work = [&](kube::Api& api, size_t i) -> Task<Status> {
    const std::string name = string_or(jobs[i], {"metadata", "name"}, "");
    WAN_CO_TRY(Json made,
               co_await setup.admin.at(static_cast<int>(i)).create(kube::kVideoJobs, std::move(jobs[i])));
    const auto own = writes.by_job.find(name);
    if (own == writes.by_job.end()) co_return Status();
    co_return co_await replay(api, std::move(made), own->second, suffix);
  };
  const auto begun = std::chrono::steady_clock::now();
  Status done = co_await in_parallel(setup.operator_, jobs.size(), work);
  const auto all_done = [&] { return finish.count() == setup.jobs; };
  if (done) done = co_await wait_until("the bare client", kLimit, all_done);
  Run run;
  run.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  co_await finish.stop();
  if (!done) co_return fail(done.error());
  for (const auto& [name, one] : writes.by_job) run.writes += one.size();
  co_return run;
}

void tell(const std::string& who, const Run& run) {
  say("  " + who + ": wall " + fixed(run.wall, 1) + " s, CPU " + fixed(run.cpu, 2) + " s, peak RSS " +
      fixed(run.rss_mib, 1) + " MiB, " + std::to_string(run.writes) + " writes");
}

struct Table {
  std::vector<double> ours, twin, bare, ours_cpu, twin_cpu, ours_rss, twin_rss;
};

Task<Status> one_round(Setup& setup, int number, Table& table, Json& sample) {
  WAN_CO_TRY(const Run ours, co_await run_contender(setup, setup.ours, sample));
  tell("wan-operator", ours);
  WAN_CO_TRY(const Writes writes, setup.audit.writes(kJobsNamespace));
  WAN_CO_TRY_VOID(co_await remove_all(setup.admin, kube::kVideoJobs, kJobsNamespace, is_job));
  WAN_CO_TRY(const Run bare, co_await run_bare(setup, writes, "-" + std::to_string(number)));
  tell("bare client", bare);
  WAN_CO_TRY_VOID(co_await remove_all(setup.admin, kube::kVideoJobs, kJobsNamespace, is_job));
  Json unused;
  WAN_CO_TRY(const Run twin, co_await run_contender(setup, setup.twin, unused));
  tell("twin", twin);
  WAN_CO_TRY_VOID(co_await remove_all(setup.admin, kube::kVideoJobs, kJobsNamespace, is_job));
  table.ours.push_back(ours.wall);
  table.bare.push_back(bare.wall);
  table.twin.push_back(twin.wall);
  table.ours_cpu.push_back(ours.cpu);
  table.twin_cpu.push_back(twin.cpu);
  table.ours_rss.push_back(ours.rss_mib);
  table.twin_rss.push_back(twin.rss_mib);
  co_return Status();
}

}  // namespace

Task<Status> run_jobs(Setup& setup, Json& sample) {
  say(std::to_string(setup.jobs) + " VideoJobs to Succeeded, 8 replicas, " + std::to_string(setup.runs) +
      " times:");
  Table table;
  for (int i = 0; i < setup.runs; ++i) WAN_CO_TRY_VOID(co_await one_round(setup, i, table, sample));
  const double wall = median(table.ours);
  say("  medians: wall " + fixed(wall, 1) + " s, twin " + fixed(median(table.twin), 1) + " s, bare client " +
      fixed(median(table.bare), 1) + " s (we reach " + fixed(median(table.bare) / wall, 2) +
      " of its speed, wanted 0.8)");
  say("  medians: CPU " + fixed(median(table.ours_cpu), 2) + " s, twin " + fixed(median(table.twin_cpu), 2) +
      " s; peak RSS " + fixed(median(table.ours_rss), 1) + " MiB, twin " + fixed(median(table.twin_rss), 1) +
      " MiB");
  co_return Status();
}

}  // namespace wan::bench
