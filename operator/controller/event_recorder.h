#pragma once
// Events for people (events.k8s.io/v1): what `kubectl describe` shows. Best effort and bounded: a slow or
// forbidden API loses events, never time of a reconcile.

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/async/notify.h"
#include "base/clock.h"
#include "operator/controller/retry_limits.h"
#include "operator/kube/api.h"

namespace wan::controller {

struct EventNote {
  std::string api_version;  // of the object that the event is about
  std::string kind;
  std::string namespace_;
  std::string name;
  std::string uid;
  std::string type;  // "Normal" or "Warning"
  std::string reason;
  std::string action;
  std::string note;  // cut to 1024 bytes
};

struct EventSettings {
  // Of one object: so many events at once, then one in five minutes. A series counts once.
  double per_second = 1.0 / 300;
  double burst = 25;
  // An event that can't be written because the server is away is tried again.
  int tries = 12;
  std::chrono::milliseconds between_tries{10'000};
};

class EventRecorder {
 public:
  // `instance`: which process reports, at most 128 bytes.
  EventRecorder(asio::any_io_executor executor, kube::Api& api, const Clock& clock, std::string instance,
                EventSettings settings = {});

  // Never waits. The same event again within six minutes becomes a series of the first one, whose count is
  // written at its second event, every half hour, and when it has ended.
  void emit(EventNote note);
  // Writes what was emitted, until cancelled.
  [[nodiscard]] Task<void> run();
  [[nodiscard]] uint64_t lost() const { return lost_; }

 private:
  struct Known {
    std::string namespace_;
    std::string name;
    int64_t count = 1;
    int64_t written = 1;  // the count that the server knows, or will from what is pending
    WallTime last_time{};
    SteadyTime last_seen{};
    SteadyTime last_written{};
  };
  struct Write {
    Json object;  // a new event, or the patch of a series
    std::string namespace_;
    std::string series;  // the event's name; "": a new event
  };
  struct Allowance {
    RetryBucket bucket;
    SteadyTime last_used{};
  };
  void close_series(SteadyTime now);
  void write_series(Known& known, SteadyTime now);
  [[nodiscard]] bool may_emit(const std::string& uid, SteadyTime now);
  void enqueue(Write write);
  [[nodiscard]] Task<Status> write_with_retries(Write write);
  [[nodiscard]] Json new_event(const EventNote& note, const std::string& name);
  [[nodiscard]] Task<Status> write(Write write);

  kube::Api& api_;
  const Clock& clock_;
  std::string instance_;
  EventSettings settings_;
  std::deque<Write> pending_;
  std::map<std::string, Known> known_;           // by what makes two events the same
  std::map<std::string, Allowance> allowances_;  // by the object's UID
  std::optional<SteadyTime> looked_at_;          // for series that have ended
  uint64_t lost_ = 0;
  Notify wake_;
};

}  // namespace wan::controller
