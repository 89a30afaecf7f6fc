#pragma once
// Runs a coroutine of a test to its end, with a deadline instead of a hang.

#include <chrono>
#include <exception>
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include "base/async/async.h"

namespace wan::testing {

inline constexpr std::chrono::seconds kTestDeadline{30};

// Everything else that the context has to do runs meanwhile.
template <class T>
T run_task(asio::io_context& context, Task<T> task, std::chrono::seconds deadline = kTestDeadline) {
  std::optional<T> result;
  std::exception_ptr thrown;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr error, T value) {
    thrown = error;
    result.emplace(std::move(value));
  });
  context.restart();
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (!result && std::chrono::steady_clock::now() < until) context.run_one_until(until);
  if (!result) {
    ADD_FAILURE() << "the task did not end within " << deadline.count() << " s";
    std::abort();
  }
  if (thrown) std::rethrow_exception(thrown);
  return *std::move(result);
}

inline void run_task(asio::io_context& context, Task<void> task,
                     std::chrono::seconds deadline = kTestDeadline) {
  bool done = false;
  std::exception_ptr thrown;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr error) {
    thrown = error;
    done = true;
  });
  context.restart();
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (!done && std::chrono::steady_clock::now() < until) context.run_one_until(until);
  if (!done) {
    ADD_FAILURE() << "the task did not end within " << deadline.count() << " s";
    std::abort();
  }
  if (thrown) std::rethrow_exception(thrown);
}

// Runs the context until `condition` holds; false when the deadline passes first.
inline bool run_until(asio::io_context& context, const std::function<bool()>& condition,
                      std::chrono::seconds deadline = kTestDeadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    context.restart();
    context.run_one_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace wan::testing
