#pragma once
// A proxy between one operator and the API server, on loopback and in plain HTTP towards the operator: it
// knows what a write is, counts them, and lets a test stop the operator at a chosen one.

#include <functional>
#include <string>
#include <vector>

#include "base/net/client.h"
#include "base/net/server.h"
#include "operator/kube/config.h"

namespace wan::testing {

class FaultProxy {
 public:
  // When the chosen write's operator is stopped.
  enum class Moment {
    kBeforeItIsSent,         // the API server never hears of it
    kBeforeItsAnswerIsRead,  // it is carried out, and the operator does not learn that
    kAfterItsAnswer,
  };

  FaultProxy(asio::any_io_executor executor, const kube::Config& upstream);
  [[nodiscard]] Status start() { return server_.start(); }
  [[nodiscard]] Task<void> stop() { return server_.stop(std::chrono::milliseconds(0)); }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }

  // "PATCH /apis/..." of every write but those of Leases and Events, since the last forget().
  [[nodiscard]] const std::vector<std::string>& writes() const { return writes_; }
  void forget() { writes_.clear(); }
  // Of the whole time: writes of the Lease, and all others, Events too.
  [[nodiscard]] size_t renewals() const { return renewals_; }
  [[nodiscard]] size_t all_writes() const { return all_writes_; }
  [[nodiscard]] const std::string& last_write() const { return last_write_; }
  // At the first write from now on that `chosen` says yes to (it gets its number, from 1, and what it is),
  // the operator is stopped: `signal` must send it SIGKILL, or SIGSTOP if it shall only freeze.
  void stop_at(std::function<bool(size_t, const std::string&, const std::string& body)> chosen, Moment moment,
               std::function<void(int)> signal, bool for_good = true);
  // The signal has been sent.
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  [[nodiscard]] Task<void> handle(net::IncomingRequest& incoming, net::ResponseWriter& writer);
  [[nodiscard]] Task<void> pass_on(net::Request request, net::ResponseWriter& writer);
  [[nodiscard]] Task<void> pass_stream(net::Request request, net::ResponseWriter& writer);
  [[nodiscard]] bool choose(const net::Request& request);

  net::Client upstream_;
  net::Server server_;
  void count(const net::Request& request);

  std::vector<std::string> writes_;
  size_t renewals_ = 0;
  size_t all_writes_ = 0;
  std::string last_write_;
  std::function<bool(size_t, const std::string&, const std::string&)> chosen_;
  Moment moment_ = Moment::kBeforeItIsSent;
  std::function<void(int)> signal_;
  bool for_good_ = true;
  bool stopped_ = false;
};

}  // namespace wan::testing
