#pragma once
// One request and its response on one connection. Internal to base/net.

#include <memory>
#include <variant>

#include "base/io/descriptor.h"
#include "base/net/connection_pool_impl.h"

namespace wan::net {

struct FileBody {
  Descriptor file;
  uint64_t bytes = 0;
};
// The file is opened once: a repeated request reads it again from its beginning.
[[nodiscard]] Result<FileBody> open_body(const std::filesystem::path& file);

struct Outgoing {
  std::string head;
  std::string_view body;           // or
  const FileBody* file = nullptr;  // this one
  bool is_head_method = false;
};
[[nodiscard]] Result<Outgoing> prepare(const Request& request, const FileBody* file, const Url& origin);

// Sends the request and reads the head of the final response (1xx ones are skipped). If the sending fails,
// the response that the server may have given before it stopped reading is looked for. `begun` turns true
// with the first byte of a response.
[[nodiscard]] Task<Result<std::unique_ptr<Parser>>> request_and_head(Connection& connection,
                                                                     const Outgoing& outgoing,
                                                                     Patience patience, bool& begun);

}  // namespace wan::net
