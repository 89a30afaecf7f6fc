#include "runtime/cli/job.h"

#include <cstdlib>
#include <iostream>

#include "runtime/cli/command.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/pod.h"

namespace wan::cli {
namespace {

constexpr int kExitJobCancelled = 3;
constexpr int kExitNeverAssigned = 4;

int exit_code(service::Outcome outcome) {
  switch (outcome) {
    case service::Outcome::kSucceeded: return kExitOk;
    case service::Outcome::kFailed: return kExitFailed;
    case service::Outcome::kCancelled: return kExitJobCancelled;
    case service::Outcome::kNeverAssigned: return kExitNeverAssigned;
    case service::Outcome::kTerminated: return kExitCancelled;
  }
  return kExitFailed;
}

}  // namespace

int run_job(int argc, char** argv) {
  CLI::App app("Serves exactly one video job, then ends: the container of a VideoJob with `model`.", argv[0]);
  PodFlags flags;
  std::string uid;
  int assign_seconds = 600;
  std::string termination_log = "/dev/termination-log";
  add_pod_flags(app, flags);
  app.add_option("--job-uid", uid, "metadata.uid of the VideoJob")->envname("JOB_UID")->required();
  app.add_option("--assign-seconds", assign_seconds, "how long to wait for the job to be handed over")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  app.add_option("--termination-log", termination_log, "where the final state is written; empty: nowhere")
      ->capture_default_str();
  app.footer(
      "Exit codes: 0 the job succeeded; 1 it failed; 2 bad flags; 3 it was cancelled; 4 nobody handed it "
      "over in\n"
      "time; 130 ended by a signal.");
  if (const auto ended = parse_flags(app, argc, argv)) return *ended;
  auto settings = pod_settings(flags);
  if (!settings) {
    std::cerr << "wan-runtime job: " << settings.error().message << "\n";
    return kExitUsage;
  }
  settings->only_job_uid = uid;
  settings->assignment_timeout = std::chrono::seconds(assign_seconds);
  settings->termination_log = termination_log;
  const auto outcome = run_pod(*std::move(settings));
  if (!outcome) {
    std::cerr << "wan-runtime job: " << outcome.error().message << "\n";
    return kExitFailed;
  }
  return exit_code(*outcome);
}

}  // namespace wan::cli
