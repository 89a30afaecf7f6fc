#pragma once
// A runtime pod as its HTTP API, on a real loopback server, without a model: a test says what its jobs do.

#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/async/notify.h"
#include "base/clock.h"
#include "base/crypto/capability.h"
#include "base/json/json.h"
#include "base/net/server.h"

namespace wan::testing {

struct RuntimeRequest {
  std::string method;
  std::string path;
  Capability capability;
  Json body;
};

class FakeRuntime {
 public:
  // `public_key`: whose capabilities it takes.
  FakeRuntime(asio::any_io_executor executor, std::string address, uint16_t port, std::string pod_uid,
              std::string public_key);
  [[nodiscard]] Status start() { return server_.start(); }
  [[nodiscard]] uint16_t port() const { return server_.port(); }
  [[nodiscard]] Task<void> stop();

  // As the process would tell them: kept, and sent to every open stream.
  // Of a pod that fetches its weights; from the next question on.
  void set_weights(Json weights) { weights_ = std::move(weights); }
  void set_phase(const std::string& phase, const std::string& message = "");
  void set_job(Json state);
  // What a restarted process would know: nothing.
  void forget_jobs() { jobs_.clear(); }
  [[nodiscard]] const Json* job(const std::string& uid) const;
  // Ends the open streams without warning; new ones are welcome.
  void break_streams();
  [[nodiscard]] size_t streams() const { return streams_.size(); }
  // The next PUT is refused so.
  void refuse_next_put(unsigned status, std::string reason, std::string message);
  // The answer to the next PUT stays away until release_answer().
  void hold_next_answer() { holds_answer_ = true; }
  void release_answer() { answer_.notify(); }
  // New jobs run by themselves: Running, three steps of progress, Succeeded.
  void run_jobs_by_itself(bool on, std::chrono::milliseconds step = std::chrono::milliseconds(30)) {
    runs_by_itself_ = on;
    step_ = step;
  }

  // What it says of a job before it is given that; without it the question is not known.
  using Resolver = std::function<std::string(const Json& body)>;
  void resolve_with(Resolver resolver) { resolver_ = std::move(resolver); }

  [[nodiscard]] const std::vector<RuntimeRequest>& requests() const { return requests_; }
  [[nodiscard]] size_t puts() const;
  // Requests without a good capability.
  [[nodiscard]] size_t refused() const { return refused_; }

 private:
  struct Stream {
    explicit Stream(asio::any_io_executor executor) : wake(std::move(executor)) {}
    std::vector<std::string> lines;
    bool broken = false;
    Notify wake;
  };
  [[nodiscard]] Task<void> handle(net::IncomingRequest& request, net::ResponseWriter& writer);
  [[nodiscard]] Task<void> serve_events(net::ResponseWriter& writer);
  [[nodiscard]] net::Response put_job(const std::string& uid, const Json& body);
  [[nodiscard]] net::Response delete_job(const std::string& uid);
  [[nodiscard]] Task<void> run_job(std::string uid);
  [[nodiscard]] Json status() const;
  void send(const Json& event);

  asio::any_io_executor executor_;
  std::string pod_uid_;
  std::string public_key_;
  SystemClock clock_;
  std::string phase_ = "Ready";
  std::string message_;
  std::map<std::string, Json> jobs_;
  std::string highest_epoch_;
  std::list<Stream> streams_;
  std::vector<RuntimeRequest> requests_;
  std::optional<net::Response> refusal_;
  Resolver resolver_;
  Json weights_;
  bool runs_by_itself_ = false;
  std::chrono::milliseconds step_{30};
  bool holds_answer_ = false;
  Notify answer_;
  size_t refused_ = 0;
  net::Server server_;
  TaskGroup tasks_;
};

}  // namespace wan::testing
