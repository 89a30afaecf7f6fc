#pragma once
// The unigram language model: the segmentation of a word with the greatest sum of piece scores. Scores add up
// in double precision and ties go to the first candidate, as in the tokenizer that the official code uses
// (sentencepiece itself adds in float and decides some ties otherwise).

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace wan::tokenizer {

struct Piece {
  std::string_view text;
  double score = 0;
  int64_t id = 0;
};

class Unigram {
 public:
  // `pieces` may repeat a text: the last one counts. Their bytes must outlive the object.
  Unigram(const std::vector<Piece>& pieces, int64_t unknown_id);

  // Appends the ids of `word` (UTF-8). A run of characters that no piece covers is one unknown id.
  void encode(std::string_view word, std::vector<int64_t>& ids) const;

 private:
  struct Best {
    double score = 0;
    int64_t id = -1;
    int64_t start = -1;  // negative: not reached yet
  };
  std::vector<Best> lattice(std::string_view word) const;

  std::unordered_map<std::string_view, Piece> pieces_;
  size_t longest_ = 0;  // bytes
  double unknown_score_ = 0;
  int64_t unknown_id_;
};

}  // namespace wan::tokenizer
