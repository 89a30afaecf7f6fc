#include "base/net/client.h"

#include <boost/system/system_error.hpp>

#include "base/async/cancellation.h"
#include "base/net/exchange_impl.h"

namespace wan::net {
namespace {

constexpr std::chrono::milliseconds kTlsShutdown{1'000};

// Whatever Asio throws because of a cancellation (a task that was not spawned by a TaskGroup) or otherwise
// becomes an Error here.
template <typename T>
Task<Result<T>> without_exceptions(Task<Result<T>> task) {
  try {
    co_return co_await std::move(task);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) co_return fail(cancelled("cancelled"));
    co_return fail(internal_error(error.what()));
  }
}

// May be sent again when it is unknown whether the server has seen it.
bool is_repeatable(const Request& request) {
  const std::string& method = request.method;
  if (method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE") return true;
  return method == "PATCH" &&
         request.headers.get("Content-Type").value_or("").starts_with("application/apply-patch");
}

Error too_large(size_t limit) {
  return {ErrorCode::kResourceExhausted,
          "the response is larger than the limit of " + std::to_string(limit) + " bytes"};
}

Response response_of(const MessageHead& head) { return {.status = head.status, .headers = head.headers}; }

class OpenStream final : public ResponseStream {
 public:
  OpenStream(std::unique_ptr<Connection> connection, std::unique_ptr<Parser> parser)
      : connection_(std::move(connection)), parser_(std::move(parser)), head_(response_of(parser_->head())) {}

  const Response& head() const override { return head_; }
  Task<Result<bool>> read_some(std::string& out, std::chrono::milliseconds idle_timeout) override {
    return without_exceptions(read(out, idle_timeout));
  }

 private:
  Task<Result<bool>> read(std::string& out, std::chrono::milliseconds idle_timeout) {
    const Patience patience = Patience::for_all(idle_timeout);
    co_return co_await read_body_some(*connection_->transport, connection_->buffer, *parser_, out, patience);
  }

  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Parser> parser_;
  Response head_;
};

}  // namespace

struct Client::Impl {
  ConnectionPool pool;
  size_t max_response_bytes;

  Task<Result<Response>> exchange(Request request, std::optional<FileBody> file, Patience patience);
  Task<Result<Response>> converse(std::unique_ptr<Connection> connection, const Outgoing& outgoing,
                                  Patience patience, bool& begun);
  Task<Result<std::unique_ptr<ResponseStream>>> open_stream(Request request, Patience patience);

  static Task<Result<Response>> send(std::shared_ptr<Impl>, Request, std::chrono::milliseconds);
  static Task<Result<Response>> send_file(std::shared_ptr<Impl>, Request, std::filesystem::path,
                                          std::chrono::milliseconds);
  static Task<Result<std::unique_ptr<ResponseStream>>> open(std::shared_ptr<Impl>, Request,
                                                            std::chrono::milliseconds);
};

Task<Result<Response>> Client::Impl::exchange(Request request, std::optional<FileBody> file,
                                              Patience patience) {
  WAN_CO_TRY(const Outgoing outgoing, prepare(request, file ? &*file : nullptr, pool.origin()));
  if (auto idle = pool.take_idle()) {
    bool begun = false;
    Result<Response> response = co_await converse(std::move(idle), outgoing, patience, begun);
    const bool was_dead = !response && response.error().code == ErrorCode::kUnavailable && !begun;
    if (!was_dead || !is_repeatable(request)) co_return response;
    pool.drop_idle();  // the others are likely to be dead too
  }
  WAN_CO_TRY(auto connection, co_await pool.connect(patience));
  bool begun = false;
  co_return co_await converse(std::move(connection), outgoing, patience, begun);
}

Task<Result<Response>> Client::Impl::converse(std::unique_ptr<Connection> connection,
                                              const Outgoing& outgoing, Patience patience, bool& begun) {
  WAN_CO_TRY(const auto parser, co_await request_and_head(*connection, outgoing, patience, begun));
  Response response = response_of(parser->head());
  if (!parser->is_done() && parser->content_length().value_or(0) > max_response_bytes) {
    co_return fail(too_large(max_response_bytes));
  }
  response.body.reserve(parser->is_done() ? 0 : parser->content_length().value_or(0));
  for (;;) {
    WAN_CO_TRY(const bool more, co_await read_body_some(*connection->transport, connection->buffer, *parser,
                                                        response.body, patience));
    if (response.body.size() > max_response_bytes) co_return fail(too_large(max_response_bytes));
    if (!more) break;
  }
  if (parser->keep_alive() && !connection->spoiled) {
    pool.give_back(std::move(connection));
  } else {
    co_await connection->transport->shutdown(kTlsShutdown);
  }
  co_return response;
}

Task<Result<std::unique_ptr<ResponseStream>>> Client::Impl::open_stream(Request request, Patience patience) {
  WAN_CO_TRY(const Outgoing outgoing, prepare(request, nullptr, pool.origin()));
  WAN_CO_TRY(auto connection, co_await pool.connect(patience));
  bool begun = false;
  WAN_CO_TRY(auto parser, co_await request_and_head(*connection, outgoing, patience, begun));
  co_return std::make_unique<OpenStream>(std::move(connection), std::move(parser));
}

Client::Client(asio::any_io_executor, Url origin, TlsClientSettings tls, ClientSettings settings)
    : impl_(new Impl{.pool = ConnectionPool(std::move(origin), std::move(tls), settings),
                     .max_response_bytes = settings.max_response_bytes}) {}

Client::~Client() = default;

// The frames of the next three keep the shared state: a request may outlive its Client.
Task<Result<Response>> Client::Impl::send(std::shared_ptr<Impl> self, Request request,
                                          std::chrono::milliseconds timeout) {
  const Patience patience = Patience::for_all(timeout);
  co_return co_await without_exceptions(self->exchange(std::move(request), std::nullopt, patience));
}

Task<Result<Response>> Client::Impl::send_file(std::shared_ptr<Impl> self, Request request,
                                               std::filesystem::path body,
                                               std::chrono::milliseconds idle_timeout) {
  WAN_CO_TRY(FileBody file, open_body(body));
  const Patience patience = Patience::between(idle_timeout);
  co_return co_await without_exceptions(self->exchange(std::move(request), std::move(file), patience));
}

Task<Result<std::unique_ptr<ResponseStream>>> Client::Impl::open(std::shared_ptr<Impl> self, Request request,
                                                                 std::chrono::milliseconds timeout) {
  const Patience patience = Patience::for_all(timeout);
  co_return co_await without_exceptions(self->open_stream(std::move(request), patience));
}

Task<Result<Response>> Client::send(Request request, std::chrono::milliseconds timeout) {
  return Impl::send(impl_, std::move(request), timeout);
}

Task<Result<Response>> Client::send_file(Request request, std::filesystem::path body,
                                         std::chrono::milliseconds idle_timeout) {
  return Impl::send_file(impl_, std::move(request), std::move(body), idle_timeout);
}

Task<Result<std::unique_ptr<ResponseStream>>> Client::open(Request request,
                                                           std::chrono::milliseconds timeout) {
  return Impl::open(impl_, std::move(request), timeout);
}

void Client::set_tls(TlsClientSettings tls) { impl_->pool.set_tls(std::move(tls)); }

}  // namespace wan::net
