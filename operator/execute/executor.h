#pragma once
// Carries a Plan out: one step at a time, in order, and no further than the first that fails.

#include <map>
#include <optional>
#include <set>
#include <string>

#include "operator/api/identifiers.h"
#include "operator/controller/event_recorder.h"
#include "operator/dispatch/capability_issuer.h"
#include "operator/dispatch/runtimes.h"
#include "operator/execute/caches.h"
#include "operator/execute/write_gate.h"
#include "operator/kube/api.h"
#include "operator/reconcile/plan.h"
#include "operator/reconcile/video_job/plan.h"

namespace wan::execute {

inline constexpr const char* kFieldManager = api::kFieldManager;
inline constexpr const char* kStatusFieldManager = "wan-operator-status";
inline constexpr const char* kFinalizerFieldManager = "wan-operator-finalizer";

// What this process has found out about a VideoJob on the way.
struct JobNotes {
  std::optional<reconcile::video_job::Answer> answer;  // of a pod
  std::optional<reconcile::video_job::ImageFinding> image;
  std::set<std::string> copies_that_failed;  // UIDs of the jobs whose videos could not be copied for it
};

class Executor {
 public:
  Executor(kube::Api& api, const Caches& caches, dispatch::Runtimes& runtimes,
           const dispatch::CapabilityIssuer& issuer, controller::EventRecorder& events, WriteGate& gate,
           const Clock& clock);

  // `owner` names the reconcile for the write gate. The owner of the plan having gone meanwhile ends the plan
  // without an error.
  [[nodiscard]] Task<Status> run(std::string owner, reconcile::Plan plan);

  // When this process last wrote the status of the object with that UID.
  [[nodiscard]] std::optional<WallTime> last_status_write(const std::string& uid) const;
  [[nodiscard]] const JobNotes& notes(const std::string& job_uid) const;
  void forget(const std::string& uid) {
    status_writes_.erase(uid);
    notes_.erase(uid);
  }

 private:
  [[nodiscard]] Task<void> tell_refusal(std::string owner, reconcile::WriteStatus status);
  [[nodiscard]] Task<Status> carry_out(const std::string& owner, reconcile::Step step);
  [[nodiscard]] Task<Status> apply(const std::string& owner, reconcile::Apply step);
  [[nodiscard]] Task<Status> create(const std::string& owner, reconcile::Create step);
  [[nodiscard]] Task<Status> remove(reconcile::Delete step);
  [[nodiscard]] Task<Status> write_status(const std::string& owner, reconcile::WriteStatus step);
  [[nodiscard]] Task<Status> dispatch_job(reconcile::Dispatch step);
  [[nodiscard]] Task<Status> set_finalizer(const std::string& owner, reconcile::SetFinalizer step);
  [[nodiscard]] Task<Status> ask(reconcile::Resolve step);
  [[nodiscard]] Task<Status> find_image(reconcile::FindImage step);
  // Puts the picture, or where it is, into what a pod is asked; where there is none any more, the next plan
  // knows.
  [[nodiscard]] Task<Status> attach(std::optional<reconcile::ImageSource> image, std::string job_uid,
                                    Json& body);
  [[nodiscard]] Task<Result<Json>> show_image(reconcile::ImageSource image, std::string job_uid);
  [[nodiscard]] Task<Status> copy(reconcile::CopyArtifact step);
  void emit(reconcile::EmitEvent step);
  // Refuses to take over an object of somebody else that the cache does not show.
  [[nodiscard]] Task<Status> check_ownership(const kube::Resource& resource, const Json& object);
  void note(const std::string& owner, const kube::Resource& resource, const Json& written);

  kube::Api& api_;
  const Caches& caches_;
  dispatch::Runtimes& runtimes_;
  const dispatch::CapabilityIssuer& issuer_;
  controller::EventRecorder& events_;
  WriteGate& gate_;
  const Clock& clock_;
  struct Written {
    WallTime at;
    std::string version;
  };
  std::map<std::string, Written> status_writes_;  // by UID
  // By owner: what the API server refused of its last plan, told in its status until a plan gets through.
  std::map<std::string, Error> refusals_;
  std::map<std::string, JobNotes> notes_;  // by job UID
};

}  // namespace wan::execute
