#pragma once
// The runtime pods as an interface: the dispatcher speaks HTTP to real ones, simulations speak to a model of
// them.

#include <string>

#include "base/async/async.h"
#include "base/json/json.h"
#include "operator/api/blob_ref.h"
#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"

namespace wan::dispatch {

struct JobResolution {
  Json resolved;         // as a JobState has it
  std::string job_hash;  // "": not known

  bool operator==(const JobResolution&) const = default;
};

class Runtimes {
 public:
  virtual ~Runtimes() = default;
  // Pods are talked to from now on; those that exist already must be told again.
  virtual void start() = 0;
  // As the cache tells it: before == nullptr added, after == nullptr removed.
  virtual void pod_changed(const api::Pod* before, const api::Pod* after) = 0;
  // nullptr while there is no link to the pod. Valid until the next suspension.
  [[nodiscard]] virtual const api::RuntimeView* view(const std::string& pod_uid) const = 0;
  // PUT /v1/jobs/{uid}. A pod that refuses the request as such (422) leaves a Failed job in the view, and
  // that counts as done: the refusal is the job's result. Other refusals are Errors: kConflict (another pod,
  // a lower epoch or attempt), kUnavailable (not ready, draining, not reachable, no link).
  [[nodiscard]] virtual Task<Status> put_job(std::string pod_uid, std::string job_uid, int attempt,
                                             Json body) = 0;
  // DELETE /v1/jobs/{uid}. A job that the pod does not know counts as done.
  [[nodiscard]] virtual Task<Status> cancel_job(std::string pod_uid, std::string job_uid, int attempt) = 0;
  // POST /v1/jobs/{uid}/resolution: what put_job of the same body would make. A pod that refuses the request
  // as such, or does not know the question, says so by no hash.
  [[nodiscard]] virtual Task<Result<JobResolution>> resolve_job(std::string /*pod_uid*/,
                                                                std::string /*job_uid*/, int /*attempt*/,
                                                                Json /*body*/) {
    co_return JobResolution();
  }
  // The end of that job is known where it counts: the view does without it. Nothing is told, and nothing
  // happens to a job that has not ended. Views that stay small anyway need not listen.
  virtual void forget_job(const std::string& /*pod_uid*/, const std::string& /*job_uid*/) {}
  // DELETE of an artifact at its server, if it has that digest. One that is not there, or is another by now,
  // counts as done. A model without artifacts has nothing to delete.
  [[nodiscard]] virtual Task<Status> delete_artifact(std::string /*url*/, std::string /*audience*/,
                                                     std::string /*path*/, std::string /*sha256*/,
                                                     std::string /*job_uid*/) {
    co_return Status();
  }
  // The bytes of that digest, which an artifact server has, at another path of it too; it reads and hashes
  // them again. kNotFound, kCorrupt or kAlreadyExists (other bytes at the path): it cannot be.
  [[nodiscard]] virtual Task<Status> copy_artifact(std::string /*url*/, std::string /*audience*/,
                                                   std::string /*path*/, std::string /*sha256*/,
                                                   std::string /*job_uid*/) {
    co_return Status();
  }
  // The digest of the blob, once the artifact server has it; "" while it takes it in. kNotFound,
  // kInvalidArgument (not from there, or other bytes by now) and kFailedPrecondition (its source has trouble)
  // are final, in the server's words. A model without artifacts has whatever it is asked for.
  [[nodiscard]] virtual Task<Result<std::string>> take_in(api::BlobRef blob, std::string /*job_uid*/) {
    co_return blob.sha256;
  }
};

}  // namespace wan::dispatch
