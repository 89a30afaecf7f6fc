#pragma once
// UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.

#include <optional>
#include <string_view>

namespace wan {

// Reads one code point at `position` and moves it behind; nullopt if the bytes there are not UTF-8.
[[nodiscard]] std::optional<char32_t> next_code_point(std::string_view text, size_t& position);
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace wan
