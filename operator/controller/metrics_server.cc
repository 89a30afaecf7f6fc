#include "operator/controller/metrics_server.h"

#include <utility>

namespace wan::controller {
namespace {

net::Response text(unsigned status, std::string type, std::string body) {
  net::Response response;
  response.status = status;
  response.headers.set("Content-Type", std::move(type));
  response.body = std::move(body);
  return response;
}

Task<void> answer(std::string path, std::string method, const metrics::Registry& registry,
                  net::ResponseWriter& writer) {
  net::Response response = text(404, "text/plain; charset=utf-8", "not found; this server has /metrics\n");
  if (method != "GET" && method != "HEAD") {
    response = text(405, "text/plain; charset=utf-8", "only GET\n");
  } else if (path == "metrics") {
    response = text(200, metrics::kContentType, registry.text());
  }
  // A scraper that has gone away is no trouble of ours.
  const Status sent = co_await writer.respond(std::move(response));
  static_cast<void>(sent);
}

net::Handler handler(const metrics::Registry& registry) {
  return [&registry](net::IncomingRequest& request, net::ResponseWriter& writer) {
    const auto& segments = request.target().segments;
    return answer(segments.size() == 1 ? segments[0] : "", request.head().method, registry, writer);
  };
}

}  // namespace

MetricsServer::MetricsServer(asio::any_io_executor executor, net::ServerSettings settings,
                             const metrics::Registry& registry)
    : server_(std::move(executor), std::move(settings), handler(registry)) {}

}  // namespace wan::controller
