#pragma once
// Takes files in that are elsewhere: a picture that a VideoJob names by URL, or that lies in a bucket which
// another artifact server reads. Each becomes a blob of this store, so that a job that is tried again, on
// another pod or after a year, finds the same bytes.
//
// A URL is a stranger's: only public addresses are asked, checked after the name is resolved and again after
// every redirect, so that nobody reaches a cluster's inside or a cloud's metadata through this server.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async/notify.h"
#include "base/async/task_group.h"
#include "base/json/json.h"
#include "base/net/addresses.h"
#include "runtime/gallery/artifacts/backend.h"

namespace wan::gallery {

struct IntakeRequest {
  std::string sha256;  // "sha256:HEX" that it must have; "": whatever it has
  // Where it is, if not here: at most one of the two.
  std::string url;
  std::string artifact;  // URL at another artifact server, which the asker vouches for
  std::string token;     // the capability to read it there; never logged
};
// {"sha256", "from": {"url"} or {"artifact", "token"}}; kInvalidArgument names the field.
[[nodiscard]] Result<IntakeRequest> intake_request_from_json(const Json& body);

struct IntakeSettings {
  std::vector<net::Network> networks;  // may be asked beside the public ones
  std::string ca_pem;                  // "": the system's trust store
  int64_t max_bytes = int64_t{32} << 20;
  std::chrono::milliseconds answer_within{1'000};
  std::chrono::milliseconds give_up_after{60'000};
};

class Intake {
 public:
  // `store` and `clock` outlive it.
  Intake(asio::any_io_executor executor, Backend& store, IntakeSettings settings, const Clock& clock);

  // The blob; nothing while it is still on its way: ask again. kNotFound: it is not there, at its source
  // either. kInvalidArgument: it will not be taken from there, or is another one. kFailedPrecondition: its
  // source has trouble. Others are the store's.
  [[nodiscard]] Task<Result<std::optional<Artifact>>> take(IntakeRequest request);
  [[nodiscard]] Task<void> stop();

 private:
  struct Fetch {
    SteadyTime begun;
    std::optional<Result<Artifact>> result;
    std::vector<std::shared_ptr<Notify>> waiting;
  };
  [[nodiscard]] Result<std::shared_ptr<Fetch>> fetch_of(const IntakeRequest& request);
  [[nodiscard]] Task<void> run(std::shared_ptr<Fetch> fetch, IntakeRequest request);
  [[nodiscard]] Task<Result<Artifact>> fetch(IntakeRequest request);
  [[nodiscard]] Task<Result<std::unique_ptr<net::ResponseStream>>> open(IntakeRequest request,
                                                                        SteadyTime deadline);
  [[nodiscard]] Task<Result<std::string>> receive(net::ResponseStream& from, const std::string& source,
                                                  Upload& upload, SteadyTime deadline);
  [[nodiscard]] std::chrono::milliseconds left(SteadyTime deadline) const;

  asio::any_io_executor executor_;
  Backend& store_;
  IntakeSettings settings_;
  const Clock& clock_;
  std::map<std::string, std::shared_ptr<Fetch>> fetches_;  // by source
  TaskGroup tasks_;                                        // last
};

}  // namespace wan::gallery
