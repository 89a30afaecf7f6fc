#pragma once
// Moves HTTP messages between values and a connection. Internal to base/net.

#include <string>

#include "base/net/parser_impl.h"
#include "base/net/read_buffer_impl.h"
#include "base/net/transport_impl.h"

namespace wan::net {

constexpr size_t kPieceBytes = 64u << 10;  // of a body, between a connection or a file and its reader

// The head of a request as bytes. Host, User-Agent and the framing fields are ours; a Content-Length or
// Transfer-Encoding among the request's own fields is dropped. kInvalidArgument for anything that would break
// out of its line.
[[nodiscard]] Result<std::string> request_head(const Request& request, const Url& origin,
                                               std::optional<uint64_t> content_length);

// The head of a response. `framing`: finished lines about body and connection, which replace the fields of
// those names; Date is added.
[[nodiscard]] Result<std::string> response_head(unsigned status, const Headers& headers,
                                                std::string_view framing);

// Reads until the parser has the head (kUnavailable if the connection ends first). `begun` turns true with
// the first byte of the message.
[[nodiscard]] Task<Status> read_head(Transport& transport, ReadBuffer& buffer, Parser& parser,
                                     Patience patience, bool& begun);
// Appends at least one byte of the body to `out`, or says false: the message is complete.
[[nodiscard]] Task<Result<bool>> read_body_some(Transport& transport, ReadBuffer& buffer, Parser& parser,
                                                std::string& out, Patience patience);
// Sends `bytes` bytes of the open file, from `offset`. kCorrupt if the file has become shorter.
[[nodiscard]] Task<Status> write_from_file(Transport& transport, int descriptor, uint64_t offset,
                                           uint64_t bytes, Patience patience);

}  // namespace wan::net
