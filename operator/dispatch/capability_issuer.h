#pragma once
// The grants that the operator signs for its own calls to runtime pods and for the uploads of their jobs.

#include <chrono>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/crypto/capability.h"
#include "base/result.h"

namespace wan::dispatch {

class CapabilityIssuer {
 public:
  // `seed`: the 32 secret bytes of the Ed25519 key whose public half the pods hold.
  CapabilityIssuer(std::string seed, const Clock& clock) : seed_(std::move(seed)), clock_(clock) {}

  // Set when leadership is won: every grant carries it, and pods refuse lower ones. A pod whose container was
  // started again remembers none, so nothing is granted either once `leads` is false: kUnavailable.
  void set_epoch(std::string epoch, std::function<bool()> leads = [] { return true; }) {
    epoch_ = std::move(epoch);
    leads_ = std::move(leads);
  }
  [[nodiscard]] const std::string& epoch() const { return epoch_; }

  // Status, list and progress stream of one pod.
  [[nodiscard]] Result<std::string> for_pod(const std::string& pod_uid) const;
  // PUT and DELETE of one attempt of one job on one pod.
  [[nodiscard]] Result<std::string> for_job(const std::string& pod_uid, const std::string& job_uid,
                                            int attempt) const;
  // The upload of one artifact, usable for `valid_for`.
  [[nodiscard]] Result<std::string> for_upload(const std::string& audience, const std::string& path,
                                               const std::string& job_uid, int attempt,
                                               std::chrono::seconds valid_for) const;
  // To read one artifact or blob, usable for `valid_for`.
  [[nodiscard]] Result<std::string> for_reading(const std::string& audience, const std::string& path,
                                                const std::string& job_uid,
                                                std::chrono::seconds valid_for) const;
  // The removal of one artifact.
  [[nodiscard]] Result<std::string> for_removal(const std::string& audience, const std::string& path,
                                                const std::string& job_uid) const;

 private:
  [[nodiscard]] Result<std::string> for_artifact(const char* scope, const std::string& audience,
                                                 const std::string& path, const std::string& job_uid,
                                                 int attempt, std::chrono::seconds valid_for) const;
  [[nodiscard]] Result<std::string> sign(const Capability& grant) const;

  std::string seed_;
  const Clock& clock_;
  std::string epoch_;
  std::function<bool()> leads_ = [] { return true; };
};

}  // namespace wan::dispatch
