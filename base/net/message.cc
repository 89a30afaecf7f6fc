#include <cerrno>
#include <unistd.h>

#include "base/net/message_impl.h"

namespace wan::net {
namespace {

// More bytes into the buffer; false: the other side has ended.
Task<Result<bool>> fill(Transport& transport, ReadBuffer& buffer, Patience patience) {
  if (buffer.is_full()) co_return fail(corrupt("HTTP message refused: a line is longer than the limit"));
  char* const space = buffer.free_space();
  WAN_CO_TRY(const size_t count, co_await transport.read_some(space, buffer.free_size(), patience));
  buffer.grow(count);
  co_return count > 0;
}

}  // namespace

Task<Status> read_head(Transport& transport, ReadBuffer& buffer, Parser& parser, Patience patience,
                       bool& begun) {
  std::string no_body;
  for (;;) {
    if (!buffer.unused().empty()) {
      begun = true;
      WAN_CO_TRY(const size_t used, parser.feed(buffer.unused(), no_body));
      buffer.use(used);
      if (parser.is_head_done()) co_return Status{};
    }
    WAN_CO_TRY(const bool more, co_await fill(transport, buffer, patience));
    if (!more) co_return fail(unavailable("the other side ended the connection"));
  }
}

Task<Result<bool>> read_body_some(Transport& transport, ReadBuffer& buffer, Parser& parser, std::string& out,
                                  Patience patience) {
  const size_t before = out.size();
  while (!parser.is_done()) {
    if (!buffer.unused().empty()) {
      WAN_CO_TRY(const size_t used, parser.feed(buffer.unused(), out));
      buffer.use(used);
      if (out.size() > before) co_return true;
      if (parser.is_done()) break;
    }
    WAN_CO_TRY(const bool more, co_await fill(transport, buffer, patience));
    if (!more && !parser.feed_end()) {
      co_return fail(unavailable("the other side ended the connection in the middle of a body"));
    }
  }
  co_return false;
}

Task<Status> write_from_file(Transport& transport, int descriptor, uint64_t offset, uint64_t bytes,
                             Patience patience) {
  const auto piece = std::make_unique_for_overwrite<char[]>(kPieceBytes);
  while (bytes > 0) {
    const ssize_t count =
        ::pread(descriptor, piece.get(), std::min<uint64_t>(kPieceBytes, bytes), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) co_return fail(from_errno(errno, "read the file to send"));
    if (count == 0) co_return fail(corrupt("the file became shorter while it was sent"));
    const std::string_view sent(piece.get(), static_cast<size_t>(count));
    WAN_CO_TRY_VOID(co_await transport.write(sent, patience));
    offset += sent.size();
    bytes -= sent.size();
  }
  co_return Status{};
}

}  // namespace wan::net
