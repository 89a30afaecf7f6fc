#include "runtime/gallery/progress_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cmath>
#include <mutex>
#include <thread>

#include "base/async/task_group.h"
#include "base/json/json.h"
#include "base/net/server.h"

namespace wan::gallery {
namespace {

Json weights_json(const TransferProgress& progress) {
  Json json = {{"bytesDone", progress.bytes_done},
               {"bytesTotal", progress.bytes_total},
               {"bytesPerSecond", std::llround(progress.bytes_per_second)}};
  if (progress.seconds_left >= 0) json["secondsLeft"] = std::llround(std::ceil(progress.seconds_left));
  return json;
}

net::ServerSettings server_settings(const ListenAddress& listen) {
  net::ServerSettings settings;
  settings.address = listen.address;
  settings.port = listen.port;
  settings.max_connections = 16;
  return settings;
}

}  // namespace

struct ProgressServer::Impl {
  Impl(const ListenAddress& listen, Authority checked_by)
      : authority(std::move(checked_by)),
        server(context.get_executor(), server_settings(listen),
               [this](net::IncomingRequest& request, net::ResponseWriter& writer) {
                 return handle(request, writer);
               }),
        tasks(context.get_executor()) {}

  Task<void> handle(net::IncomingRequest& request, net::ResponseWriter& writer) {
    net::Response response = answer(request);
    const Status written = co_await writer.respond(std::move(response));
    static_cast<void>(written);
  }

  net::Response answer(const net::IncomingRequest& request) {
    const bool is_status = request.target().segments == std::vector<std::string>{"v1", "status"};
    if (!is_status || request.head().method != "GET") {
      return refusal(404, "NotFound", "there is only GET /v1/status while the weights are fetched");
    }
    const Need need{"pod", std::nullopt, std::nullopt};
    auto allowed = authorize(authority, request.head().headers, need, clock.wall());
    if (!allowed) return std::move(allowed).error();
    const std::scoped_lock lock(mutex);
    const Json body = {
        {"podUID", authority.audience}, {"phase", "Pulling"}, {"weights", weights_json(progress)}};
    return net::json_response(200, body.dump());
  }

  Task<void> shut_down() { co_await server.stop(std::chrono::milliseconds(0)); }

  const Authority authority;
  const SystemClock clock;
  std::mutex mutex;
  TransferProgress progress;
  asio::io_context context{1};
  net::Server server;
  TaskGroup tasks;
  std::thread thread;
};

ProgressServer::ProgressServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<ProgressServer>> ProgressServer::start(const ListenAddress& listen,
                                                              Authority authority) {
  auto impl = std::make_unique<Impl>(listen, std::move(authority));
  WAN_TRY_VOID(impl->server.start());
  impl->thread = std::thread([running = impl.get()] { running->context.run(); });
  return std::unique_ptr<ProgressServer>(new ProgressServer(std::move(impl)));
}

ProgressServer::~ProgressServer() {
  asio::post(impl_->context, [impl = impl_.get()] { impl->tasks.spawn("end", impl->shut_down()); });
  impl_->thread.join();
}

void ProgressServer::update(const TransferProgress& progress) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->progress = progress;
}

uint16_t ProgressServer::port() const { return impl_->server.port(); }

}  // namespace wan::gallery
