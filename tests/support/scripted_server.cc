#include "tests/support/scripted_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <iomanip>
#include <sstream>

namespace wan::testing {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

size_t content_length(const std::string& head) {
  for (const char* name : {"Content-Length: ", "content-length: "}) {
    const size_t at = head.find(name);
    if (at == std::string::npos) continue;
    size_t length = 0;
    const size_t begin = at + std::string(name).size();
    std::from_chars(head.data() + begin, head.data() + head.size(), length);
    return length;
  }
  return 0;
}

}  // namespace

Answer answer(unsigned status, const std::string& body, const std::string& extra_headers) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Type: application/json\r\n";
  text += extra_headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  return Answer{{std::move(text)}, Ending::kKeep};
}

Answer chunked_answer(const std::vector<std::string>& chunks, Ending ending, bool finished) {
  Answer made;
  made.ending = ending;
  made.pieces.emplace_back(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const std::string& chunk : chunks) {
    std::ostringstream framed;
    framed << std::hex << chunk.size() << "\r\n" << chunk << "\r\n";
    made.pieces.push_back(framed.str());
  }
  if (finished) made.pieces.emplace_back("0\r\n\r\n");
  return made;
}

ScriptedServer::ScriptedServer(asio::io_context& context)
    : acceptor_(context, asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
      tasks_(context.get_executor()) {
  tasks_.spawn("accept", accept());
}

Task<void> ScriptedServer::stop() {
  // Closed, so that an operation begun after the cancellation ends too.
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (const auto& weak : connections_) {
    if (const auto connection = weak.lock()) connection->close(ignored);
  }
  tasks_.cancel();
  co_await tasks_.join();
}

Task<void> ScriptedServer::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(kTuple);
    if (error) co_return;
    auto connection = std::make_shared<asio::ip::tcp::socket>(std::move(socket));
    connections_.emplace_back(connection);
    tasks_.spawn("connection", serve(std::move(connection), connections_.size() - 1));
  }
}

Task<void> ScriptedServer::serve(std::shared_ptr<asio::ip::tcp::socket> connection, size_t number) {
  asio::ip::tcp::socket& socket = *connection;
  socket.set_option(asio::ip::tcp::no_delay(true));
  std::string buffer;
  for (;;) {
    const auto [error, size] =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer), "\r\n\r\n", kTuple);
    if (error) co_return;
    ReceivedRequest request;
    request.connection = number;
    request.head = buffer.substr(0, size);
    buffer.erase(0, size);
    const size_t length = content_length(request.head);
    if (buffer.size() < length) {
      const auto [body_error, more] = co_await asio::async_read(
          socket, asio::dynamic_buffer(buffer), asio::transfer_exactly(length - buffer.size()), kTuple);
      if (body_error) co_return;
    }
    request.body = buffer.substr(0, length);
    buffer.erase(0, length);
    requests_.push_back(std::move(request));
    if (script_.empty()) continue;
    const Answer next = std::move(script_.front());
    script_.pop_front();
    for (const std::string& piece : next.pieces) {
      const auto [write_error, written] = co_await asio::async_write(socket, asio::buffer(piece), kTuple);
      if (write_error) co_return;
      // Lets the reader see this piece by itself.
      if (!co_await sleep_for(std::chrono::milliseconds(2))) co_return;
    }
    if (next.ending == Ending::kReset) socket.set_option(asio::socket_base::linger(true, 0));
    if (next.ending != Ending::kKeep) co_return;
  }
}

}  // namespace wan::testing
