#pragma once
// GET /v1/events: one client's view of the pod, as newline-delimited JSON. Level-triggered: a slow client
// misses intermediate progress, never a final state.

#include <chrono>
#include <list>
#include <map>
#include <set>
#include <string>

#include "base/async/notify.h"
#include "base/net/server.h"
#include "runtime/service/job_runner.h"

namespace wan::service {

class EventHub {
 public:
  EventHub(asio::any_io_executor executor, const JobRunner& runner, const Settings& settings);
  // Wakes every client.
  void notify();
  // Serves one client until it goes away or close() is called.
  [[nodiscard]] Task<void> serve(net::ResponseWriter& writer);
  void close();
  // Whether some client has been sent the final state of this job.
  [[nodiscard]] bool delivered(const std::string& uid) const { return delivered_.contains(uid); }

 private:
  struct Client;
  [[nodiscard]] std::string collect(Client& client);
  void forget_old_jobs(Client& client);

  asio::any_io_executor executor_;
  const JobRunner& runner_;
  const Settings& settings_;
  std::list<Client*> clients_;
  std::set<std::string> delivered_;
  bool closed_ = false;
};

}  // namespace wan::service
