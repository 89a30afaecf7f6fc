#pragma once
// Runs one coroutine to its end on an io_context, with a limit that turns a hang into a failure.

#include <boost/asio/io_context.hpp>
#include <optional>
#include <stdexcept>

#include "base/async/async.h"

namespace wan::testing {

template <typename T>
T run(asio::io_context& io, Task<T> task, std::chrono::seconds limit = std::chrono::seconds(60)) {
  std::optional<T> result;
  std::exception_ptr exception;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown, T value) {
    exception = thrown;
    result.emplace(std::move(value));
    io.stop();
  });
  io.restart();
  io.run_for(limit);
  if (exception) std::rethrow_exception(exception);
  if (!result) throw std::runtime_error("the task did not end in time");
  return *std::move(result);
}

inline void run(asio::io_context& io, Task<void> task,
                std::chrono::seconds limit = std::chrono::seconds(60)) {
  bool ended = false;
  std::exception_ptr exception;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown) {
    exception = thrown;
    ended = true;
    io.stop();
  });
  io.restart();
  io.run_for(limit);
  if (exception) std::rethrow_exception(exception);
  if (!ended) throw std::runtime_error("the task did not end in time");
}

}  // namespace wan::testing
