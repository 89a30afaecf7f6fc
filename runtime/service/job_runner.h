#pragma once
// Brings the job table, the inference thread and the uploads together, on the I/O thread.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/async/notify.h"
#include "base/async/task_group.h"
#include "runtime/jobs/job_table.h"
#include "runtime/jobs/worker.h"
#include "runtime/service/pod_status.h"
#include "runtime/service/settings.h"

namespace wan::service {

class JobRunner {
 public:
  // `changed` is called on the I/O thread after every change of a job or of the status.
  JobRunner(asio::any_io_executor executor, const Settings& settings, std::function<void()> changed);
  ~JobRunner();

  // Starts the inference thread: load, probe, then jobs.
  void start();
  // No new jobs, and those that wait end as PodDraining at once; the running one goes on for up to `grace`,
  // then it ends so too (another attempt elsewhere).
  [[nodiscard]] Task<void> drain(std::chrono::steady_clock::duration grace);

  [[nodiscard]] std::expected<jobs::Accepted, jobs::Refused> put(const jobs::JobRequest& request);
  // What put() would make; nothing is accepted.
  [[nodiscard]] std::expected<jobs::Resolution, jobs::Refused> resolve(
      const jobs::JobRequest& request) const {
    return jobs::resolve(request, status_.loaded.model);
  }
  bool cancel(const std::string& uid);

  [[nodiscard]] const PodStatus& status() const { return status_; }
  [[nodiscard]] const jobs::JobTable& table() const { return table_; }

 private:
  struct Link;  // what the inference thread's callbacks hold: cut when this object goes
  void set_phase(PodPhase phase, std::string message);
  void pump();
  void stop_if_running(const std::string& uid);
  void on_loaded(Result<jobs::Loaded> loaded);
  void on_progress(const std::string& uid, int attempt, const Progress& progress);
  void on_finished(const std::string& uid, int attempt, Result<pipeline::GenerationResult> result);
  // The token for the job's upload; nothing once the job was cancelled, failed or replaced.
  [[nodiscard]] std::optional<std::string> upload_token(const std::string& uid, int attempt) const;
  [[nodiscard]] Task<void> upload(std::string uid, int attempt, pipeline::GenerationResult result);
  [[nodiscard]] Task<void> watch_deadlines();
  void expire(const std::string& uid);
  void changed();

  asio::any_io_executor executor_;
  const Settings& settings_;
  std::function<void()> changed_;
  PodStatus status_;
  jobs::JobTable table_;
  Notify deadlines_;
  Notify idle_;
  std::shared_ptr<Link> link_;
  std::unique_ptr<jobs::Worker> worker_;
  TaskGroup tasks_;  // last
};

}  // namespace wan::service
