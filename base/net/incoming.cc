#include "base/net/incoming_impl.h"

namespace wan::net {
namespace {

constexpr uint64_t kMinBytesPerSecond = 256;

Error too_large(uint64_t bytes, size_t limit) {
  return {ErrorCode::kResourceExhausted, "the request's body of " + std::to_string(bytes) +
                                             " bytes or more is larger than the limit of " +
                                             std::to_string(limit)};
}

}  // namespace

SessionRequest::SessionRequest(Session& session, Request head, Target target)
    : session_(session), head_(std::move(head)), target_(std::move(target)) {}

std::optional<uint64_t> SessionRequest::content_length() const { return session_.parser->content_length(); }

bool SessionRequest::finish_with_what_arrived() {
  Parser& parser = *session_.parser;
  finished_ = true;
  std::string discarded;
  while (!parser.is_done() && !session_.buffer.unused().empty()) {
    const Result<size_t> used = parser.feed(session_.buffer.unused(), discarded);
    if (!used || *used == 0) break;
    session_.buffer.use(*used);
  }
  return parser.is_done();
}

Task<Status> SessionRequest::invite_body() {
  if (std::exchange(invited_, true) || session_.parser->head().version < 11) co_return Status{};
  if (!head_.headers.get("Expect") || !session_.buffer.unused().empty()) co_return Status{};
  const Patience patience = Patience::between(session_.sessions.settings.body_idle_timeout);
  co_return co_await session_.transport->write("HTTP/1.1 100 Continue\r\n\r\n", patience);
}

Status SessionRequest::check_rate(std::chrono::steady_clock::duration waited, size_t received) {
  waited_ += waited;
  received_ += received;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(waited_).count();
  if (waited_ <= session_.sessions.settings.body_idle_timeout ||
      received_ >= static_cast<uint64_t>(milliseconds) * kMinBytesPerSecond / 1000) {
    return {};
  }
  return fail({ErrorCode::kDeadlineExceeded, "the request's body arrives slower than 256 bytes a second"});
}

Task<Result<bool>> SessionRequest::read_some(std::string& out) {
  if (finished_) co_return fail(internal_error("the request's body must be read before the answer"));
  if (session_.parser->is_done()) co_return false;
  WAN_CO_TRY_VOID(co_await invite_body());
  const Patience patience = Patience::for_all(session_.sessions.settings.body_idle_timeout);
  const SteadyTime begin = std::chrono::steady_clock::now();
  const size_t before = out.size();
  WAN_CO_TRY(const bool more,
             co_await read_body_some(*session_.transport, session_.buffer, *session_.parser, out, patience));
  WAN_CO_TRY_VOID(check_rate(std::chrono::steady_clock::now() - begin, out.size() - before));
  co_return more;
}

Task<Result<std::string>> SessionRequest::read_body() {
  const size_t limit = session_.sessions.settings.max_body_bytes;
  const uint64_t announced = content_length().value_or(0);
  if (announced > limit) co_return fail(too_large(announced, limit));
  std::string body;
  body.reserve(announced);
  for (;;) {
    WAN_CO_TRY(const bool more, co_await read_some(body));
    if (body.size() > limit) co_return fail(too_large(body.size(), limit));
    if (!more) co_return body;
  }
}

}  // namespace wan::net
