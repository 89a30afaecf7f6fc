#pragma once
// The operator's side of one runtime pod: keeps the pod's progress stream open, the RuntimeView up to date,
// and hands jobs over.

#include <chrono>
#include <functional>
#include <set>
#include <string>

#include "base/net/client.h"
#include "operator/api/runtime_view.h"
#include "operator/dispatch/capability_issuer.h"
#include "operator/dispatch/runtimes.h"

namespace wan::dispatch {

struct LinkSettings {
  std::chrono::milliseconds request_timeout{10'000};
  std::chrono::milliseconds idle_limit{15'000};  // three heartbeats
  std::chrono::milliseconds first_retry{200};
  std::chrono::milliseconds last_retry{5'000};
};

// What happened to a view.
struct Change {
  bool runtime = false;            // phase, message or reachability
  std::set<std::string> jobs;      // came, went, or changed their phase or attempt
  std::set<std::string> progress;  // only got further
  [[nodiscard]] bool empty() const { return !runtime && jobs.empty() && progress.empty(); }
};

class PodLink {
 public:
  // `changed` is called on the executor's thread after every change of the view. References outlive run().
  PodLink(asio::any_io_executor executor, net::Url url, std::string pod_uid, const CapabilityIssuer& issuer,
          LinkSettings settings, std::function<void(const Change&)> changed);

  // Connects, follows, reconnects, until cancelled.
  [[nodiscard]] Task<void> run();
  // The same for a pod that still fetches its weights: only `weights` of the view is kept up to date.
  [[nodiscard]] Task<void> watch_weights();
  [[nodiscard]] const api::RuntimeView& view() const { return view_; }

  // PUT /v1/jobs/{uid}. A pod that refuses the request as such (422) leaves a Failed job in the view, and
  // that counts as done: the refusal is the job's result. Other refusals are Errors: kConflict (another pod,
  // a lower epoch or attempt), kUnavailable (not ready, draining, not reachable).
  [[nodiscard]] Task<Status> put_job(std::string job_uid, int attempt, Json body);
  // POST /v1/jobs/{uid}/resolution. A refusal of the request as such, and a pod that does not know the
  // question, give no hash.
  [[nodiscard]] Task<Result<JobResolution>> resolve_job(std::string job_uid, int attempt, Json body);
  // DELETE /v1/jobs/{uid}. A job that the pod does not know counts as done.
  [[nodiscard]] Task<Status> cancel_job(std::string job_uid, int attempt);
  // The end of that job is known where it counts: the view does without it. A pod remembers hundreds. Nothing
  // is told, and nothing happens to a job that has not ended.
  void forget_job(const std::string& job_uid);

 private:
  [[nodiscard]] Task<Status> follow(bool& connected);
  [[nodiscard]] Task<Status> load_jobs();
  [[nodiscard]] Task<Status> ask_for_weights();
  [[nodiscard]] Result<net::Request> request(std::string method, std::string target,
                                             Result<std::string> token);
  [[nodiscard]] Task<Result<net::Response>> send_job(std::string method, std::string job_uid, int attempt,
                                                     std::string body, std::string below = "");
  [[nodiscard]] Status on_line(const std::string& line);
  // The state that answers a request which was sent on that connection. Another connection has told since
  // what the pod knows, perhaps that of a restarted process: then the answer no longer counts.
  void accept_answer(api::JobState state, uint64_t connection);
  void set_reachable(bool reachable);
  // Into the view, and tells what that changed.
  void take(api::JobState state);
  // Tells what differs from `before`.
  void tell(const api::RuntimeView& before);

  net::Client http_;
  std::string pod_uid_;
  const CapabilityIssuer& issuer_;
  LinkSettings settings_;
  std::function<void(const Change&)> changed_;
  api::RuntimeView view_;
  uint64_t connection_ = 0;  // how many lists of jobs have been read
};

// What must be told of two states of one view.
[[nodiscard]] Change difference(const api::RuntimeView& before, const api::RuntimeView& after);

}  // namespace wan::dispatch
