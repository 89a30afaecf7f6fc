#include "runtime/tokenizer/metaspace.h"

#include <algorithm>

namespace wan::tokenizer {

std::string to_metaspace(std::string_view text) {
  std::string out;
  if (text.empty()) return out;
  if (!text.starts_with(' ') && !text.starts_with(kMetaspace)) out = kMetaspace;
  for (const char c : text) {
    if (c == ' ') {
      out += kMetaspace;
    } else {
      out += c;
    }
  }
  return out;
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find(kMetaspace, 1), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

}  // namespace wan::tokenizer
