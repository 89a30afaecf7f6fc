#pragma once
// List and watch as an explicit state machine without I/O: request() says what to do next, step() takes the
// outcome and says what the sink must be told. The rules (which trouble lists again, which only waits, when
// the resource version may advance) are all here.

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "operator/cache/backoff.h"
#include "operator/cache/sink.h"
#include "operator/kube/api.h"

namespace wan::cache {

// What the driver must do next.
struct DoList {
  std::string continue_token;
};
struct DoWatch {
  std::string resource_version;
  bool initial_events = false;  // beginning with everything that exists, instead of a version
};
struct DoRead {};
struct DoWait {
  std::chrono::milliseconds duration;
};
using Request = std::variant<DoList, DoWatch, DoRead, DoWait>;

// What came of it. An Error answers any request.
struct Listed {
  kube::ListPage page;
};
struct WatchOpened {};
struct WatchRead {
  std::vector<kube::WatchEvent> events;
};  // empty: the server ended the watch
struct Waited {};
using Outcome = std::variant<Listed, WatchOpened, WatchRead, Waited, Error>;

class WatchMachine {
 public:
  // kEmpty: nothing is known (read everything); kStreaming: a stream is open and begins with everything;
  // kPaging: pages of a list are still to come; kListed: a version to watch from is known; kWatching: a
  // stream is open. Waiting is remembered beside it.
  enum class State { kEmpty, kStreaming, kPaging, kListed, kWatching };
  // How everything is read: by a list in pages, or by a watch that begins with it (KEP-3157), for which the
  // server need not hold it in memory; a server that does not do that is asked for a list.
  enum class FirstRead { kList, kWatch };

  explicit WatchMachine(BackoffSettings backoff = {}, FirstRead first_read = FirstRead::kList)
      : lists_always_(first_read == FirstRead::kList), backoff_(backoff) {}

  [[nodiscard]] Request request() const;
  // `random` is uniform in [0, 1).
  [[nodiscard]] std::vector<Event> step(Outcome outcome, SteadyTime now, double random);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& resource_version() const { return resource_version_; }
  // The trouble that the machine is waiting out; nullptr while all is well.
  [[nodiscard]] const Error* trouble() const { return trouble_ ? &*trouble_ : nullptr; }

 private:
  [[nodiscard]] bool lists() const { return lists_always_ || lists_next_; }
  std::vector<Event> on_opened(SteadyTime now);
  std::vector<Event> on_page(kube::ListPage page, SteadyTime now, double random);
  std::vector<Event> on_initial(kube::WatchEvent event, SteadyTime now, double random);
  std::vector<Event> on_event(kube::WatchEvent event);
  std::vector<Event> complete(std::string version);
  bool is_older(const std::string& version, SteadyTime now, double random);
  bool on_first_watch_error(const Error& error);
  std::vector<Event> on_events(std::vector<kube::WatchEvent> events, SteadyTime now, double random);
  void on_error(Error error, SteadyTime now, double random);
  void on_end(SteadyTime now, double random);
  void wait(Error why, SteadyTime now, double random);
  void start_over();

  State state_ = State::kEmpty;
  std::string continue_token_;
  std::string resource_version_;
  std::string newest_;         // the highest version that was ever seen
  bool lists_always_ = false;  // the server refuses the other way
  bool lists_next_ = false;    // the other way has just failed
  std::chrono::milliseconds wait_{0};
  std::optional<Error> trouble_;
  SteadyTime watch_opened_{};
  size_t watch_events_ = 0;
  bool restarted_ = false;  // a list was started over at once; the next time waits
  Backoff backoff_;
};

}  // namespace wan::cache
