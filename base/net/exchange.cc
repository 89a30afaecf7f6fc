#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/net/exchange_impl.h"

namespace wan::net {
namespace {

constexpr size_t kMaxResponseHeaderBytes = 48u << 10;
constexpr int kMaxInformational = 8;
constexpr std::chrono::milliseconds kLastWords{1'000};

Task<Status> send(Transport& transport, const Outgoing& outgoing, Patience patience) {
  if (!outgoing.file && outgoing.body.size() <= kPieceBytes) {
    std::string all = outgoing.head;
    all += outgoing.body;
    co_return co_await transport.write(all, patience);
  }
  WAN_CO_TRY_VOID(co_await transport.write(outgoing.head, patience));
  if (!outgoing.file) co_return co_await transport.write(outgoing.body, patience);
  co_return co_await write_from_file(transport, outgoing.file->file.get(), 0, outgoing.file->bytes, patience);
}

Task<Result<std::unique_ptr<Parser>>> read_final_head(Connection& connection, bool is_head_method,
                                                      Patience patience, bool& begun) {
  for (int i = 0; i < kMaxInformational; ++i) {
    auto parser = Parser::for_response(kMaxResponseHeaderBytes, is_head_method);
    WAN_CO_TRY_VOID(co_await read_head(*connection.transport, connection.buffer, *parser, patience, begun));
    const unsigned status = parser->head().status;
    if (status >= 200) co_return parser;
    if (status < 100 || status == 101) break;
  }
  co_return fail(corrupt("HTTP message refused: the server answers with informational responses only"));
}

bool has_body_by_method(const std::string& method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

Result<Outgoing> prepare(const Request& request, const FileBody* file, const Url& origin) {
  const uint64_t bytes = file ? file->bytes : request.body.size();
  const bool says_length = bytes > 0 || has_body_by_method(request.method);
  Outgoing outgoing{.body = request.body, .file = file, .is_head_method = request.method == "HEAD"};
  WAN_TRY(outgoing.head, request_head(request, origin, says_length ? std::optional(bytes) : std::nullopt));
  return outgoing;
}

Task<Result<std::unique_ptr<Parser>>> request_and_head(Connection& connection, const Outgoing& outgoing,
                                                       Patience patience, bool& begun) {
  const Status sent = co_await send(*connection.transport, outgoing, patience);
  if (sent) co_return co_await read_final_head(connection, outgoing.is_head_method, patience, begun);
  if (sent.error().code != ErrorCode::kUnavailable) co_return fail(sent.error());
  connection.spoiled = true;
  const Patience short_patience = patience.at_most(kLastWords);
  auto answer = co_await read_final_head(connection, outgoing.is_head_method, short_patience, begun);
  if (answer) co_return answer;
  if (answer.error().code == ErrorCode::kCancelled) co_return fail(answer.error());
  co_return fail(sent.error());
}

}  // namespace wan::net
