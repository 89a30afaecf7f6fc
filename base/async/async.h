#pragma once
// The few Asio names that the rest of the code uses. One thread runs one io_context; nothing here is
// thread-safe unless it says so.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/result.h"

namespace wan {

namespace asio = boost::asio;

template <typename T>
using Task = asio::awaitable<T>;

// Waits; kCancelled if the task was cancelled meanwhile or before. A cancelled wait does not throw. Any
// duration is fine; those beyond ten years are ten years.
[[nodiscard]] Task<Status> sleep_for(std::chrono::steady_clock::duration duration);

// For clean-up that must talk to others after a cancellation (releasing a lease, say): from here on the task
// counts as not cancelled and can not be cancelled again. Give every later await a short deadline.
[[nodiscard]] Task<void> shield_from_cancellation();

}  // namespace wan
