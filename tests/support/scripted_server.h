#pragma once
// A loopback server that sends exactly the bytes a test wants, in the pieces it wants, and ends connections
// as it wants: what an HTTP library would never do.

#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/async/async.h"
#include "base/async/task_group.h"

namespace wan::testing {

enum class Ending { kKeep, kClose, kReset };

// The answer to one request.
struct Answer {
  std::vector<std::string> pieces;  // each written and flushed by itself
  Ending ending = Ending::kKeep;
};

// A whole response with Content-Length.
[[nodiscard]] Answer answer(unsigned status, const std::string& body, const std::string& extra_headers = "");
// A chunked response; each piece is one chunk.
[[nodiscard]] Answer chunked_answer(const std::vector<std::string>& chunks, Ending ending = Ending::kKeep,
                                    bool finished = true);

struct ReceivedRequest {
  std::string head;  // request line and headers
  std::string body;
  size_t connection = 0;  // its number, from 0
};

// Requests are answered in the order they come, over all connections; without an answer left, the connection
// is held open.
class ScriptedServer {
 public:
  explicit ScriptedServer(asio::io_context& context);
  void script(Answer answer) { script_.push_back(std::move(answer)); }
  [[nodiscard]] uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }
  [[nodiscard]] const std::vector<ReceivedRequest>& requests() const { return requests_; }
  [[nodiscard]] size_t unanswered() const { return script_.size(); }
  // Ends every connection; must be awaited before destruction.
  [[nodiscard]] Task<void> stop();

 private:
  [[nodiscard]] Task<void> accept();
  [[nodiscard]] Task<void> serve(std::shared_ptr<asio::ip::tcp::socket> connection, size_t number);

  asio::ip::tcp::acceptor acceptor_;
  std::deque<Answer> script_;
  std::vector<ReceivedRequest> requests_;
  std::vector<std::weak_ptr<asio::ip::tcp::socket>> connections_;
  TaskGroup tasks_;
};

}  // namespace wan::testing
