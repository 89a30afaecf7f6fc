#include <algorithm>

#include "base/net/guard_impl.h"

namespace wan::net {
namespace {

Status refused(std::string_view why) { return fail(corrupt("HTTP message refused: " + std::string(why))); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::vector<std::string_view> values_of(const Headers& headers, std::string_view name) {
  std::vector<std::string_view> values;
  for (const auto& [field, value] : headers.fields()) {
    if (std::ranges::equal(field, name, {}, lower, lower)) values.push_back(value);
  }
  return values;
}

Status check_framing(int version, const Headers& headers) {
  const auto lengths = values_of(headers, "Content-Length"),
             codings = values_of(headers, "Transfer-Encoding");
  if (!codings.empty()) {
    if (version < 11) return refused("HTTP/1.0 has no Transfer-Encoding");
    if (codings.size() > 1 ||
        !std::ranges::equal(codings[0], std::string_view("chunked"), {}, lower, lower)) {
      return refused("the only Transfer-Encoding that is understood is chunked");
    }
    if (!lengths.empty()) return refused("Transfer-Encoding and Content-Length exclude each other");
  }
  if (lengths.size() > 1) return refused("Content-Length appears more than once");
  if (!lengths.empty() && (lengths[0].empty() || lengths[0].size() > 18 ||
                           lengths[0].find_first_not_of("0123456789") != lengths[0].npos)) {
    return refused("Content-Length is not a number");
  }
  return {};
}

}  // namespace

Status RawHeadGuard::look_at(std::string_view bytes) {
  for (const char c : bytes) {
    if (ended_) break;
    WAN_TRY_VOID(look_at(c));
  }
  return {};
}

Status RawHeadGuard::look_at(char c) {
  if (after_cr_ != (c == '\n')) return refused("a line of the head does not end with CR LF");
  if (c == '\0') return refused("the head has a NUL");
  if (at_line_start_ && (c == ' ' || c == '\t')) return refused("a header field is folded over two lines");
  if (c == '\n') {
    after_cr_ = false;
    ended_ = at_line_start_;
    at_line_start_ = true;
    return {};
  }
  after_cr_ = c == '\r';
  // The CR of the empty line that ends the head leaves the line at its start.
  at_line_start_ = at_line_start_ && after_cr_;
  return {};
}

Status check_request_head(int version, const Headers& headers) {
  const auto hosts = values_of(headers, "Host");
  if (hosts.size() > 1) return refused("Host appears more than once");
  if (hosts.empty() && version >= 11) return refused("Host is missing");
  if (!hosts.empty() &&
      (hosts[0].empty() || hosts[0].find_first_of(" \t,/\\@?#") != std::string_view::npos)) {
    return refused("Host is not a host name");
  }
  return check_framing(version, headers);
}

Status check_response_head(int version, const Headers& headers) { return check_framing(version, headers); }

}  // namespace wan::net
