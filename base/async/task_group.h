#pragma once
// The owner of background coroutines: every task has one, and joins it before it goes away.

#include <memory>
#include <string>

#include "base/async/async.h"

namespace wan {

// Declare it as the LAST member of its owner: tasks may touch every member declared before it.
// Not thread-safe: use from the executor's one thread.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  ~TaskGroup();  // WAN_CHECKs that it is empty: join first
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts a coroutine, from the event loop and never within this call. Its parameters must be values. An
  // exception that leaves it is logged with `name`.
  void spawn(std::string name, Task<void> task);
  // Asks every task to end by terminal cancellation: the current await fails with operation_aborted. In a
  // task of a group awaits do not throw because of a cancellation: the waits and network calls of base/
  // return kCancelled, now and for every later call, so a loop must end at an error. A bare Asio operation
  // started after the cancellation is not cancelled. Tasks that have not
  // begun, and those spawned afterwards, never run.
  void cancel();
  // Resumes when the last task has ended, even if the caller is cancelled meanwhile. Usable from a coroutine
  // that is not itself of this group.
  [[nodiscard]] Task<void> join();
  [[nodiscard]] size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace wan
