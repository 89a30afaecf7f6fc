#pragma once
// The request that a handler sees. Internal to base/net.

#include "base/net/session_impl.h"

namespace wan::net {

class SessionRequest final : public IncomingRequest {
 public:
  SessionRequest(Session& session, Request head, Target target);

  const Request& head() const override { return head_; }
  const Target& target() const override { return target_; }
  std::optional<uint64_t> content_length() const override;
  Task<Result<std::string>> read_body() override;
  Task<Result<bool>> read_some(std::string& out) override;

  // At the answer: drops what has arrived of the body; true if that was the rest of it. No reads afterwards.
  [[nodiscard]] bool finish_with_what_arrived();

 private:
  [[nodiscard]] Task<Status> invite_body();
  [[nodiscard]] Status check_rate(std::chrono::steady_clock::duration waited, size_t received);

  Session& session_;
  Request head_;
  Target target_;
  bool invited_ = false, finished_ = false;
  std::chrono::steady_clock::duration waited_{};
  uint64_t received_ = 0;
};

}  // namespace wan::net
