#include "runtime/weights/pth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/support/paths.h"
#include "tests/unit/runtime/weights/pth_bytes.h"
#include "tests/unit/runtime/weights/safetensors_bytes.h"

namespace wan::weights {
namespace {

using pickled::View;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::filesystem::path golden(const std::string& name) {
  return testing::source_dir() / "tests/golden/data" / name;
}

std::string error_of(const std::string& file) {
  const auto tensors = parse_pth(as_bytes(file));
  if (tensors) return "no error";
  EXPECT_EQ(tensors.error().code, ErrorCode::kCorrupt);
  return tensors.error().message;
}

std::string error_of_golden(const std::string& name) {
  const auto tensors = open_pth(golden("pth/" + name));
  return tensors ? "no error" : tensors.error().message;
}

// One tensor "w" over a storage of six floats.
std::string one_tensor(const View& view, const std::string& storage = "0123456789abcdefghijklmn") {
  return pth_bytes(pickled::begin_dict() + pickled::text("w") + pickled::tensor(view) + pickled::end_dict(),
                   storage);
}

TEST(Pth, ReadsTheTypesShapesAndViewsOfAFileOfTorch) {
  const auto tensors = open_pth(golden("pth/good.pth"));
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
  EXPECT_EQ(tensors->size(), 14u);
  EXPECT_EQ(tensors->at("transposed_view").strides, (std::vector<int64_t>{1, 8}));
  EXPECT_EQ(tensors->at("transposed_view").shape, (std::vector<int64_t>{8, 6}));
  EXPECT_TRUE(tensors->at("plain").strides.empty());
  EXPECT_EQ(tensors->at("plain").bytes.data(), tensors->at("transposed_view").bytes.data());
  EXPECT_TRUE(tensors->at("scalar").shape.empty());
  EXPECT_EQ(tensors->at("scalar").bytes.size(), 4u);
  EXPECT_TRUE(tensors->at("empty").bytes.empty());
  EXPECT_EQ(tensors->at("bf16").dtype, DType::kBF16);
}

TEST(Pth, RefusesWhatIsNoArchiveOfTensorsAndSaysWhy) {
  EXPECT_THAT(error_of_golden("evil.pth"), AllOf(HasSubstr("posix.system"), HasSubstr("was not run")));
  EXPECT_THAT(error_of_golden("nested.pth"), AllOf(HasSubstr("'state_dict'"), HasSubstr("flat dict")));
  EXPECT_THAT(error_of_golden("legacy_nonzip.pth"), HasSubstr("before 1.6"));
  EXPECT_THAT(error_of_golden("truncated.pth"), HasSubstr("cut short"));
  EXPECT_THAT(error_of_golden("not_a_zip.pth"), HasSubstr("not a readable zip archive"));
  EXPECT_FALSE(std::filesystem::exists("/tmp/should_not_exist"));
}

TEST(Pth, ReadsAParameterAsItsTensor) {
  const auto tensors = open_pth(golden("pth/parameter.pth"));
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
  EXPECT_EQ(tensors->at("w").shape, (std::vector<int64_t>{6, 8}));
}

TEST(Pth, PassesOverTheMetadataOfAStateDict) {
  const std::string metadata = "}" + pickled::text("_metadata") +
                               pickled::global("collections", "OrderedDict") + ")R" + pickled::text("") +
                               "}" + pickled::text("version") + "K\x01" + "s" + "s" + "s" + "b.";
  const std::string file =
      pth_bytes(pickled::begin_dict() + pickled::text("w") +
                    pickled::tensor({.elements = 1, .shape = {1}, .strides = {1}}) + "u" + metadata,
                "1234");
  const auto tensors = parse_pth(as_bytes(file));
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
  EXPECT_EQ(tensors->at("w").bytes.size(), 4u);
}

TEST(Pth, NamesTheOpcodeItDoesNotRun) {
  EXPECT_THAT(error_of(pth_bytes("\x80\x02]q.", "")), HasSubstr("the opcode EMPTY_LIST"));
  EXPECT_THAT(error_of(pth_bytes("\x80\x02\x93.", "")), HasSubstr("the opcode STACK_GLOBAL"));
  EXPECT_THAT(error_of(pth_bytes("\x80\x02\xff.", "")), HasSubstr("the opcode 0xff"));
  EXPECT_THAT(error_of(pth_bytes("\x80\x04}.", "")), HasSubstr("protocol 4; supported: 2"));
}

TEST(Pth, RefusesMalformedPickles) {
  for (const char* body :
       {"", "}", "t.", "u.", "s.", "R.", "Q.", "b.", "0.", "h\x01.", "q\x01.", "}}.", "(.", "K.",
        "}K\x01K\x02s}", "X\xff\xff\xff\xff.", "(K\x01u.", "\x86.", "ctorch\nFloatStorage\n)R."}) {
    EXPECT_NE(error_of(pth_bytes(std::string("\x80\x02") + body, "")), "no error") << body;
  }
}

TEST(Pth, DeepNestingEndsInAnErrorNotInAnOverflow) {
  EXPECT_THAT(error_of(pth_bytes("\x80\x02)" + std::string(900'000, '\x85') + ".", "")),
              HasSubstr("not a dict of tensors"));
  EXPECT_THAT(error_of(pth_bytes("\x80\x02" + std::string(1'100'000, '}') + ".", "")),
              HasSubstr("1048576 values"));
}

TEST(Pth, RefusesViewsThatLeaveTheirStorage) {
  constexpr int64_t kHuge = int64_t{1} << 62;
  const auto refused = HasSubstr("reaches past its storage");
  EXPECT_EQ(error_of(one_tensor({.elements = 6, .shape = {2, 3}, .strides = {3, 1}})), "no error");
  EXPECT_THAT(error_of(one_tensor({.elements = 6, .offset = 1, .shape = {2, 3}, .strides = {3, 1}})),
              refused);
  EXPECT_THAT(error_of(one_tensor({.elements = 6, .offset = kHuge, .shape = {1}, .strides = {1}})), refused);
  EXPECT_THAT(error_of(one_tensor({.elements = 6, .shape = {2, 2}, .strides = {kHuge, kHuge}})), refused);
  EXPECT_THAT(error_of(one_tensor({.elements = 6, .shape = {kHuge, kHuge}, .strides = {0, 0}})), refused);
  EXPECT_THAT(error_of(one_tensor({.elements = 6, .shape = {7}, .strides = {0}})), refused);
  EXPECT_THAT(error_of(one_tensor({.elements = 6, .offset = -1, .shape = {1}, .strides = {1}})),
              HasSubstr("negative"));
  EXPECT_THAT(error_of(one_tensor({.elements = 6, .shape = {-1}, .strides = {1}})),
              HasSubstr("whole number"));
  EXPECT_THAT(error_of(one_tensor({.elements = 6, .shape = {1}, .strides = {}})),
              HasSubstr("shape and strides"));
  EXPECT_THAT(error_of(one_tensor({.elements = 7, .shape = {1}, .strides = {1}})),
              HasSubstr("storage '0' has 24 bytes"));
  EXPECT_THAT(error_of(one_tensor({.storage = "1", .elements = 6, .shape = {1}, .strides = {1}})),
              HasSubstr("its storage is not in the archive"));
}

TEST(Pth, RefusesANameThatComesTwice) {
  const std::string tensor =
      pickled::text("w") + pickled::tensor({.elements = 1, .shape = {1}, .strides = {1}});
  EXPECT_THAT(error_of(pth_bytes(pickled::begin_dict() + tensor + tensor + pickled::end_dict(), "1234")),
              HasSubstr("has 'w' twice"));
}

TEST(Pth, RefusesArchivesThatAreCompressedEncryptedOrAmbiguous) {
  const auto with = [](ZipOptions options) {
    ZipBuilder zip(options);
    zip.add("model/data.pkl", "\x80\x02}.");
    return zip.finish().whole();
  };
  EXPECT_EQ(error_of(with({})), "no error");
  EXPECT_THAT(error_of(with({.method = 8})), HasSubstr("compressed"));
  EXPECT_THAT(error_of(with({.flags = 1})), HasSubstr("encrypted"));
  ZipBuilder twice;
  twice.add("model/data.pkl", "\x80\x02}.");
  twice.add("model/data.pkl", "\x80\x02}.");
  EXPECT_THAT(error_of(twice.finish().whole()), HasSubstr("twice"));
  ZipBuilder none;
  none.add("model/other", "");
  EXPECT_THAT(error_of(none.finish().whole()), HasSubstr("no data.pkl"));
}

TEST(Pth, EveryCutOfAFileIsRefused) {
  const std::string file = one_tensor({.elements = 6, .shape = {2, 3}, .strides = {3, 1}});
  for (size_t length = 0; length < file.size(); ++length) {
    EXPECT_FALSE(parse_pth(as_bytes(file.substr(0, length))).has_value()) << length;
  }
}

}  // namespace
}  // namespace wan::weights
