#include "base/async/task_group.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <list>
#include <vector>

#include "base/async/cancellation.h"
#include "base/log.h"

namespace wan {
namespace {

struct Entry {
  std::string name;
  asio::cancellation_signal signal;
};

Task<void> run(Task<void> task) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  if (!is_cancelled(co_await asio::this_coro::cancellation_state)) co_await std::move(task);
}

// On the executor: from elsewhere co_spawn's handler would post a pointer into the signal, and the task could
// end, and take its signal along, before that is run.
void cancel_tasks(const asio::any_io_executor& executor, std::vector<std::shared_ptr<Entry>> entries) {
  asio::dispatch(executor, [entries = std::move(entries)] {
    for (const auto& entry : entries) entry->signal.emit(asio::cancellation_type::terminal);
  });
}

void log_exception(const std::string& name, const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) log::error("task {}: {}", name, error.what());
  } catch (const std::exception& error) {
    log::error("task {}: {}", name, error.what());
  } catch (...) {
    log::error("task {}: unknown exception", name);
  }
}

}  // namespace

struct TaskGroup::State {
  explicit State(asio::any_io_executor on) : executor(std::move(on)), emptied(executor) {
    emptied.expires_at(asio::steady_timer::time_point::max());
  }

  asio::any_io_executor executor;
  std::list<std::shared_ptr<Entry>> entries;
  asio::steady_timer emptied;  // never expires; cancelled when the last entry goes
  bool cancelled = false;
};

TaskGroup::TaskGroup(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() { WAN_CHECK(state_->entries.empty()); }

void TaskGroup::spawn(std::string name, Task<void> task) {
  const auto entry = std::make_shared<Entry>();
  entry->name = std::move(name);
  state_->entries.push_back(entry);
  const auto on_end = [state = state_,
                       position = std::prev(state_->entries.end())](std::exception_ptr exception) {
    const std::shared_ptr<Entry> ended = std::move(*position);  // its signal may be on the call stack
    state->entries.erase(position);
    if (exception) log_exception(ended->name, exception);
    if (state->entries.empty()) state->emptied.cancel();
  };
  asio::co_spawn(state_->executor, run(std::move(task)),
                 asio::bind_cancellation_slot(entry->signal.slot(), on_end));
  if (state_->cancelled) cancel_tasks(state_->executor, {entry});
}

void TaskGroup::cancel() {
  state_->cancelled = true;
  cancel_tasks(state_->executor, {state_->entries.begin(), state_->entries.end()});
}

Task<void> TaskGroup::join() {
  const auto state = state_;
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!state->entries.empty()) {
    // Without the caller's slot: who cancels the joiner still gets everything joined.
    co_await state->emptied.async_wait(
        asio::bind_cancellation_slot(asio::cancellation_slot(), asio::as_tuple(asio::use_awaitable)));
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
}

size_t TaskGroup::size() const { return state_->entries.size(); }

}  // namespace wan
