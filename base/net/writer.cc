#include <cstdio>

#include "base/net/file_body_impl.h"
#include "base/net/range_impl.h"
#include "base/net/writer_impl.h"

namespace wan::net {
namespace {

std::string length_line(uint64_t bytes) { return "Content-Length: " + std::to_string(bytes) + "\r\n"; }

std::string chunk(std::string_view bytes) {
  char size[24];
  const int digits = std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  std::string framed;
  framed.reserve(static_cast<size_t>(digits) + bytes.size() + 2);
  return framed.append(size, static_cast<size_t>(digits)).append(bytes).append("\r\n");
}

std::string content_range(const std::string& what, uint64_t size) {
  return "bytes " + what + "/" + std::to_string(size);
}

// If-Range (RFC 9110 section 13.1.5): a part only of exactly the version that the client has a part of.
std::optional<std::string_view> wanted_range(const Headers& request, const Headers& response) {
  const auto condition = request.get("If-Range");
  if (condition && condition != response.get("ETag")) return std::nullopt;
  return request.get("Range");
}

}  // namespace

bool SessionWriter::without_body(unsigned status) const {
  return request_.head().method == "HEAD" || status == 204 || status == 304;
}

Task<Status> SessionWriter::send(std::string_view bytes) {
  const Patience patience = Patience::between(session_.sessions.settings.body_idle_timeout);
  Status sent = co_await session_.transport->write(bytes, patience);
  if (!sent) state_ = State::kBroken;
  co_return sent;
}

Task<Status> SessionWriter::send_head(unsigned status, const Headers& headers, std::string framing,
                                      std::string body, State next) {
  if (state_ != State::kNothing) co_return fail(internal_error("the request was answered before"));
  const bool body_is_over = request_.finish_with_what_arrived();
  session_.keep_alive = body_is_over && session_.parser->keep_alive() &&
                        session_.parser->head().version >= 11 && !session_.sessions.stopping;
  if (!session_.keep_alive) framing += "Connection: close\r\n";
  WAN_CO_TRY(std::string bytes, response_head(status, headers, framing));
  state_ = next;
  if (body.size() <= kPieceBytes) {
    bytes += body;
    co_return co_await send(bytes);
  }
  WAN_CO_TRY_VOID(co_await send(bytes));
  co_return co_await send(body);
}

Task<Status> SessionWriter::respond(Response response) {
  const bool no_body = without_body(response.status);
  std::string framing =
      response.status == 204 || response.status == 304 ? "" : length_line(response.body.size());
  std::string body = no_body ? std::string() : std::move(response.body);
  co_return co_await send_head(response.status, response.headers, std::move(framing), std::move(body),
                               State::kAnswered);
}

Task<Status> SessionWriter::respond_file(std::filesystem::path file, Headers headers) {
  WAN_CO_TRY(const FileBody body, open_body(file));
  ByteRange part{.offset = 0, .bytes = body.bytes};
  unsigned status = 200;
  if (!headers.get("Content-Type")) headers.set("Content-Type", "application/octet-stream");
  headers.set("Accept-Ranges", "bytes");
  switch (choose_range(wanted_range(request_.head().headers, headers), body.bytes, part)) {
    case RangeVerdict::kWhole: break;
    case RangeVerdict::kPart:
      status = 206;
      headers.set("Content-Range", content_range(std::to_string(part.offset) + "-" +
                                                     std::to_string(part.offset + part.bytes - 1),
                                                 body.bytes));
      break;
    case RangeVerdict::kUnsatisfiable:
      status = 416;
      part.bytes = 0;
      headers.set("Content-Range", content_range("*", body.bytes));
      break;
  }
  WAN_CO_TRY_VOID(co_await send_head(status, headers, length_line(part.bytes), "", State::kAnswered));
  if (without_body(status)) co_return Status{};
  const Patience patience = Patience::between(session_.sessions.settings.body_idle_timeout);
  Status sent =
      co_await write_from_file(*session_.transport, body.file.get(), part.offset, part.bytes, patience);
  if (!sent) state_ = State::kBroken;
  co_return sent;
}

Task<Status> SessionWriter::start_stream(unsigned status, Headers headers, std::optional<uint64_t> bytes) {
  chunked_ = !bytes && session_.parser->head().version >= 11;
  left_ = bytes;
  std::string framing = bytes ? length_line(*bytes) : chunked_ ? "Transfer-Encoding: chunked\r\n" : "";
  co_return co_await send_head(status, headers, std::move(framing), "",
                               without_body(status) ? State::kAnswered : State::kStreaming);
}

Task<Status> SessionWriter::write(std::string bytes) {
  if (state_ == State::kBroken) co_return fail(unavailable("the client went away"));
  if (state_ == State::kNothing) co_return fail(internal_error("write() before start_stream()"));
  // Nothing is written to a HEAD, and an empty chunk would end the stream.
  if (state_ == State::kAnswered || bytes.empty()) co_return Status{};
  if (left_ && bytes.size() > *left_) co_return fail(internal_error("more bytes than start_stream() said"));
  if (left_) *left_ -= bytes.size();
  co_return co_await send(chunked_ ? chunk(bytes) : bytes);
}

Task<void> SessionWriter::finish() {
  if (state_ != State::kStreaming) co_return;
  if (left_.value_or(0) > 0) co_return give_up();
  state_ = State::kAnswered;
  if (chunked_) (void)co_await send("0\r\n\r\n");
}

}  // namespace wan::net
