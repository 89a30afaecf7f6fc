#include <algorithm>

#include "base/net/http.h"

namespace wan::net {
namespace {

std::unexpected<Error> bad_target(std::string_view why) {
  return fail(invalid_argument("request target refused: " + std::string(why)));
}

Result<std::string> decode_segment(std::string_view text) {
  WAN_TRY(std::string segment, percent_decode(text));
  if (segment.empty()) return bad_target("it has an empty path segment");
  if (segment == "." || segment == "..") return bad_target("it has a \".\" or \"..\" segment");
  // Handlers join segments to paths: an encoded slash would smuggle in what was just refused.
  if (segment.find('/') != segment.npos || segment.find('\0') != segment.npos) {
    return bad_target("a path segment has an encoded '/' or NUL");
  }
  return segment;
}

Result<std::string> decode_form(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  WAN_TRY(std::string decoded, percent_decode(spaced));
  if (decoded.find('\0') != decoded.npos) return bad_target("a query parameter has an encoded NUL");
  return decoded;
}

// Calls `use` with each piece of `text` between separators.
template <typename Use>
Status split(std::string_view text, char separator, const Use& use) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    WAN_TRY_VOID(use(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace

std::optional<std::string_view> Target::parameter(std::string_view name) const {
  const auto pair = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
  if (pair == query.end()) return std::nullopt;
  return pair->second;
}

Result<Target> parse_target(std::string_view target) {
  if (!target.starts_with('/')) return bad_target("it does not begin with '/'");
  if (std::ranges::any_of(target, [](char c) { return c <= ' ' || c >= 0x7F || c == '#'; })) {
    return bad_target("it has a space, a control character, a '#' or a character beyond ASCII");
  }
  Target parsed;
  const size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(1, question - 1);
  WAN_TRY_VOID(split(path, '/', [&](std::string_view piece) -> Status {
    WAN_TRY(std::string segment, decode_segment(piece));
    parsed.segments.push_back(std::move(segment));
    return {};
  }));
  if (question == target.size()) return parsed;
  WAN_TRY_VOID(split(target.substr(question + 1), '&', [&](std::string_view piece) -> Status {
    if (piece.empty()) return {};
    const size_t equals = std::min(piece.find('='), piece.size());
    WAN_TRY(std::string name, decode_form(piece.substr(0, equals)));
    WAN_TRY(std::string value, decode_form(piece.substr(std::min(equals + 1, piece.size()))));
    parsed.query.emplace_back(std::move(name), std::move(value));
    return {};
  }));
  return parsed;
}

}  // namespace wan::net
