#include "runtime/pipeline/inspection.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/pipeline/identify_model.h"
#include "runtime/pipeline/memory_plan.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/runtime/pipeline/published_layouts.h"

namespace wan::pipeline {
namespace {

const testing::Published kSmall = {"T2V_1_3B", "t2v_1.3b", 1536, 8960, 12, 30};

TEST(InspectModel, SaysWhatAPublishedModelIs) {
  const wan::testing::TemporaryFolder folder;
  testing::write_official(kSmall, folder.path());
  const auto model = inspect_model(folder.path(), {{832, 480, 81}}, false, {});
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->layout, "official");
  EXPECT_EQ(model->task, "text-to-video");
  EXPECT_EQ(model->digest, "");
  ASSERT_EQ(model->parts.size(), 3u);
  EXPECT_EQ(model->parts[0].parameters, 5'680'910'336);
  EXPECT_EQ(model->parts[0].dtypes, (std::map<std::string, int64_t>{{"BF16", 5'680'910'336}}));
  EXPECT_EQ(model->parts[1].parameters, 1'418'996'800);
  EXPECT_EQ(model->parts[1].config["text_dim"], 4096);
  EXPECT_EQ(model->parts[2].parameters, 126'892'531);
}

TEST(InspectModel, TheDigestIsTheOneThatAGenerationReports) {
  const auto directory = testing::source_dir() / "runtime/models/wan-tiny";
  int64_t last = -1, all = 0;
  const auto model = inspect_model(directory, {}, true, [&](int64_t done, int64_t total) {
    EXPECT_GE(done, last);
    last = done;
    all = total;
  });
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->digest, identify_model(directory)->digest);
  EXPECT_GT(all, 0);
  EXPECT_EQ(last, all);
}

TEST(InspectModel, JsonHasThePartsAndTheNeedOfEveryPhase) {
  const auto model =
      inspect_model(testing::source_dir() / "runtime/models/wan-tiny", {{96, 96, 17}}, false, {});
  ASSERT_TRUE(model.has_value()) << model.error().message;
  const Json json = to_json(*model);
  EXPECT_EQ(json["parts"].size(), 3u);
  ASSERT_EQ(json["memory"].size(), 2u);
  EXPECT_EQ(json["memory"][0]["size"], "96x96");
  EXPECT_EQ(json["memory"][0]["phases"][1]["phase"], "Denoise");
  const Json& denoise = json["memory"][0]["phases"][1];
  EXPECT_EQ(denoise["weights"], json["parts"][1]["parameters"].get<int64_t>() * 4);
  EXPECT_EQ(denoise["hostBytes"],
            denoise["hostBytesAtLeast"].get<int64_t>() + denoise["weights"].get<int64_t>());
  int64_t most = 0;
  for (const Json& phase : json["memory"][0]["phases"]) {
    most = std::max(most, phase["deviceBytes"].get<int64_t>());
  }
  EXPECT_EQ(json["memory"][0]["deviceBytes"], most);
}

class MemoryPlan : public ::testing::Test {
 protected:
  // Of T2V-1.3B.
  ModelDims dims_{
      .text_encoder = {.vocab_size = 256384,
                       .d_model = 4096,
                       .d_kv = 64,
                       .d_ff = 10240,
                       .num_layers = 24,
                       .num_heads = 64},
      .image_encoder = {},
      .transformer = {.num_attention_heads = 12,
                      .attention_head_dim = 128,
                      .text_dim = 4096,
                      .ffn_dim = 8960,
                      .num_layers = 30},
      .vae = {.base_dim = 96, .dim_mult = {1, 2, 4, 4}, .temperal_downsample = {false, true, true}}};
  MemoryRequest request_{.width = 832, .height = 480, .frames = 81, .bf16 = true};
};

// 1.3B at 480P, 81 frames, is to need 8 GB once the text encoder is gone, whose 11.4 GB may wait in the file.
// Denoising does; decoding needs half a gigabyte more.
TEST_F(MemoryPlan, TheSmallModelNeedsEightGigabytesAndHalfAOneMoreToDecode) {
  const WeightBytes stored_in_bf16 = {.text_encoder = {.mapped = 11'361'820'672},
                                      .image_encoder = {},
                                      .transformer = {.mapped = 2'837'993'600},
                                      .vae = {.mapped = 507'570'124}};
  WeightBytes stored_in_fp32 = stored_in_bf16;
  stored_in_fp32.transformer = {.mapped = 5'675'987'200};
  for (const bool bf16 : {true, false}) {
    request_.bf16 = bf16;
    const auto phases = plan_memory(dims_, bf16 ? stored_in_bf16 : stored_in_fp32, request_);
    ASSERT_EQ(phases.size(), 3u);
    EXPECT_LT(phases[0].host_least, 8'000'000'000) << phases[0].phase;
    EXPECT_LT(phases[1].host_least, 8'000'000'000) << phases[1].phase;
    EXPECT_LT(phases[2].host_least, 8'500'000'000) << phases[2].phase;
    if (bf16) EXPECT_LT(phases[1].host, 8'000'000'000) << phases[1].phase;
  }
}

TEST_F(MemoryPlan, CountsWhatIsLoadedAndNotYetFreed) {
  const WeightBytes weights = {.text_encoder = {.mapped = 100, .own = 10},
                               .image_encoder = {},
                               .transformer = {.mapped = 200, .own = 20},
                               .vae = {.mapped = 300, .own = 30}};
  const auto phases = plan_memory(dims_, weights, request_);
  ASSERT_EQ(phases.size(), 3u);
  const int64_t own[] = {60, 50, 30}, mapped[] = {100, 200, 300}, on_device[] = {660, 550, 330};
  for (size_t i = 0; i < phases.size(); ++i) {
    EXPECT_EQ(phases[i].host_least, kProgramBytes + phases[i].activations + own[i]) << phases[i].phase;
    EXPECT_EQ(phases[i].host, phases[i].host_least + mapped[i]) << phases[i].phase;
    EXPECT_EQ(phases[i].device, phases[i].activations + on_device[i]) << phases[i].phase;
  }
}

// An fp32 file computed in bf16 is narrowed into memory of its own; computed in fp32 it stays where it is.
TEST(InspectModel, WeightsThatTheRunConvertsAreItsOwn) {
  const wan::testing::TemporaryFolder folder;
  testing::write_official(kSmall, folder.path());
  const auto model = inspect_model(folder.path(), {{832, 480, 81}}, false, {});
  ASSERT_TRUE(model.has_value()) << model.error().message;
  const auto mapped = [&](size_t precision, size_t phase) {
    const PhaseMemory& memory = model->memory[precision].phases[phase];
    return memory.host - memory.host_least;
  };
  EXPECT_NEAR(mapped(0, 1), 4.0 * 1'418'996'800, 1e7);  // fp32: transformer
  EXPECT_NEAR(mapped(1, 1), 0, 1e7);                    // bf16
  EXPECT_NEAR(mapped(1, 0), 2.0 * 5'680'910'336, 1e7);  // the text encoder, stored so
}

TEST_F(MemoryPlan, DecodingIsConstantInTheNumberOfFrames) {
  MemoryRequest longer = request_;
  longer.frames = 1025;
  EXPECT_EQ(vae_chunk_activations(dims_.vae, longer), vae_chunk_activations(dims_.vae, request_));
  EXPECT_GT(transformer_activations(dims_.transformer, longer),
            transformer_activations(dims_.transformer, request_));
}

TEST_F(MemoryPlan, ActivationsGrowWithTheSizeAndShrinkWithHalfPrecision) {
  MemoryRequest larger = request_, single = request_;
  larger.width = 1280;
  larger.height = 720;
  single.bf16 = false;
  EXPECT_GT(transformer_activations(dims_.transformer, larger),
            transformer_activations(dims_.transformer, request_));
  EXPECT_GT(transformer_activations(dims_.transformer, single),
            transformer_activations(dims_.transformer, request_));
  EXPECT_GT(vae_chunk_activations(dims_.vae, larger), 2 * vae_chunk_activations(dims_.vae, request_));
}

// 32,760 tokens of 1536 in fp32: the residual alone is 0.2 GB, so no plan may be below it.
TEST_F(MemoryPlan, CountsAtLeastTheResidual) {
  EXPECT_GT(transformer_activations(dims_.transformer, request_), int64_t{32'760} * 1536 * 4);
}

}  // namespace
}  // namespace wan::pipeline
