#pragma once
// One request and its response on one connection. Internal to base/net.

#include <memory>

#include "base/net/connection_pool_impl.h"
#include "base/net/file_body_impl.h"

namespace wan::net {

struct Outgoing {
  std::string head;
  std::string_view body;           // of the request, unless there is
  const FileBody* file = nullptr;  // read from its beginning each time it is sent
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
