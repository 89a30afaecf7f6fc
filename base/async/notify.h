#pragma once
// A level-triggered wake-up between coroutines of one thread: notify() before wait() is not lost.

#include "base/async/async.h"

namespace wan {

class Notify {
 public:
  explicit Notify(asio::any_io_executor executor);
  void notify();
  // Returns after a notify() since the last return, or when `timeout` has passed (true = notified).
  // kCancelled if the task was cancelled. One waiter at a time.
  [[nodiscard]] Task<Result<bool>> wait(std::chrono::steady_clock::duration timeout);

 private:
  asio::steady_timer timer_;
  bool set_ = false;
};

}  // namespace wan
