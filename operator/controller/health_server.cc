#include "operator/controller/health_server.h"

#include <utility>

namespace wan::controller {
namespace {

net::Response text(unsigned status, std::string body) {
  net::Response response;
  response.status = status;
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(body) + "\n";
  return response;
}

Task<void> answer(std::string path, std::string method, std::string reasons, net::ResponseWriter& writer) {
  net::Response response = text(404, "not found; this server has /healthz and /readyz");
  if (method != "GET" && method != "HEAD") {
    response = text(405, "only GET");
  } else if (path == "healthz") {
    response = text(200, "ok");
  } else if (path == "readyz") {
    response = reasons.empty() ? text(200, "ok") : text(503, std::move(reasons));
  }
  // A client that has gone away is no trouble of ours.
  const Status sent = co_await writer.respond(std::move(response));
  static_cast<void>(sent);
}

net::Handler handler(std::function<std::string()> not_ready) {
  return [not_ready = std::move(not_ready)](net::IncomingRequest& request, net::ResponseWriter& writer) {
    const auto& segments = request.target().segments;
    return answer(segments.size() == 1 ? segments[0] : "", request.head().method, not_ready(), writer);
  };
}

}  // namespace

HealthServer::HealthServer(asio::any_io_executor executor, net::ServerSettings settings,
                           std::function<std::string()> not_ready)
    : server_(std::move(executor), std::move(settings), handler(std::move(not_ready))) {}

Status HealthServer::start() { return server_.start(); }
uint16_t HealthServer::port() const { return server_.port(); }
Task<void> HealthServer::stop() { return server_.stop(std::chrono::milliseconds(1'000)); }

}  // namespace wan::controller
