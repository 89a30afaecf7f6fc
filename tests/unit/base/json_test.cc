#include "base/json/json.h"

#include <cstring>
#include <gtest/gtest.h>
#include <limits>

namespace wan {
namespace {

std::string complaint(std::string_view text, JsonLimits limits = {}) {
  const Result<Json> parsed = parse_json(text, limits);
  return parsed ? "accepted: " + parsed->dump() : parsed.error().message;
}

TEST(Json, ReadsOneValue) {
  const Result<Json> parsed = parse_json(R"( {"a":[1,-2,3.5,true,null,"x\u00e9"],"b":{}} )");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, (Json{{"a", {1, -2, 3.5, true, nullptr, "x\xC3\xA9"}}, {"b", Json::object()}}));
}

TEST(Json, KeepsTheWholeRangeOf64BitIntegers) {
  EXPECT_EQ(parse_json("18446744073709551615")->get<uint64_t>(), UINT64_MAX);
  EXPECT_EQ(parse_json("-9223372036854775808")->get<int64_t>(), INT64_MIN);
}

TEST(Json, RefusesWhatIsNotOneValue) {
  for (const char* text : {"", " ", "{", "[1,]", "{} {}", "nul", "'a'", "[1] x", "{\"a\":1,}", "01", "1.",
                           "+1", "NaN", "// c\n1", "\"\\ud800\"", "\"\x80\"", "1e999", "\"a\nb\""}) {
    const Result<Json> parsed = parse_json(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument) << text;
  }
}

TEST(Json, RefusesDuplicateKeysAtAnyDepth) {
  EXPECT_EQ(complaint(R"({"a":1,"a":2})"), "JSON: the key \"a\" appears twice in one object");
  EXPECT_EQ(complaint(R"([{"b":{"c":1,"d":2,"c":3}}])"), "JSON: the key \"c\" appears twice in one object");
  EXPECT_EQ(complaint(R"({"a":{"a":{"a":1}}})").substr(0, 8), "accepted");
}

TEST(Json, LeavesOutMembersOfAName) {
  const JsonLimits limits{.without = "x"};
  const auto kept = [&](std::string_view text) { return parse_json(text, limits)->dump(); };
  EXPECT_EQ(kept(R"({"a":1,"x":{"b":[1,{"x":2}],"c":"x"},"d":{"x":3,"e":"x"}})"), R"({"a":1,"d":{"e":"x"}})");
  EXPECT_EQ(kept(R"({"x":"s","a":["x",{"x":[[],{}]}]})"), R"({"a":["x",{}]})");
  EXPECT_EQ(kept(R"({"x":null})"), "{}");
  EXPECT_EQ(complaint(R"({"x":[1,]})", limits).substr(0, 5), "JSON:") << "checked all the same";
  EXPECT_EQ(complaint(R"({"x":)" + std::string(70, '[') + std::string(70, ']') + "}", limits),
            "JSON: nested too deeply");
}

TEST(Json, EnforcesDepthAndSize) {
  const std::string deep = std::string(65, '[') + std::string(65, ']');
  EXPECT_EQ(complaint(deep), "JSON: nested deeper than the limit of 64 levels");
  EXPECT_TRUE(parse_json(deep.substr(1, 128)));
  EXPECT_FALSE(parse_json(std::string(1 << 20, '[')));
  const Result<Json> large = parse_json("[1,2,3]", {.max_bytes = 6});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::kResourceExhausted);
}

TEST(Json, AnErrorDoesNotQuoteTheText) {
  EXPECT_EQ(complaint(R"({"token":"hunter2)").find("hunter2"), std::string::npos);
}

TEST(Json, LooksUpWithoutThrowing) {
  const Json value = {{"status", {{"phase", "Ready"}, {"n", 3}, {"big", UINT64_MAX}, {"ok", true}}},
                      {"list", {1}}};
  ASSERT_NE(find(value, {"status", "phase"}), nullptr);
  EXPECT_EQ(find(value, {"status", "phase", "x"}), nullptr);
  EXPECT_EQ(find(value, {"list", "0"}), nullptr);
  EXPECT_EQ(find(value, {}), &value);
  EXPECT_EQ(string_or(value, {"status", "phase"}, "?"), "Ready");
  EXPECT_EQ(string_or(value, {"status", "n"}, "?"), "?");
  EXPECT_EQ(int_or(value, {"status", "n"}, 7), 3);
  EXPECT_EQ(int_or(value, {"status", "big"}, 7), 7);
  EXPECT_EQ(int_or(value, {"status", "phase"}, 7), 7);
  EXPECT_TRUE(bool_or(value, {"status", "ok"}, false));
  EXPECT_TRUE(bool_or(value, {"status", "n"}, true));
}

std::string canonical(const Json& value) { return canonical_json(value).value_or("error"); }

double from_bits(uint64_t bits) {
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

TEST(CanonicalJson, WritesTheSampleOfRfc8785) {
  const auto sample = parse_json(R"({
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]})");
  ASSERT_TRUE(sample);
  EXPECT_EQ(canonical(*sample),
            R"({"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],)"
            "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST(CanonicalJson, SortsKeysByUtf16CodeUnits) {
  const auto sample =
      parse_json(R"({"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
      "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"})");
  ASSERT_TRUE(sample);
  const std::string text = canonical(*sample);
  size_t last = 0;
  for (const char* value :
       {"Carriage Return", "One", "Control", "Latin Small Letter O", "Euro Sign", "Emoji", "Hebrew"}) {
    const size_t position = text.find(value);
    ASSERT_NE(position, std::string::npos) << value;
    EXPECT_GT(position, last) << value;
    last = position;
  }
}

TEST(CanonicalJson, WritesTheNumbersOfRfc8785AppendixB) {
  const std::pair<uint64_t, const char*> vectors[] = {{0x0000000000000000, "0"},
                                                      {0x8000000000000000, "0"},
                                                      {0x0000000000000001, "5e-324"},
                                                      {0x8000000000000001, "-5e-324"},
                                                      {0x7fefffffffffffff, "1.7976931348623157e+308"},
                                                      {0xffefffffffffffff, "-1.7976931348623157e+308"},
                                                      {0x4340000000000000, "9007199254740992"},
                                                      {0xc340000000000000, "-9007199254740992"},
                                                      {0x4430000000000000, "295147905179352830000"},
                                                      {0x44b52d02c7e14af5, "9.999999999999997e+22"},
                                                      {0x44b52d02c7e14af6, "1e+23"},
                                                      {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
                                                      {0x444b1ae4d6e2ef4e, "999999999999999700000"},
                                                      {0x444b1ae4d6e2ef4f, "999999999999999900000"},
                                                      {0x444b1ae4d6e2ef50, "1e+21"},
                                                      {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
                                                      {0x3eb0c6f7a0b5ed8d, "0.000001"},
                                                      {0x41b3de4355555553, "333333333.3333332"},
                                                      {0x41b3de4355555554, "333333333.33333325"},
                                                      {0x41b3de4355555555, "333333333.3333333"},
                                                      {0x41b3de4355555556, "333333333.3333334"},
                                                      {0x41b3de4355555557, "333333333.33333343"},
                                                      {0xbecbf647612f3696, "-0.0000033333333333333333"},
                                                      {0x43143ff3c1cb0959, "1424953923781206.2"}};
  for (const auto& [bits, text] : vectors) EXPECT_EQ(canonical(from_bits(bits)), text);
}

TEST(CanonicalJson, RefusesWhatJcsCannotExpress) {
  const Json values[] = {std::numeric_limits<double>::quiet_NaN(),
                         std::numeric_limits<double>::infinity(),
                         (int64_t{1} << 53) + 1,
                         -(int64_t{1} << 53) - 1,
                         INT64_MIN,
                         UINT64_MAX,
                         "\xED\xA0\x80",
                         Json{{"\xFF", 1}},
                         Json::binary({1})};
  for (const Json& value : values) {
    const Result<std::string> text = canonical_json(value);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(canonical(int64_t{1} << 53), "9007199254740992");
  EXPECT_EQ(canonical(-(int64_t{1} << 53)), "-9007199254740992");
}

}  // namespace
}  // namespace wan
