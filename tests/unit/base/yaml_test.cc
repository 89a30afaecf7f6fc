#include <gtest/gtest.h>
#include <limits>

#include "base/json/json.h"

namespace wan {
namespace {

std::string complaint(std::string_view text) {
  const Result<Json> parsed = parse_yaml(text);
  return parsed ? "accepted: " + parsed->dump() : parsed.error().message;
}

TEST(Yaml, ReadsAManifest) {
  const Result<Json> parsed = parse_yaml(R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob   # a comment
metadata: {name: red-ball, labels: {"a/b": 'c'}}
spec:
  prompt: >-
    a red ball
    moves
  negativePrompt: |
    blur
  steps: 20
  guidanceScale: 4.5
  list:
  - 1
  - x: y
    z: []
)");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(
      parsed->dump(),
      R"({"apiVersion":"wan.gallery/v1alpha1","kind":"VideoJob","metadata":{"labels":{"a/b":"c"},"name":"red-ball"},)"
      R"("spec":{"guidanceScale":4.5,"list":[1,{"x":"y","z":[]}],"negativePrompt":"blur\n","prompt":"a red ball moves","steps":20}})");
}

TEST(Yaml, FollowsTheCoreSchema) {
  const std::pair<const char*, Json> cases[] = {{"yes", "yes"},
                                                {"no", "no"},
                                                {"on", "on"},
                                                {"off", "off"},
                                                {"y", "y"},
                                                {"N", "N"},
                                                {"Yes", "Yes"},
                                                {"true", true},
                                                {"True", true},
                                                {"FALSE", false},
                                                {"tRue", "tRue"},
                                                {"~", nullptr},
                                                {"null", nullptr},
                                                {"Null", nullptr},
                                                {"nULL", "nULL"},
                                                {"", nullptr},
                                                {"12", 12},
                                                {"-12", -12},
                                                {"+12", 12},
                                                {"012", 12},
                                                {"0o14", 12},
                                                {"0x1F", 31},
                                                {"0b11", "0b11"},
                                                {"1_000", "1_000"},
                                                {"1e3", 1000.0},
                                                {"1E-2", 0.01},
                                                {".5", 0.5},
                                                {"5.", 5.0},
                                                {"-.5e1", -5.0},
                                                {"+1.5", 1.5},
                                                {".", "."},
                                                {"e3", "e3"},
                                                {"1.2.3", "1.2.3"},
                                                {"10:30", "10:30"},
                                                {"2001-01-01", "2001-01-01"},
                                                {"\"12\"", "12"},
                                                {"'12'", "12"},
                                                {"\"true\"", "true"},
                                                {"'null'", "null"},
                                                {"!!str 12", "12"},
                                                {"!!int \"12\"", 12},
                                                {"!!float 12", 12.0},
                                                {"! 12", "12"},
                                                {"18446744073709551615", UINT64_MAX},
                                                {"-9223372036854775808", INT64_MIN},
                                                {"18446744073709551616", 18446744073709551616.0},
                                                {"-", Json(Json::array({nullptr}))}};
  for (const auto& [text, expected] : cases) {
    const Result<Json> parsed = parse_yaml(std::string("v: ") + text);
    if (std::string_view(text) == "-") continue;  // not a scalar in this place
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ((*parsed)["v"], expected) << text;
    EXPECT_EQ((*parsed)["v"].is_number_float(), expected.is_number_float()) << text;
  }
}

TEST(Yaml, KeysAreStringsWhateverTheyLookLike) {
  EXPECT_EQ(complaint("8080: a\ntrue: b\nno: c"), R"(accepted: {"8080":"a","no":"c","true":"b"})");
}

TEST(Yaml, RefusesWithLineAndColumn) {
  EXPECT_EQ(complaint("a: &x 1\nb: *x"),
            "YAML: line 2, column 4: aliases (*name) are not allowed; write the value out");
  EXPECT_EQ(complaint("a: 1\nb: 2\na: 3"),
            "YAML: line 3, column 1: the key \"a\" appears twice in one object");
  EXPECT_EQ(complaint("a: .inf"), "YAML: line 1, column 4: JSON has no number .inf; quote it if it is text");
  EXPECT_NE(complaint("a: !!python/object x").find("unknown"), std::string::npos);
  EXPECT_NE(complaint("a: !!int x").find("does not fit"), std::string::npos);
  EXPECT_NE(complaint("? [a]\n: b").find("a key must be a string"), std::string::npos);
  EXPECT_NE(complaint("~: b").find("a key must be a string"), std::string::npos);
  EXPECT_EQ(complaint("a: [1, 2").substr(0, 11), "YAML: line ");
  EXPECT_EQ(complaint("a: b: c").substr(0, 11), "YAML: line ");
  EXPECT_EQ(complaint("a: \"\x80\""), "YAML: the text is not UTF-8");
  EXPECT_EQ(complaint(std::string_view("a: \0", 4)), "YAML: the text is not UTF-8");
}

TEST(Yaml, EndsAtATokenThatNoDocumentCanBeginWith) {
  for (const char* const text : {"a:\n, b: 1\n", "a: 1\n]\n", "}\n", ",\n", "a: [1]\n, 2\n"}) {
    const Result<std::vector<Json>> documents = parse_yaml_documents(text);
    ASSERT_FALSE(documents) << text;
    EXPECT_EQ(documents.error().message.substr(0, 11), "YAML: line ") << text;
  }
}

TEST(Yaml, LimitsDepthInEveryStyle) {
  EXPECT_NE(complaint(std::string(65, '[') + std::string(65, ']')).find("deeper than the limit"),
            std::string::npos);
  EXPECT_EQ(complaint(std::string(64, '[') + std::string(64, ']')).substr(0, 8), "accepted");
  std::string block;
  for (size_t i = 0; i < 70; ++i) block += std::string(i, ' ') + "a:\n";
  EXPECT_NE(complaint(block).find("deeper than the limit"), std::string::npos);
  std::string dashes;
  for (size_t i = 0; i < 70; ++i) dashes += "- ";
  EXPECT_NE(complaint(dashes + "1").find("deeper than the limit"), std::string::npos);
  EXPECT_FALSE(parse_yaml(std::string(1 << 18, '[')));
}

TEST(Yaml, LimitsSize) {
  const Result<Json> parsed = parse_yaml("a: 12345", {.max_bytes = 7});
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::kResourceExhausted);
}

TEST(Yaml, ReadsAStreamAndDropsEmptyDocuments) {
  const auto documents = parse_yaml_documents("---\n# only a comment\n---\na: 1\n---\n---\nb: 2\n...\n");
  ASSERT_TRUE(documents) << documents.error().message;
  EXPECT_EQ(Json(*documents).dump(), R"([{"a":1},{"b":2}])");
  EXPECT_TRUE(parse_yaml_documents("")->empty());
  EXPECT_EQ(complaint("a: 1\n---\nb: 2"), "YAML: expected one document, found 2");
  EXPECT_EQ(complaint(""), "YAML: expected one document, found 0");
}

TEST(Yaml, WritesBlockStyle) {
  const Json value = {{"kind", "VideoJob"},
                      {"metadata", {{"name", "x"}, {"labels", Json::object()}}},
                      {"list", {1, "a", {{"k", 1}, {"l", {2, 3}}}, Json::array(), {{4}}}},
                      {"text", "two\nlines\n"},
                      {"ratio", 1e-5}};
  EXPECT_EQ(to_yaml(value), R"(kind: VideoJob
list:
- 1
- a
- k: 1
  l:
  - 2
  - 3
- []
- - - 4
metadata:
  labels: {}
  name: x
ratio: 1.0e-05
text: |
  two
  lines
)");
}

TEST(Yaml, QuotesWhatAnOlderReaderWouldMisread) {
  for (const char* text :
       {"yes", "No",   "on",  "OFF",  "y",          "n",  "true", "null", "~",    "12",   "0o14",
        "1e3", "1:20", "=",   "<<",   "2001-01-01", ".5", "-",    "- a",  "a: b", "a #b", "",
        " a",  "a ",   "*a",  "&a",   "!a",         "%a", "@a",   "`a",   "{a",   "[a",   "|",
        ">",   "'a",   "\"a", "0x1F", "1_000",      "#a", "a:",   "?"}) {
    EXPECT_EQ(to_yaml(text).substr(0, 1), "\"") << text;
  }
  for (const char* text :
       {"red-ball", "wan.gallery/v1alpha1", "a red ball, moving", "http://x:80/y", "yesterday"}) {
    EXPECT_EQ(to_yaml(text), std::string(text) + "\n");
  }
}

TEST(Yaml, ReadsBackWhatItWrites) {
  const Json values[] = {
      nullptr,
      true,
      0,
      -5,
      UINT64_MAX,
      0.1,
      1e300,
      -2.5e-8,
      3.0,
      "",
      "x",
      "yes",
      "12",
      "a\nb",
      "a\nb\n",
      "a\n\n\nb\n\n",
      "\na",
      " a\nb",
      "a \nb",
      "tab\tx\ny",
      "nul\x01",
      "\xC3\xA9",
      "\xC2\x85 x",
      "\xE2\x80\xA8",
      "\"q\" \\ 'r'",
      "\xF0\x9F\x98\x80",
      "# no comment",
      "a\r\nb",
      "trailing\n  indented\n",
      "---\na",
      "\n",
      Json::object(),
      Json::array(),
      Json{{"yes", "no"}, {"", " "}, {"a b", {{"c", "d\ne\n"}}}},
      Json::array({Json::array({"x\ny", Json{{"k", "m\nn"}}}), Json{{"a", Json::array({Json::object()})}}})};
  for (const Json& value : values) {
    for (const Json& document : {value, Json{{"v", value}}, Json::array({value})}) {
      const std::string text = to_yaml(document);
      if (document.is_null()) continue;  // an empty document
      const Result<Json> parsed = parse_yaml(text);
      ASSERT_TRUE(parsed) << text << parsed.error().message;
      EXPECT_EQ(*parsed, document) << text;
    }
  }
}

}  // namespace
}  // namespace wan
