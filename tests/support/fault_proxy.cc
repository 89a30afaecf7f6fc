#include "tests/support/fault_proxy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <signal.h>
#include <utility>

namespace wan::testing {
namespace {

net::ServerSettings roomy() {
  net::ServerSettings settings;
  settings.max_body_bytes = 64u << 20;
  settings.max_connections = 1024;
  settings.idle_timeout = std::chrono::hours(1);
  return settings;
}

net::ClientSettings many() {
  net::ClientSettings settings;
  settings.max_idle_connections = 64;
  return settings;
}

// The connection to the API server is another one than that to the operator.
net::Headers end_to_end(const net::Headers& headers) {
  constexpr std::array<std::string_view, 6> kHop{"connection",        "host",       "content-length",
                                                 "transfer-encoding", "keep-alive", "date"};
  net::Headers kept;
  for (const auto& [name, value] : headers.fields()) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (std::ranges::find(kHop, lower) == kHop.end()) kept.add(name, value);
  }
  return kept;
}

// The operator's own credentials are in its requests.
net::TlsClientSettings without_identity(net::TlsClientSettings tls) {
  tls.client_certificate_pem.clear();
  tls.client_key_pem.clear();
  return tls;
}

bool is_watch(const net::Request& request) { return request.target.find("watch=") != std::string::npos; }

bool is_counted(const net::Request& request) {
  return request.method != "GET" && request.target.find("/leases") == std::string::npos &&
         request.target.find("/events") == std::string::npos;
}

}  // namespace

FaultProxy::FaultProxy(asio::any_io_executor executor, const kube::Config& upstream)
    : upstream_(executor, upstream.server, without_identity(upstream.tls), many()),
      server_(executor, roomy(), [this](net::IncomingRequest& incoming, net::ResponseWriter& writer) {
        return handle(incoming, writer);
      }) {}

void FaultProxy::stop_at(std::function<bool(size_t, const std::string&, const std::string&)> chosen,
                         Moment moment, std::function<void(int)> signal, bool for_good) {
  writes_.clear();
  chosen_ = std::move(chosen);
  moment_ = moment;
  signal_ = std::move(signal);
  for_good_ = for_good;
  stopped_ = false;
}

void FaultProxy::count(const net::Request& request) {
  if (request.method == "GET") return;
  if (request.target.find("/leases") != std::string::npos) {
    ++renewals_;
    return;
  }
  ++all_writes_;
  last_write_ = request.method + " " + request.target;
}

bool FaultProxy::choose(const net::Request& request) {
  if (!is_counted(request)) return false;
  writes_.push_back(request.method + " " + request.target);
  if (!chosen_ || !chosen_(writes_.size(), writes_.back(), request.body)) return false;
  chosen_ = nullptr;
  return true;
}

Task<void> FaultProxy::handle(net::IncomingRequest& incoming, net::ResponseWriter& writer) {
  net::Request request;
  request.method = incoming.head().method;
  request.target = incoming.head().target;
  request.headers = end_to_end(incoming.head().headers);
  auto body = co_await incoming.read_body();
  if (!body) co_return;
  request.body = *std::move(body);
  if (is_watch(request)) {
    co_await pass_stream(std::move(request), writer);
    co_return;
  }
  co_await pass_on(std::move(request), writer);
}

Task<void> FaultProxy::pass_on(net::Request request, net::ResponseWriter& writer) {
  count(request);
  const bool chosen = choose(request);
  if (chosen && moment_ == Moment::kBeforeItIsSent) {
    signal_(for_good_ ? SIGKILL : SIGSTOP);
    stopped_ = true;
    if (for_good_) co_return;
  }
  const bool unread = chosen && moment_ == Moment::kBeforeItsAnswerIsRead;
  auto response = co_await upstream_.send(std::move(request), std::chrono::seconds(60));
  if (unread) signal_(SIGSTOP);
  net::Response answer = response ? *std::move(response) : net::error_response(response.error());
  answer.headers = end_to_end(answer.headers);
  const Status sent = co_await writer.respond(std::move(answer));
  static_cast<void>(sent);
  if (unread && for_good_) signal_(SIGKILL);
  if (chosen && moment_ == Moment::kAfterItsAnswer) signal_(for_good_ ? SIGKILL : SIGSTOP);
  stopped_ = stopped_ || chosen;
}

Task<void> FaultProxy::pass_stream(net::Request request, net::ResponseWriter& writer) {
  auto stream = co_await upstream_.open(std::move(request), std::chrono::seconds(60));
  if (!stream) {
    const Status sent = co_await writer.respond(net::error_response(stream.error()));
    static_cast<void>(sent);
    co_return;
  }
  const net::Response& head = (*stream)->head();
  const unsigned status = head.status;
  net::Headers headers = end_to_end(head.headers);
  const Status started = co_await writer.start_stream(status, std::move(headers));
  if (!started) co_return;
  for (;;) {
    std::string bytes;
    const auto more = co_await (*stream)->read_some(bytes, std::chrono::hours(1));
    if (!more || !*more) co_return;
    const Status written = co_await writer.write(std::move(bytes));
    if (!written) co_return;
  }
}

}  // namespace wan::testing
