#pragma once
// The answer to a request. Internal to base/net.

#include "base/net/incoming_impl.h"

namespace wan::net {

class SessionWriter final : public ResponseWriter {
 public:
  SessionWriter(Session& session, SessionRequest& request) : session_(session), request_(request) {}

  Task<Status> respond(Response response) override;
  Task<Status> respond_file(std::filesystem::path file, Headers headers) override;
  Task<Status> start_stream(unsigned status, Headers headers, std::optional<uint64_t> bytes) override;
  Task<Status> write(std::string bytes) override;

  // Ends a stream orderly. After an error the connection cannot be kept alive.
  [[nodiscard]] Task<void> finish();
  [[nodiscard]] bool has_answered() const { return state_ != State::kNothing; }
  // The client must not take what was sent for a complete message.
  void give_up() { state_ = State::kBroken; }
  [[nodiscard]] bool is_broken() const { return state_ == State::kBroken; }

 private:
  enum class State { kNothing, kAnswered, kStreaming, kBroken };

  // Sends the head and moves to `next`; decides whether the connection stays.
  [[nodiscard]] Task<Status> send_head(unsigned status, const Headers& headers, std::string framing,
                                       std::string body, State next);
  [[nodiscard]] Task<Status> send(std::string_view bytes);
  [[nodiscard]] bool without_body(unsigned status) const;

  Session& session_;
  SessionRequest& request_;
  State state_ = State::kNothing;
  bool chunked_ = false;
  std::optional<uint64_t> left_;  // of a stream of known length
};

}  // namespace wan::net
