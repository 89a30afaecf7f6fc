#include "base/log.h"
#include "base/net/session_impl.h"
#include "base/net/writer_impl.h"
#include "base/text.h"

namespace wan::net {
namespace {

constexpr std::chrono::milliseconds kRefusalTime{5'000}, kLingerTime{1'000};
constexpr size_t kLingerBytes = 256u << 10;

// The head and the chunk lines of a body must fit, with some room to read ahead.
size_t buffer_bytes(const ServerSettings& settings) { return settings.max_header_bytes + (16u << 10); }

unsigned refusal_status(const Error& error) {
  return error.code == ErrorCode::kResourceExhausted ? 431 : 400;
}

}  // namespace

Session::Session(Sessions& all, asio::ip::tcp::socket socket)
    : sessions(all),
      transport(make_transport(std::move(socket))),
      buffer(buffer_bytes(all.settings)),
      accepted_at_(std::chrono::steady_clock::now()) {
  sessions.open.insert(this);
}

Session::~Session() {
  sessions.open.erase(this);
  sessions.ended.notify();
}

void Session::close_if_idle() {
  if (!in_handler_) transport->close();
}

Task<void> Session::run() {
  for (bool is_first = true;; is_first = false) {
    if (!co_await read_request(is_first)) co_return;
    in_handler_ = true;
    co_await serve();
    in_handler_ = false;
    if (!keep_alive || sessions.stopping) break;
  }
  co_await linger();
}

Task<bool> Session::read_request(bool is_first) {
  bool begun = false;
  parser = Parser::for_request(sessions.settings.max_header_bytes);
  const Status read = co_await read_request_head(is_first, begun);
  if (read) co_return true;
  const Error& error = read.error();
  if (error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kResourceExhausted) {
    co_await refuse(error, refusal_status(error));
  }
  co_return false;
}

// A timeout closes the connection without an answer: nobody has asked anything yet.
Task<Status> Session::read_request_head(bool is_first, bool& begun) {
  const ServerSettings& settings = sessions.settings;
  if (is_first) {
    const Patience patience{.until = accepted_at_ + settings.header_timeout};
    co_return co_await read_head(*transport, buffer, *parser, patience, begun);
  }
  if (buffer.unused().empty()) {
    char* const space = buffer.free_space();
    const Patience idle = Patience::for_all(settings.idle_timeout);
    WAN_CO_TRY(const size_t count, co_await transport->read_some(space, buffer.free_size(), idle));
    if (count == 0) co_return fail(unavailable("the client ended the connection"));
    buffer.grow(count);
  }
  const Patience patience = Patience::for_all(settings.header_timeout);
  co_return co_await read_head(*transport, buffer, *parser, patience, begun);
}

Task<void> Session::serve() {
  const MessageHead& head = parser->head();
  Result<Target> target = parse_target(head.target);
  const std::string expectation(head.headers.get("Expect").value_or("100-continue"));
  if (!target) co_return co_await refuse(target.error(), 400);
  if (expectation != "100-continue" && expectation != "100-Continue") {
    co_return co_await refuse(invalid_argument("the only expectation that is met is 100-continue"), 417);
  }

  Request values{.method = head.method, .target = head.target, .headers = head.headers};
  SessionRequest request(*this, std::move(values), *std::move(target));
  SessionWriter writer(*this, request);
  bool failed = false;
  try {
    co_await sessions.handler(request, writer);
  } catch (const std::exception& exception) {
    failed = true;
    log::error("handler of {} {}: {}", head.method, without_query(head.target), exception.what());
  }
  if (!writer.has_answered()) {
    Response response = error_response(internal_error("the server failed to answer"));
    (void)co_await writer.respond(std::move(response));
  } else if (failed) {
    writer.give_up();
  } else {
    co_await writer.finish();
  }
  if (writer.is_broken()) {
    keep_alive = false;
    transport->close();
  }
}

Task<void> Session::refuse(Error error, unsigned status) {
  keep_alive = false;
  Response response = error_response(error);
  const auto head =
      response_head(status, response.headers,
                    "Content-Length: " + std::to_string(response.body.size()) + "\r\nConnection: close\r\n");
  if (!head) co_return;
  const std::string bytes = *head + response.body;
  if (co_await transport->write(bytes, Patience::for_all(kRefusalTime))) co_await linger();
}

// Closing with unread bytes resets the connection and may take the answer with it: first everything is sent,
// then what the client still sends is read for a short while.
Task<void> Session::linger() {
  co_await transport->shutdown(kLingerTime);
  const Patience patience = Patience::for_all(kLingerTime);
  for (size_t total = 0; total < kLingerBytes;) {
    buffer.use(buffer.unused().size());
    char* const space = buffer.free_space();
    const Result<size_t> count = co_await transport->read_some(space, buffer.free_size(), patience);
    if (!count || *count == 0) co_return;
    total += *count;
  }
}

}  // namespace wan::net
