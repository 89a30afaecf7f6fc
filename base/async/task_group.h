#pragma once
// The owner of background coroutines: every task has one, and joins it before it goes away.

#include <list>
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

  // Starts a coroutine. Its parameters must be values. An exception that leaves it is logged with `name`.
  void spawn(std::string name, Task<void> task);
  // Asks every task to end (terminal cancellation: the next or current co_await of Asio fails with
  // operation_aborted). Tasks spawned afterwards are cancelled at once.
  void cancel();
  // Resumes when the last task has ended. Usable from a coroutine that is not itself of this group.
  [[nodiscard]] Task<void> join();
  [[nodiscard]] size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace wan
