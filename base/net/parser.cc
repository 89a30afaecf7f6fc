#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/optional.hpp>
#include <functional>

#include "base/net/guard_impl.h"
#include "base/net/parser_impl.h"

namespace wan::net {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

Error to_error(const error_code& error) {
  if (error == http::error::header_limit) {
    return {ErrorCode::kResourceExhausted, "the head of the HTTP message is longer than the limit"};
  }
  return corrupt("HTTP message refused: " + error.message());
}

void refuse_extension(std::uint64_t, boost::beast::string_view extension, error_code& error) {
  if (!extension.empty()) error = http::error::bad_chunk_extension;
}

template <bool IsRequest>
class BeastParser final : public Parser {
 public:
  BeastParser(size_t max_header_bytes, bool head_request) {
    parser_.header_limit(static_cast<std::uint32_t>(max_header_bytes));
    parser_.body_limit(boost::none);  // whoever reads the body counts it
    if constexpr (IsRequest) {
      parser_.on_chunk_header(on_chunk_header_);
    } else {
      parser_.skip(head_request);
    }
  }

  Result<size_t> feed(std::string_view bytes, std::string& body) override {
    size_t used = 0;
    while (used < bytes.size() && !parser_.is_done()) {
      const bool in_head = !parser_.is_header_done();
      if (in_head) {
        used += skip_empty_lines(bytes.substr(used));
        if (used == bytes.size() || may_be_empty_line(bytes.substr(used))) break;
        WAN_TRY_VOID(guard_raw(bytes.substr(used)));
      }
      WAN_TRY(const Step step, put(bytes.substr(used), body));
      used += step.used;
      if (in_head) guarded_ -= step.used;
      if (in_head && parser_.is_header_done()) {
        WAN_TRY_VOID(finish_head());
        break;
      }
      if (step.needs_more) break;
    }
    return used;
  }

  Status feed_end() override {
    error_code error = http::error::partial_message;
    if (parser_.got_some() && !parser_.is_done()) parser_.put_eof(error);
    if (error) return fail(to_error(error));
    return {};
  }

  bool is_head_done() const override { return parser_.is_header_done(); }
  bool is_done() const override { return parser_.is_done(); }
  const MessageHead& head() const override { return head_; }
  bool keep_alive() const override { return keep_alive_; }
  std::optional<uint64_t> content_length() const override { return content_length_; }

 private:
  struct Step {
    size_t used = 0;
    bool needs_more = false;
  };

  Result<Step> put(std::string_view bytes, std::string& body) {
    const size_t old = body.size();
    auto& sink = parser_.get().body();
    if (parser_.is_header_done()) {
      body.resize(old + bytes.size());
      sink.data = body.data() + old;
      sink.size = bytes.size();
    }
    sink.more = true;
    error_code error;
    const size_t used = parser_.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    if (sink.data) body.resize(old + bytes.size() - sink.size);
    sink.data = nullptr;
    sink.size = 0;
    const bool incomplete = error == http::error::need_more || error == http::error::need_buffer;
    if (error && !incomplete) return fail(to_error(error));
    return Step{used, incomplete || used == 0};
  }

  // One or two empty lines in front of a request are a habit of old clients (RFC 9112 section 2.2).
  size_t skip_empty_lines(std::string_view bytes) {
    size_t skipped = 0;
    while (IsRequest && !parser_.got_some() && empty_lines_ < 2 &&
           bytes.substr(skipped).starts_with("\r\n")) {
      skipped += 2;
      ++empty_lines_;
    }
    return skipped;
  }

  bool may_be_empty_line(std::string_view bytes) const {
    return IsRequest && !parser_.got_some() && empty_lines_ < 2 && bytes == "\r";
  }

  Status guard_raw(std::string_view bytes) {
    if (!IsRequest) return {};
    const std::string_view unseen = bytes.substr(std::min(guarded_, bytes.size()));
    guarded_ = bytes.size();
    return raw_guard_.look_at(unseen);
  }

  Status finish_head() {
    const auto& message = parser_.get();
    head_.version = static_cast<int>(message.version());
    for (const auto& field : message)
      head_.headers.add(std::string(field.name_string()), std::string(field.value()));
    keep_alive_ = parser_.keep_alive();
    if (const auto length = parser_.content_length()) content_length_ = *length;
    if constexpr (IsRequest) {
      head_.method = std::string(message.method_string());
      head_.target = std::string(message.target());
      return check_request_head(head_.version, head_.headers);
    } else {
      head_.status = message.result_int();
      return check_response_head(head_.version, head_.headers);
    }
  }

  http::parser<IsRequest, http::buffer_body> parser_;
  std::function<void(std::uint64_t, boost::beast::string_view, error_code&)> on_chunk_header_ =
      refuse_extension;
  RawHeadGuard raw_guard_;
  MessageHead head_;
  size_t guarded_ =
      0;  // bytes of the head, from the first that the parser has not used, that the guard has seen
  int empty_lines_ = 0;
  bool keep_alive_ = false;
  std::optional<uint64_t> content_length_;
};

}  // namespace

std::unique_ptr<Parser> Parser::for_request(size_t max_header_bytes) {
  return std::make_unique<BeastParser<true>>(max_header_bytes, false);
}

std::unique_ptr<Parser> Parser::for_response(size_t max_header_bytes, bool head_request) {
  return std::make_unique<BeastParser<false>>(max_header_bytes, head_request);
}

}  // namespace wan::net
