#include "runtime/weights/checkpoint.h"

#include <ATen/ops/equal.h>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/weights/pth.h"
#include "runtime/weights/state_dict.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/runtime/weights/safetensors_bytes.h"

namespace wan::weights {
namespace {

using ::testing::HasSubstr;

std::string one_float(const std::string& name) {
  return safetensors_bytes(R"({")" + name + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                           std::string("\0\0\x80\x3f", 4));  // 1.0
}

class CheckpointTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& bytes) {
    ASSERT_TRUE(write_file_atomically(folder_.path() / name, bytes).has_value());
  }
  Result<StoredTensors> open() { return open_checkpoint(folder_.path(), "model"); }

  wan::testing::TemporaryFolder folder_;
};

TEST_F(CheckpointTest, ReadsASingleFile) {
  write("model.safetensors", one_float("a"));
  const auto tensors = open();
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
  EXPECT_EQ(to_float_tensor(tensors->at("a")).item<float>(), 1.0F);
}

TEST_F(CheckpointTest, ReadsEveryShardOfAnIndex) {
  write("1.safetensors", one_float("a"));
  write("2.safetensors", one_float("b"));
  write("model.safetensors.index.json", R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})");
  const auto tensors = open();
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
  EXPECT_EQ(tensors->size(), 2u);
}

TEST_F(CheckpointTest, RefusesAnIndexThatDisagreesWithItsShards) {
  write("1.safetensors", one_float("a"));
  write("model.safetensors.index.json", R"({"weight_map":{"b":"1.safetensors"}})");
  EXPECT_THAT(open().error().message, HasSubstr("holds 'a', which the index puts nowhere"));
  write("model.safetensors.index.json", R"({"weight_map":{"a":"1.safetensors","b":"1.safetensors"}})");
  EXPECT_THAT(open().error().message, HasSubstr("'b' is missing"));
}

TEST_F(CheckpointTest, RefusesAShardOutsideTheDirectory) {
  write("model.safetensors.index.json", R"({"weight_map":{"a":"../1.safetensors"}})");
  EXPECT_THAT(open().error().message, HasSubstr("must be a file name beside the index"));
}

TEST_F(CheckpointTest, SaysWhichFilesItLookedFor) {
  EXPECT_THAT(open().error().message,
              HasSubstr("none of model.safetensors, model.safetensors.index.json and model.pth"));
}

TEST_F(CheckpointTest, AStateDictListsAllThatDoesNotFitInOneError) {
  write("model.safetensors", one_float("a"));
  StateDict state(*open());
  EXPECT_FALSE(state.take("missing.weight", {1}).defined());
  EXPECT_FALSE(state.take("a", {2, 3}).defined());
  const auto status = state.finish("transformer");
  ASSERT_FALSE(status.has_value());
  EXPECT_THAT(status.error().message, HasSubstr("missing (1): missing.weight"));
  EXPECT_THAT(status.error().message, HasSubstr("wrong shape (1): a is [1], must be [2, 3]"));
}

TEST_F(CheckpointTest, AStateDictReportsWhatIsLeftOverUnlessIgnored) {
  write("model.safetensors", one_float("encoder.a"));
  StateDict state(*open());
  EXPECT_THAT(state.finish("vae").error().message, HasSubstr("not known to the model (1): encoder.a"));
  state.ignore("encoder.");
  EXPECT_TRUE(state.finish("vae").has_value());
}

TEST_F(CheckpointTest, AScaledRepackIsRefusedWithTheReason) {
  for (const char* scale : {"scaled_fp8", "blocks.0.attn1.to_q.scale_weight", "blocks.0.ffn.weight_scale"}) {
    write("model.safetensors", one_float(scale));
    const Status status = StateDict(*open()).finish("transformer");
    ASSERT_FALSE(status.has_value());
    EXPECT_THAT(status.error().message, HasSubstr("quantised with a scale for each matrix ('" +
                                                  std::string(scale) + "'), which is not supported"));
    EXPECT_THAT(status.error().message, HasSubstr("take the fp16, bf16, fp32 or plain fp8 file"));
  }
}

TEST(StoredTensorTest, ViewsOfAPthFileEqualTheirCopiesBitForBit) {
  const auto folder = wan::testing::source_dir() / "tests/golden/data/pth";
  const auto views = open_pth(folder / "good.pth"), copies = open_safetensors(folder / "good.safetensors");
  ASSERT_TRUE(views.has_value() && copies.has_value());
  ASSERT_EQ(views->size(), copies->size());
  for (const auto& [name, copy] : *copies) {
    const at::Tensor ours = to_tensor(views->at(name)), theirs = to_tensor(copy);
    ASSERT_EQ(ours.scalar_type(), theirs.scalar_type()) << name;
    EXPECT_TRUE(at::equal(ours, theirs)) << name;
    EXPECT_TRUE(at::equal(to_float_tensor(views->at(name)), theirs.to(at::kFloat))) << name;
  }
}

TEST(StoredTensorTest, WidensTypesOfEightBitsExactly) {
  // Sign, four bits of exponent (bias 7), three of fraction: 1.5 and -448. Five and two (bias 15): 1.5,
  // -57344.
  const std::string file = safetensors_bytes(R"({"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},)"
                                             R"("b":{"dtype":"F8_E5M2","shape":[2],"data_offsets":[2,4]}})",
                                             "\x3c\xfe\x3e\xfb");
  const auto tensors = parse_safetensors(as_bytes(file));
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
  const at::Tensor a = to_float_tensor(tensors->at("a")), b = to_float_tensor(tensors->at("b"));
  EXPECT_EQ(a[0].item<float>(), 1.5F);
  EXPECT_EQ(a[1].item<float>(), -448.0F);
  EXPECT_EQ(b[0].item<float>(), 1.5F);
  EXPECT_EQ(b[1].item<float>(), -57344.0F);
}

TEST(StoredTensorTest, OnTheMetaDeviceATensorIsItsShape) {
  StoredTensors tensors;
  tensors["a"] = {.dtype = DType::kBF16, .shape = {1 << 20, 1 << 20}};
  StateDict state(std::move(tensors), c10::kMeta);
  EXPECT_EQ(state.take("a", {1 << 20, 1 << 20}).numel(), int64_t{1} << 40);
  EXPECT_TRUE(state.finish("a").has_value());
}

TEST(StoredTensorTest, WidensHalfTypesExactlyAndCopesWithUnalignedData) {
  // One byte, then bf16 1.5 and fp16 -2 at odd offsets.
  const std::string file = safetensors_bytes(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                             R"("b":{"dtype":"BF16","shape":[1],"data_offsets":[1,3]},)"
                                             R"("c":{"dtype":"F16","shape":[1],"data_offsets":[3,5]},)"
                                             R"("d":{"dtype":"F32","shape":[1],"data_offsets":[5,9]}})",
                                             std::string("\x07\xc0\x3f\x00\xc0\0\0\x80\x3f", 9));
  const auto tensors = parse_safetensors(as_bytes(file));
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message;
  EXPECT_EQ(to_float_tensor(tensors->at("b")).item<float>(), 1.5F);
  EXPECT_EQ(to_float_tensor(tensors->at("c")).item<float>(), -2.0F);
  EXPECT_EQ(to_float_tensor(tensors->at("d")).item<float>(), 1.0F);
}

}  // namespace
}  // namespace wan::weights
