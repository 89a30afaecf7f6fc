#include "runtime/tokenizer/prompt_clean.h"

#include <algorithm>
#include <ctime>
#include <gtest/gtest.h>
#include <string>

#include "runtime/tokenizer/clean/html.h"

namespace wan::tokenizer {
namespace {

TEST(PromptClean, ResolvesReferencesTwiceAndCollapsesWhiteSpace) {
  EXPECT_EQ(clean_prompt("  a &amp;lt;b&amp;gt;\t\n cat\u3000&#x1F388; &#39;x&#39; "), "a <b> cat 🎈 'x'");
  EXPECT_EQ(clean_prompt(" \u00A0 "), "");
  EXPECT_EQ(clean_prompt("fish & chips &unknown; &# &#x; &"), "fish & chips &unknown; &# &#x; &");
}

TEST(PromptClean, ReadsTextBackThatWasDecodedWithAWrongEncoding) {
  EXPECT_EQ(repair_text("schÃ¶n"), "schön");
  EXPECT_EQ(repair_text("schÃƒÂ¶n"), "schön");                          // twice
  EXPECT_EQ(repair_text("РџСЂРёРІРµС‚"), "Привет");                     // Windows-1251
  EXPECT_EQ(repair_text("voilÃ le travail"), "voilà le travail");       // the no-break space became a space
  EXPECT_EQ(repair_text("â€œlostâ€\uFFFD"), "\"lost\uFFFD");            // a byte was lost
  EXPECT_EQ(repair_text("漢字 and cafÃ© both"), "漢字 and café both");  // only a part is damaged
  EXPECT_EQ(repair_text("it\u0092s"), "it's");                          // a control character of Latin-1
}

TEST(PromptClean, LeavesTextThatIsMeantSo) {
  for (const char* text :
       {"Größe, façade, naïve", "Łódź žluťoučký kůň", "Ελλάδα", "Привет, мир", "(ツ) ヽ༼ຈل͜ຈ༽ﾉ"}) {
    const std::string once = repair_text(text);
    EXPECT_EQ(repair_text(once), once);
  }
  EXPECT_EQ(repair_text("Größe, façade, naïve"), "Größe, façade, naïve");
}

TEST(PromptClean, FromTheFirstAngleBracketOnReferencesAreLeftToTheSecondStep) {
  EXPECT_EQ(repair_text("&eacute;\n<b>\n&eacute;"), "é\n<b>\n&eacute;");
  EXPECT_EQ(clean_prompt("&eacute; <b> &eacute;"), "é <b> é");
}

TEST(PromptClean, InvalidUtf8IsALostCharacterAndSurrogatesInThreeBytesEachAreJoined) {
  EXPECT_EQ(clean_prompt("a \xFF\xFE cat"), "a \uFFFD\uFFFD cat");
  EXPECT_EQ(clean_prompt("a \xE6\xBC cat"), "a \uFFFD cat");
  EXPECT_EQ(clean_prompt("\xED\xA0\xBD\xED\xB8\x80"), "😀");
  EXPECT_EQ(clean_prompt("\xED\xA0\xBD!"), "\uFFFD!");
}

TEST(Html, NumericReferencesAreReadAsBrowsersDo) {
  EXPECT_EQ(unescape_references(U"&#65;&#x42;&#67"), U"ABC");
  EXPECT_EQ(unescape_references(U"&#128;&#150;"), U"€–");
  EXPECT_EQ(unescape_references(U"&#0;&#xD800;&#99999999999;"), U"\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(unescape_references(U"a&#1;b&#xFFFE;c"), U"abc");
}

TEST(Html, EveryNameCountsAndOfThoseWithoutSemicolonTheLongest) {
  EXPECT_EQ(unescape_references(U"&CounterClockwiseContourIntegral;"), U"∳");
  EXPECT_EQ(unescape_references(U"&NotEqualTilde;"), U"\u2242\u0338");
  EXPECT_EQ(unescape_references(U"&notit; &notin; &ampx &am"), U"¬it; ∉ &x &am");
}

TEST(Html, TheCarefulFormTakesOnlyWhatHasItsSemicolon) {
  EXPECT_EQ(unescape_ended_references(U"this&not that &EACUTE; &eacute; &#233; &#233x;"),
            U"this&not that É é é &#233x;");
  EXPECT_EQ(unescape_ended_references(U"&#59; &CounterClockwiseContourIntegral;"),
            U"&#59; &CounterClockwiseContourIntegral;");
}

double seconds_of(const std::string& prompt) {
  const std::clock_t start = std::clock();
  EXPECT_FALSE(clean_prompt(prompt).empty());
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

std::string repeated(const std::string& text, size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += text;
  return out;
}

// Each has one more layer for every few characters, or was quadratic in a part of the work.
TEST(PromptClean, TakesTimeInProportionToTheLengthWhateverTheText) {
  constexpr size_t kShort = 10'000, kLong = 100'000;
  for (const std::string text : {"a red ball ", "schÃ¶n ", "amp;", "ƒ", "\u0301\u0316", "&a", "\x1B["}) {
    const std::string start = text == "ƒ" ? "Ã" : text == "amp;" ? "&" : "x";
    double shorter = 1e9, longer = 1e9;
    for (int i = 0; i < 2; ++i) {
      shorter = std::min(shorter, seconds_of(start + repeated(text, kShort)));
      longer = std::min(longer, seconds_of(start + repeated(text, kLong)));
    }
    // Ten times the text: a quadratic part would take a hundred times as long.
    EXPECT_LE(longer, 40 * shorter + 0.01) << text;
  }
}

}  // namespace
}  // namespace wan::tokenizer
