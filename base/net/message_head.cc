#include <algorithm>
#include <ctime>

#include "base/net/message_impl.h"

namespace wan::net {
namespace {

bool is_token(std::string_view text) {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kPunctuation.contains(c);
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  });
}

bool is_target(std::string_view text) {
  return text.starts_with('/') && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

bool same_name(std::string_view a, std::string_view b) {
  constexpr auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_framing(std::string_view name) {
  return same_name(name, "Content-Length") || same_name(name, "Transfer-Encoding") ||
         same_name(name, "Connection");
}

// The message never quotes the value: it may be a credential.
Status append_fields(const Headers& headers, std::string& out) {
  for (const auto& [name, value] : headers.fields()) {
    if (!is_token(name) || !is_field_value(value)) {
      return fail(
          invalid_argument("the HTTP field \"" + name + "\" has a character that HTTP does not allow"));
    }
    if (!is_framing(name)) out.append(name).append(": ").append(value).append("\r\n");
  }
  return {};
}

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 507: return "Insufficient Storage";
    default: return "";
  }
}

// RFC 9110 section 5.6.7; by hand because strftime's names follow the locale.
std::string http_date(std::time_t now) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[utc.tm_wday], utc.tm_mday,
                kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return text;
}

}  // namespace

Result<std::string> request_head(const Request& request, const Url& origin,
                                 std::optional<uint64_t> content_length) {
  if (!is_token(request.method)) return fail(invalid_argument("the HTTP method is not a word"));
  if (!is_target(request.target)) {
    return fail(
        invalid_argument("the HTTP request target does not begin with '/' or has a space, a control "
                         "character or a character beyond ASCII; percent-encode it"));
  }
  std::string head = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (!request.headers.get("Host")) head += "Host: " + authority(origin) + "\r\n";
  if (!request.headers.get("User-Agent")) head += "User-Agent: wan-gallery/" WAN_VERSION "\r\n";
  WAN_TRY_VOID(append_fields(request.headers, head));
  if (content_length) head += "Content-Length: " + std::to_string(*content_length) + "\r\n";
  return head + "\r\n";
}

Result<std::string> response_head(unsigned status, const Headers& headers, std::string_view framing) {
  if (status < 200 || status > 599)
    return fail(internal_error("HTTP has no final status " + std::to_string(status)));
  std::string head = "HTTP/1.1 " + std::to_string(status) + " ";
  head.append(reason_phrase(status)).append("\r\n");
  if (!headers.get("Date")) head += "Date: " + http_date(std::time(nullptr)) + "\r\n";
  WAN_TRY_VOID(append_fields(headers, head));
  return head.append(framing).append("\r\n");
}

}  // namespace wan::net
