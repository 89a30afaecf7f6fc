#include "operator/cache/watch_machine.h"

#include <algorithm>
#include <utility>

#include "operator/cache/key.h"
#include "operator/kube/api_error.h"

namespace wan::cache {
namespace {

// A watch that ends sooner without a single event is trouble in disguise.
constexpr std::chrono::seconds kVeryShort{1};

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

std::string version_of(const Json& object) { return string_or(object, {"metadata", "resourceVersion"}, ""); }

}  // namespace

Request WatchMachine::request() const {
  if (wait_.count() > 0) return DoWait{wait_};
  switch (state_) {
    case State::kEmpty:
      if (lists()) return DoList{};
      return DoWatch{"", true};
    case State::kPaging: return DoList{continue_token_};
    case State::kListed: return DoWatch{resource_version_};
    case State::kStreaming:
    case State::kWatching: return DoRead{};
  }
  return DoList{};
}

std::vector<Event> WatchMachine::step(Outcome outcome, SteadyTime now, double random) {
  return std::visit(Overloaded{
                        [&](Listed& listed) { return on_page(std::move(listed.page), now, random); },
                        [&](WatchOpened&) { return on_opened(now); },
                        [&](WatchRead& read) { return on_events(std::move(read.events), now, random); },
                        [&](Waited&) {
                          wait_ = {};
                          return std::vector<Event>();
                        },
                        [&](Error& error) {
                          on_error(std::move(error), now, random);
                          return std::vector<Event>();
                        },
                    },
                    outcome);
}

std::vector<Event> WatchMachine::on_opened(SteadyTime now) {
  watch_opened_ = now;
  watch_events_ = 0;
  std::vector<Event> told;
  if (state_ == State::kEmpty) {
    state_ = State::kStreaming;
    told.emplace_back(InitBegan());
    return told;
  }
  state_ = State::kWatching;
  trouble_.reset();
  return told;
}

std::vector<Event> WatchMachine::on_page(kube::ListPage page, SteadyTime now, double random) {
  std::vector<Event> events;
  if (is_older(page.resource_version, now, random)) return events;
  if (state_ == State::kEmpty) events.emplace_back(InitBegan());
  for (Json& item : page.items) events.emplace_back(InitItem{std::move(item)});
  continue_token_ = std::move(page.continue_token);
  if (!continue_token_.empty()) {
    state_ = State::kPaging;
    return events;
  }
  lists_next_ = false;
  std::ranges::move(complete(std::move(page.resource_version)), std::back_inserter(events));
  state_ = State::kListed;
  return events;
}

// Everything that exists has been told.
std::vector<Event> WatchMachine::complete(std::string version) {
  resource_version_ = std::move(version);
  if (version_less(newest_, resource_version_)) newest_ = resource_version_;
  restarted_ = false;
  trouble_.reset();
  std::vector<Event> told;
  told.emplace_back(InitDone{resource_version_});
  return told;
}

// An API server that lags behind would take the operator back in time: deleted objects would come again, and
// finished work would be seen as not begun.
bool WatchMachine::is_older(const std::string& version, SteadyTime now, double random) {
  if (!version_less(version, newest_)) return false;
  start_over();
  wait(unavailable("the API server answers with the state of version " + version + ", older than " + newest_ +
                   ", which was seen before (a replica that lags behind; after a restore of etcd, restart "
                   "the operator)"),
       now, random);
  return true;
}

std::vector<Event> WatchMachine::on_events(std::vector<kube::WatchEvent> events, SteadyTime now,
                                           double random) {
  std::vector<Event> told;
  if (events.empty() && state_ == State::kStreaming) {
    on_error(unavailable("the watch ended before it had told everything that exists"), now, random);
  } else if (events.empty()) {
    on_end(now, random);
  }
  for (kube::WatchEvent& event : events) {
    if (event.type == kube::WatchEventType::kError) {
      on_error(kube::status_error(event.object, "watch"), now, random);
      return told;
    }
    ++watch_events_;
    const bool initial = state_ == State::kStreaming;
    std::ranges::move(initial ? on_initial(std::move(event), now, random) : on_event(std::move(event)),
                      std::back_inserter(told));
    if (state_ == State::kEmpty) return told;
  }
  return told;
}

std::vector<Event> WatchMachine::on_initial(kube::WatchEvent event, SteadyTime now, double random) {
  std::vector<Event> told;
  if (event.type == kube::WatchEventType::kBookmark) {
    std::string version = version_of(event.object);
    if (!kube::is_initial_events_end(event) || is_older(version, now, random)) return told;
    state_ = State::kWatching;
    return complete(std::move(version));
  }
  if (event.type == kube::WatchEventType::kDeleted) {
    told.emplace_back(InitRemoved{std::move(event.object)});
  } else {
    told.emplace_back(InitItem{std::move(event.object)});
  }
  return told;
}

std::vector<Event> WatchMachine::on_event(kube::WatchEvent event) {
  std::vector<Event> told;
  const std::string version = version_of(event.object);
  if (!version.empty()) resource_version_ = version;
  if (version_less(newest_, resource_version_)) newest_ = resource_version_;
  if (event.type == kube::WatchEventType::kBookmark) {
    told.emplace_back(Advanced{resource_version_});
  } else if (event.type == kube::WatchEventType::kDeleted) {
    told.emplace_back(Deleted{std::move(event.object)});
  } else {
    told.emplace_back(Applied{std::move(event.object)});
  }
  return told;
}

// A first read by watch that fails is done by a list: always, if the server says that it knows no other way,
// else this time. True if the list need not wait.
bool WatchMachine::on_first_watch_error(const Error& error) {
  const bool by_watch = state_ == State::kStreaming || (state_ == State::kEmpty && !lists());
  if (!by_watch || kube::is_not_found(error)) return false;
  lists_next_ = true;
  if (kube::is_invalid(error)) lists_always_ = true;
  return !kube::is_unavailable(error);
}

// Which trouble loses the state: a version that is gone, an event that could not be read, a resource that is
// not served (any more). All other trouble keeps version and objects and asks again later.
void WatchMachine::on_error(Error error, SteadyTime now, double random) {
  const bool listing = state_ == State::kEmpty || state_ == State::kPaging || state_ == State::kStreaming;
  if (!kube::is_gone(error) && on_first_watch_error(error)) return start_over();
  if (kube::is_gone(error)) {
    const bool at_once = !restarted_;
    restarted_ = true;
    start_over();
    if (!at_once) wait(std::move(error), now, random);
    return;
  }
  if (listing || error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kResourceExhausted ||
      kube::is_not_found(error) || kube::is_invalid(error)) {
    start_over();
    wait(std::move(error), now, random);
    return;
  }
  // A stream that breaks after it delivered something is an ordinary end.
  if (state_ == State::kWatching && kube::is_unavailable(error)) {
    on_end(now, random);
    return;
  }
  state_ = State::kListed;
  wait(std::move(error), now, random);
}

void WatchMachine::on_end(SteadyTime now, double random) {
  state_ = State::kListed;
  if (watch_events_ == 0 && now - watch_opened_ < kVeryShort) {
    wait(unavailable("the watch ended at once, without an event"), now, random);
  }
}

void WatchMachine::wait(Error why, SteadyTime now, double random) {
  wait_ = backoff_.next(now, random);
  trouble_ = std::move(why);
}

void WatchMachine::start_over() {
  state_ = State::kEmpty;
  continue_token_.clear();
}

}  // namespace wan::cache
