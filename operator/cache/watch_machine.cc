#include "operator/cache/watch_machine.h"

#include <utility>

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
    case State::kEmpty: return DoList{};
    case State::kPaging: return DoList{continue_token_};
    case State::kListed: return DoWatch{resource_version_};
    case State::kWatching: return DoRead{};
  }
  return DoList{};
}

std::vector<Event> WatchMachine::step(Outcome outcome, SteadyTime now, double random) {
  return std::visit(Overloaded{
                        [&](Listed& listed) { return on_page(std::move(listed.page)); },
                        [&](WatchOpened&) {
                          state_ = State::kWatching;
                          watch_opened_ = now;
                          watch_events_ = 0;
                          trouble_.reset();
                          return std::vector<Event>();
                        },
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

std::vector<Event> WatchMachine::on_page(kube::ListPage page) {
  std::vector<Event> events;
  if (state_ == State::kEmpty) events.emplace_back(InitBegan());
  for (Json& item : page.items) events.emplace_back(InitItem{std::move(item)});
  continue_token_ = std::move(page.continue_token);
  if (!continue_token_.empty()) {
    state_ = State::kPaging;
    return events;
  }
  resource_version_ = std::move(page.resource_version);
  state_ = State::kListed;
  restarted_ = false;
  trouble_.reset();
  events.emplace_back(InitDone{resource_version_});
  return events;
}

std::vector<Event> WatchMachine::on_events(std::vector<kube::WatchEvent> events, SteadyTime now,
                                           double random) {
  std::vector<Event> told;
  if (events.empty()) on_end(now, random);
  for (kube::WatchEvent& event : events) {
    if (event.type == kube::WatchEventType::kError) {
      on_error(kube::status_error(event.object, "watch"), now, random);
      return told;
    }
    ++watch_events_;
    const std::string version = version_of(event.object);
    if (!version.empty()) resource_version_ = version;
    if (event.type == kube::WatchEventType::kBookmark) {
      told.emplace_back(Advanced{resource_version_});
    } else if (event.type == kube::WatchEventType::kDeleted) {
      told.emplace_back(Deleted{std::move(event.object)});
    } else {
      told.emplace_back(Applied{std::move(event.object)});
    }
  }
  return told;
}

// Which trouble loses the state: a version that is gone, an event that could not be read, a resource that is
// not served (any more). All other trouble keeps version and objects and asks again later.
void WatchMachine::on_error(Error error, SteadyTime now, double random) {
  const bool listing = state_ == State::kEmpty || state_ == State::kPaging;
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
