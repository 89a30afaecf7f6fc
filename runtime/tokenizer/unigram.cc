#include "runtime/tokenizer/unigram.h"

#include <algorithm>

#include "runtime/tokenizer/utf8.h"

namespace wan::tokenizer {
namespace {

constexpr double kUnknownPenalty = 10;

size_t character_bytes(std::string_view text) {
  const auto front = decode_front(text);
  return front ? front->bytes : 1;
}

}  // namespace

Unigram::Unigram(const std::vector<Piece>& pieces, int64_t unknown_id) : unknown_id_(unknown_id) {
  double lowest = 0;
  pieces_.reserve(pieces.size());
  for (const Piece& piece : pieces) {
    lowest = std::min(lowest, piece.score);
    if (piece.text.empty()) continue;
    pieces_.insert_or_assign(piece.text, piece);
    longest_ = std::max(longest_, piece.text.size());
  }
  unknown_score_ = lowest - kUnknownPenalty;
}

std::vector<Unigram::Best> Unigram::lattice(std::string_view word) const {
  std::vector<Best> best(word.size() + 1);
  best[0].start = 0;
  const auto offer = [&](size_t start, size_t end, double score, int64_t id) {
    const double total = best[start].score + score;
    if (best[end].start < 0 || total > best[end].score) best[end] = {total, id, static_cast<int64_t>(start)};
  };
  for (size_t start = 0; start < word.size();) {
    const size_t character = character_bytes(word.substr(start));
    bool single = false;
    const size_t limit = std::min(longest_, word.size() - start);
    for (size_t length = 1; length <= limit; ++length) {
      const auto found = pieces_.find(word.substr(start, length));
      if (found == pieces_.end()) continue;
      offer(start, start + length, found->second.score, found->second.id);
      single = single || length == character;
    }
    if (!single) offer(start, start + character, unknown_score_, unknown_id_);
    start += character;
  }
  return best;
}

void Unigram::encode(std::string_view word, std::vector<int64_t>& ids) const {
  const std::vector<Best> best = lattice(word);
  std::vector<int64_t> reversed;
  for (size_t end = word.size(); end > 0; end = best[end].start) {
    const int64_t id = best[end].id;
    const bool continues_unknown = id == unknown_id_ && !reversed.empty() && reversed.back() == unknown_id_;
    if (!continues_unknown) reversed.push_back(id);
  }
  ids.insert(ids.end(), reversed.rbegin(), reversed.rend());
}

}  // namespace wan::tokenizer
