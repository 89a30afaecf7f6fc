#pragma once
// Small things about text in ASCII, whatever the locale.

#include <string>
#include <string_view>

namespace wan {

[[nodiscard]] inline std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

// What a file of one value holds, without the line's end that editors and tools leave there.
[[nodiscard]] inline std::string without_line_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

// Of a URL or target as it may be shown: signed URLs have their secrets in the query.
[[nodiscard]] inline std::string without_query(std::string_view url) {
  return std::string(url.substr(0, url.find('?')));
}

}  // namespace wan
