#pragma once
// What is measured, and with what.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/bench/operator/audit.h"
#include "tests/bench/operator/contender.h"
#include "tests/bench/operator/plane.h"

namespace wan::bench {

inline constexpr const char* kJobsNamespace = "bench-jobs";

struct Setup {
  Clients& admin;      // whom no flow control holds back
  Clients& operator_;  // with the rights of the operator's account
  AuditLog& audit;
  Program ours;
  Program twin;
  std::filesystem::path logs;
  int runs = 1;
  size_t jobs = 2'000;
  size_t resources = 10'000;
  int idle_seconds = 60;
};

// One figure a line as it comes.
void say(const std::string& line);
[[nodiscard]] std::string fixed(double value, int digits);
[[nodiscard]] double median(std::vector<double> values);
[[nodiscard]] double percentile(std::vector<double> values, double part);

// Models, a deployment of eight replicas with its store, and all of it ready.
[[nodiscard]] Task<Status> prepare(Setup& setup);
// So many VideoJobs to Succeeded, by each in turn. `sample`: the status of one of them.
[[nodiscard]] Task<Status> run_jobs(Setup& setup, Json& sample);
// Many resources cached, with statuses like `sample`.
[[nodiscard]] Task<Status> run_scale(Setup& setup, const Json& sample);

// Ten VideoJobs a second with pods of their own, the operator running: how soon each has its pod. `job`: one
// of their batch Jobs as it was asked for.
[[nodiscard]] Task<Status> time_new_jobs(Setup& setup, Json& job);
// The same with no operator: who creates the VideoJob creates `job` for it, at once and then once a watch has
// told of the VideoJob.
[[nodiscard]] Task<Status> time_bare_jobs(Setup& setup, Json job, const Json& sample);

}  // namespace wan::bench
