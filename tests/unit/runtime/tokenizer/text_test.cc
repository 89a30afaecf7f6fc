#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/tokenizer/metaspace.h"
#include "runtime/tokenizer/unigram.h"
#include "runtime/tokenizer/utf8.h"

namespace wan::tokenizer {
namespace {

using testing::ElementsAre;

TEST(Utf8, CountsCodePointsAndRefusesWhatIsNotUtf8) {
  EXPECT_EQ(count_code_points("aé漢🎈"), 4u);
  EXPECT_EQ(count_code_points(""), 0u);
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE6\xBC", "\xFF"}) {
    EXPECT_FALSE(count_code_points(bad).has_value());
  }
}

TEST(Utf8, AppendsWhatItDecodes) {
  std::string text;
  for (const char32_t c : {U'a', U'é', U'漢', U'🎈'}) append_utf8(text, c);
  EXPECT_EQ(text, "aé漢🎈");
}

TEST(Utf8, BytesThatAreNotUtf8BecomeOneReplacementCharacterPerBeginning) {
  EXPECT_EQ(to_code_points("a\xFF\x80z"), U"a\uFFFD\uFFFDz");
  EXPECT_EQ(to_code_points("\xE6\xBC\xE6\xBC\xA2"), U"\uFFFD漢");
  EXPECT_EQ(to_code_points("\xF0\x9F\x8E"), U"\uFFFD");
  EXPECT_EQ(to_code_points("\xC0\x80\xF4\x90"), U"\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(to_code_points("\xED\xA0\xBD"), std::u32string(1, 0xD83D));
}

TEST(Metaspace, PutsOneInFrontUnlessThereIsOne) {
  EXPECT_EQ(to_metaspace("a b"), "\u2581a\u2581b");
  EXPECT_EQ(to_metaspace(" a"), "\u2581a");
  EXPECT_EQ(to_metaspace("\u2581a"), "\u2581a");
  EXPECT_EQ(to_metaspace(""), "");
  EXPECT_THAT(split_words("\u2581a\u2581bc"), ElementsAre("\u2581a", "\u2581bc"));
}

std::vector<int64_t> encode(const Unigram& unigram, std::string_view word) {
  std::vector<int64_t> ids;
  unigram.encode(word, ids);
  return ids;
}

TEST(UnigramTest, TakesTheSegmentationWithTheGreatestScore) {
  const Unigram unigram({{"a", -1, 10}, {"b", -1, 11}, {"ab", -1.5, 12}, {"abc", -9, 13}, {"c", -2, 14}}, 0);
  EXPECT_THAT(encode(unigram, "ab"), ElementsAre(12));
  EXPECT_THAT(encode(unigram, "abc"), ElementsAre(12, 14));
}

TEST(UnigramTest, ARunOfUnknownCharactersIsOneUnknown) {
  const Unigram unigram({{"a", -1, 10}, {"é", -1, 11}}, 0);
  EXPECT_THAT(encode(unigram, "漢字a漢"), ElementsAre(0, 10, 0));
  EXPECT_THAT(encode(unigram, "aé"), ElementsAre(10, 11));
  EXPECT_THAT(encode(unigram, ""), ElementsAre());
}

TEST(UnigramTest, OfEqualScoresTheFirstCandidateWins) {
  // "aaaa" is 2+2 or 1+3 or 3+1 at the same score; the piece that starts first and was offered first stays.
  const Unigram unigram({{"a", -1, 1}, {"aa", -1, 2}, {"aaa", -1, 3}}, 0);
  EXPECT_THAT(encode(unigram, "aaaa"), ElementsAre(1, 3));
}

}  // namespace
}  // namespace wan::tokenizer
