#pragma once
// Drives a WatchMachine against the API: performs what it asks for, hands its events to a sink, and says in
// the log what is wrong and when it is right again.

#include <functional>
#include <memory>
#include <random>
#include <string>

#include "base/clock.h"
#include "operator/cache/watch_machine.h"

namespace wan::cache {

struct WatcherSettings {
  kube::Resource resource;
  std::string namespace_;  // empty: all
  std::string label_selector;
  bool managed_fields = true;  // false where nobody asks who set what
  BackoffSettings backoff;
  WatchMachine::FirstRead first_read = WatchMachine::FirstRead::kWatch;
  // The server ends a watch after a random time between these.
  std::chrono::seconds watch_at_least{300};
  std::chrono::seconds watch_at_most{600};
  uint64_t jitter_seed = std::random_device{}();
};

class Watcher {
 public:
  // `changed` is called after every step that the sink was told of or that changed trouble(). All references
  // must outlive run().
  Watcher(kube::Api& api, const Clock& clock, WatcherSettings settings, Sink& sink,
          std::function<void()> changed);
  // Until it is cancelled.
  [[nodiscard]] Task<void> run();
  // The trouble that it waits out, in words; "" while all is well.
  [[nodiscard]] std::string trouble() const;

 private:
  [[nodiscard]] Task<Outcome> perform(Request request);
  [[nodiscard]] Task<Outcome> open_watch(DoWatch wanted);
  [[nodiscard]] Task<Outcome> read_watch();
  [[nodiscard]] double random();
  void report();

  kube::Api& api_;
  const Clock& clock_;
  WatcherSettings settings_;
  Sink& sink_;
  std::function<void()> changed_;
  WatchMachine machine_;
  std::unique_ptr<kube::WatchStream> stream_;
  std::mt19937_64 engine_;
  std::string reported_;
};

}  // namespace wan::cache
