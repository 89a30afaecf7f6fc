#pragma once
// HTTP/1.1 server: guard against ambiguous framing, limits before allocation, deadlines on every read and
// write.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/async/async.h"
#include "base/async/task_group.h"
#include "base/net/http.h"

namespace wan::net {

struct ServerSettings {
  std::string address = "127.0.0.1";  // or "0.0.0.0", "::"
  uint16_t port = 0;                  // 0: the kernel chooses; see Server::port()
  size_t max_header_bytes = 16u << 10;
  size_t max_body_bytes = 1u << 20;  // for IncomingRequest::read_body
  size_t max_connections = 256;
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_idle_timeout{30'000};
  std::chrono::milliseconds idle_timeout{60'000};
};

// One request as a handler sees it: the head is parsed and guarded, the body not yet read.
class IncomingRequest {
 public:
  virtual ~IncomingRequest() = default;
  [[nodiscard]] virtual const Request& head() const = 0;  // body empty
  [[nodiscard]] virtual const Target& target() const = 0;
  [[nodiscard]] virtual std::optional<uint64_t> content_length() const = 0;
  // The whole body; kResourceExhausted beyond ServerSettings::max_body_bytes (before it is allocated).
  // Other errors of both reads: kCorrupt (framing), kDeadlineExceeded (no progress for body_idle_timeout, or
  // less than 256 bytes/s for longer than that), kUnavailable (the client went away), kCancelled.
  [[nodiscard]] virtual Task<Result<std::string>> read_body() = 0;
  // Piece by piece, without a total limit (the handler enforces its own). false: complete.
  [[nodiscard]] virtual Task<Result<bool>> read_some(std::string& out) = 0;
};

// Exactly one of respond(), respond_file() or start_stream() per request; a handler that answers nothing is a
// 500. The framing fields (Content-Length, Transfer-Encoding, Connection) and Date are the server's. A HEAD
// gets the head that a GET would get. The body is read before the answer or not at all: an answer given while
// some of it is still to come ends the connection.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  [[nodiscard]] virtual Task<Status> respond(Response response) = 0;
  // A regular file with Content-Length; honours a single Range of the request (206/416), and If-Range if
  // `headers` has an ETag. A file that cannot be opened is an error (kNotFound, ...) and nothing was
  // answered yet.
  [[nodiscard]] virtual Task<Status> respond_file(std::filesystem::path file, Headers headers) = 0;
  // Chunked, or with a Content-Length of `bytes`; write() pieces until finished: the stream ends with the
  // handler's return, and is cut (the client sees an incomplete message) if the handler throws or has not
  // written all `bytes`. An error from write() means that the client went away or that the server stops.
  [[nodiscard]] virtual Task<Status> start_stream(unsigned status, Headers headers,
                                                  std::optional<uint64_t> bytes = std::nullopt) = 0;
  [[nodiscard]] virtual Task<Status> write(std::string bytes) = 0;
};

using Handler = std::function<Task<void>(IncomingRequest&, ResponseWriter&)>;

class Server {
 public:
  Server(asio::any_io_executor executor, ServerSettings settings, Handler handler);
  ~Server();  // WAN_CHECKs that nothing runs any more: stop() first
  // Binds and starts accepting. kUnavailable with the address in the message if the port is taken.
  [[nodiscard]] Status start();
  [[nodiscard]] uint16_t port() const;
  // Stops accepting, lets running handlers end for up to `grace`, cancels the rest, joins all.
  [[nodiscard]] Task<void> stop(std::chrono::milliseconds grace);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// {"error": {"reason": ..., "message": ...}} with the status that fits the code: what all our servers answer.
// InvalidArgument 400, PermissionDenied 403, NotFound 404, AlreadyExists Conflict FailedPrecondition 409,
// Gone 410, ResourceExhausted 413, Corrupt 422, Internal 500, Unavailable Cancelled 503, DeadlineExceeded
// 504.
[[nodiscard]] Response error_response(const Error& error);
[[nodiscard]] Response json_response(unsigned status, std::string json);

}  // namespace wan::net
