#pragma once
// Events for people (events.k8s.io/v1): what `kubectl describe` shows. Best effort and bounded: a slow or
// forbidden API loses events, never time of a reconcile.

#include <deque>
#include <map>
#include <string>

#include "base/async/notify.h"
#include "base/clock.h"
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

class EventRecorder {
 public:
  // `instance`: which process reports, at most 128 bytes.
  EventRecorder(asio::any_io_executor executor, kube::Api& api, const Clock& clock, std::string instance);

  // Never waits. The same event again within six minutes becomes a series of the first one.
  void emit(EventNote note);
  // Writes what was emitted, until cancelled.
  [[nodiscard]] Task<void> run();
  [[nodiscard]] uint64_t lost() const { return lost_; }

 private:
  struct Known {
    std::string namespace_;
    std::string name;
    int64_t count = 1;
    SteadyTime last_seen{};
    SteadyTime last_written{};
  };
  struct Write {
    Json object;  // of a new event; null: patch the series of `known`
    std::string known;
  };
  void drop_old(SteadyTime now);
  void enqueue(Write write);
  [[nodiscard]] Json new_event(const EventNote& note, const std::string& name);
  [[nodiscard]] Task<Status> write(Write write);

  kube::Api& api_;
  const Clock& clock_;
  std::string instance_;
  std::deque<Write> pending_;
  std::map<std::string, Known> known_;  // by what makes two events the same
  uint64_t lost_ = 0;
  Notify wake_;
};

}  // namespace wan::controller
