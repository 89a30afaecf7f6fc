#pragma once
// Work that may wait (files, hashes) on a pool's thread, awaited by a coroutine of the event loop.

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/async/async.h"

namespace wan {

// Resumes on the caller's executor with what `work` returned. It always waits for the end of `work`, even if
// the caller is cancelled meanwhile, so `work` may refer to the caller's locals.
template <typename Work>
Task<std::invoke_result_t<Work&>> run_blocking(asio::thread_pool& pool, Work work) {
  std::optional<std::invoke_result_t<Work&>> result;
  const auto begin = [&pool, &work, &result](auto handler) {
    const auto executor = asio::get_associated_executor(handler);
    auto task = [&work, &result, handler = std::move(handler),
                 guard = asio::make_work_guard(executor)]() mutable {
      result.emplace(work());
      asio::post(guard.get_executor(), std::move(handler));
    };
    asio::post(pool, std::move(task));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(begin, asio::use_awaitable);
  co_return *std::move(result);
}

}  // namespace wan
