#include "runtime/weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/runtime/weights/safetensors_bytes.h"

namespace wan::weights {
namespace {

using testing::HasSubstr;

constexpr const char* kTwo = R"({"__metadata__":{"format":"pt"},)"
                             R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                             R"("b":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]}})";

std::string error_of(const std::string& header, const std::string& data) {
  const std::string file = safetensors_bytes(header, data);
  const auto tensors = parse_safetensors(as_bytes(file));
  if (tensors) return "no error";
  EXPECT_EQ(tensors.error().code, ErrorCode::kCorrupt);
  return tensors.error().message;
}

std::string entry(const std::string& shape, const std::string& offsets, const std::string& dtype = "F32") {
  return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

TEST(Safetensors, ReadsNamesTypesShapesAndBytes) {
  const std::string file = safetensors_bytes(kTwo, "12345678abcd");
  const auto tensors = parse_safetensors(as_bytes(file));
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
  ASSERT_EQ(tensors->size(), 2u);
  const StoredTensor& b = tensors->at("b");
  EXPECT_EQ(b.dtype, DType::kBF16);
  EXPECT_EQ(b.shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(b.bytes.data()), b.bytes.size()), "abcd");
}

TEST(Safetensors, ReadsScalarsAndEmptyTensors) {
  const std::string file = safetensors_bytes(R"({"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                                             R"("e":{"dtype":"F32","shape":[0,7],"data_offsets":[4,4]}})",
                                             "1234");
  const auto tensors = parse_safetensors(as_bytes(file));
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
  EXPECT_EQ(tensors->at("s").bytes.size(), 4u);
  EXPECT_TRUE(tensors->at("e").bytes.empty());
}

TEST(Safetensors, RefusesAHeaderLongerThanTheFileOrTheLimit) {
  EXPECT_FALSE(parse_safetensors(as_bytes(std::string("\x05"))).has_value());
  std::string file = safetensors_bytes("{}", "");
  file[0] = 3;
  EXPECT_FALSE(parse_safetensors(as_bytes(file)).has_value());
  file[7] = '\x7f';
  const auto huge = parse_safetensors(as_bytes(file));
  ASSERT_FALSE(huge.has_value());
  EXPECT_THAT(huge.error().message, HasSubstr("the header claims"));
}

TEST(Safetensors, RefusesHeadersThatAreNotAnObjectOfTensors) {
  EXPECT_THAT(error_of("nonsense", ""), HasSubstr("not JSON"));
  EXPECT_THAT(error_of("[]", ""), HasSubstr("not a JSON object"));
  EXPECT_THAT(error_of(R"({"a":7})", ""), HasSubstr("tensor 'a'"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                       R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
                       "1234"),
              HasSubstr("not JSON"));
}

TEST(Safetensors, RefusesOffsetsThatAreOutsideReversedOrDoNotFitTheShape) {
  EXPECT_THAT(error_of(entry("[1]", "[0,8]"), "1234"), HasSubstr("outside the file's 4 bytes"));
  EXPECT_THAT(error_of(entry("[1]", "[4,0]"), "1234"), HasSubstr("outside"));
  EXPECT_THAT(error_of(entry("[1]", "[-4,0]"), "1234"), HasSubstr("outside"));
  EXPECT_THAT(error_of(entry("[2]", "[0,4]"), "1234"), HasSubstr("do not fit"));
  EXPECT_THAT(error_of(entry("[1]", "[0]"), "1234"), HasSubstr("must be [begin, end]"));
}

TEST(Safetensors, RefusesShapesWhoseProductOverflows) {
  EXPECT_THAT(error_of(entry("[4294967296,4294967296,1]", "[0,0]"), ""), HasSubstr("do not fit"));
  EXPECT_THAT(error_of(entry("[18446744073709551615]", "[0,4]"), "1234"), HasSubstr("not a whole number"));
  EXPECT_THAT(error_of(entry("[1,1,1,1,1,1,1,1,1]", "[0,4]"), "1234"), HasSubstr("at most 8"));
}

TEST(Safetensors, RefusesOverlapsHolesAndBytesThatBelongToNobody) {
  const std::string two = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                          R"("b":{"dtype":"U8","shape":[2],"data_offsets":[)";
  EXPECT_THAT(error_of(two + "1,3]}}", "123"), HasSubstr("overlap or leave holes"));
  EXPECT_THAT(error_of(two + "3,5]}}", "12345"), HasSubstr("overlap or leave holes"));
  EXPECT_THAT(error_of(entry("[1]", "[0,4]"), "12345"), HasSubstr("after the last tensor"));
}

TEST(Safetensors, ReadsTypesOfEightBits) {
  for (const auto& [name, dtype] : {std::pair{"F8_E4M3", DType::kF8E4M3}, {"F8_E5M2", DType::kF8E5M2}}) {
    const std::string file = safetensors_bytes(entry("[2,2]", "[0,4]", name), "1234");
    const auto tensors = parse_safetensors(as_bytes(file));
    ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
    EXPECT_EQ(tensors->at("a").dtype, dtype);
  }
}

TEST(Safetensors, NamesTheTypeItCannotRead) {
  EXPECT_THAT(error_of(entry("[4]", "[0,4]", "F4"), "1234"),
              HasSubstr("dtype 'F4' is not supported; supported: F64"));
}

}  // namespace
}  // namespace wan::weights
