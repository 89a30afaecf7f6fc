// Our own kernels against ATen in double precision, on shapes with every kind of edge.

#include "runtime/device/kernels.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <array>
#include <gtest/gtest.h>

namespace wan::device {
namespace {

double relative_l2(const at::Tensor& ours, const at::Tensor& exact) {
  const at::Tensor difference = ours.to(at::kDouble) - exact;
  return (at::linalg_vector_norm(difference) / at::linalg_vector_norm(exact)).item<double>();
}

Stored stored_as(at::ScalarType type) { return type == at::kBFloat16 ? Stored::kBFloat16 : Stored::kFloat; }

class KernelsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!own_kernels()) GTEST_SKIP() << "this machine class uses ATen's kernels";
  }

  at::Tensor random(at::IntArrayRef shape) { return at::randn(shape, generator_); }
  const float* data(const at::Tensor& t) { return t.const_data_ptr<float>(); }

  at::Generator generator_ = at::detail::createCPUGenerator(7);
};

// `run` with one thread and with three gives the same bytes; those are returned.
template <typename Run>
at::Tensor on_any_threads(const Run& run) {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = run();
  at::set_num_threads(3);
  const at::Tensor three = run();
  at::set_num_threads(before);
  EXPECT_TRUE(one.view(at::kByte).equal(three.view(at::kByte))) << "the bits depend on the number of threads";
  return one;
}

using LinearTest = KernelsTest;

at::Tensor linear_of(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, Stored stored,
                     bool gelu = false, at::ScalarType result = at::kFloat) {
  return on_any_threads([&] {
    at::Tensor y = at::empty({x.size(0), weight.size(0)}, at::TensorOptions(result));
    linear({.rows = x.size(0),
            .in = x.size(1),
            .out = weight.size(0),
            .x = x.const_data_ptr(),
            .x_stored = stored_as(x.scalar_type()),
            .x_stride = x.stride(0),
            .weight = weight.const_data_ptr(),
            .stored = stored,
            .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
            .gelu = gelu,
            .y = y.mutable_data_ptr(),
            .y_stored = stored_as(result),
            .y_stride = weight.size(0)});
    return y;
  });
}

TEST_F(LinearTest, EqualsTheProductForEveryEdgeOfItsBlocks) {
  // The last is more than what is laid out in tiles at a time.
  const int64_t shapes[][3] = {{1, 1, 1},    {4, 20, 7},      {6, 256, 16},    {7, 257, 17},
                               {97, 300, 3}, {200, 512, 130}, {31, 80, 128},   {1600, 40, 24},
                               {1, 515, 64}, {11, 777, 80},   {389, 515, 513}, {2051, 8200, 512}};
  for (const auto& [rows, in, out] : shapes) {
    const at::Tensor x = random({rows, in}), weight = random({out, in}), bias = random({out});
    const at::Tensor exact = at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
    EXPECT_LE(relative_l2(linear_of(x, weight, bias, Stored::kFloat), exact), 5e-7)
        << rows << " x " << in << " x " << out;
  }
}

TEST_F(LinearTest, WidensHalfSizedWeightsExactly) {
  const at::Tensor x = random({13, 100}), weight = random({50, 100});
  for (const auto& [type, stored] :
       {std::pair(at::kBFloat16, Stored::kBFloat16), std::pair(at::kHalf, Stored::kHalf)}) {
    const at::Tensor narrow = weight.to(type);
    EXPECT_TRUE(
        linear_of(x, narrow, {}, stored).equal(linear_of(x, narrow.to(at::kFloat), {}, Stored::kFloat)));
  }
}

TEST_F(LinearTest, GeluIsExactFromTailToTail) {
  at::Tensor x = random({64, 1}).mul_(8);
  x[0][0] = -200, x[1][0] = 200, x[2][0] = 0, x[3][0] = 1e-6;
  const at::Tensor one = at::randn({1, 1}).fill_(1);
  const at::Tensor exact = at::gelu(x.to(at::kDouble), "tanh");
  const at::Tensor ours = linear_of(x, one, {}, Stored::kFloat, /*gelu=*/true);
  EXPECT_LE(at::abs(ours.to(at::kDouble) - exact).max().item<double>(), 2e-6);
  EXPECT_LE(relative_l2(ours, exact), 2e-7);
}

TEST_F(LinearTest, AddsToTheResidualInPlaceThroughTheGate) {
  const at::Tensor x = random({150, 40}), weight = random({70, 40}), bias = random({70});
  const at::Tensor gate = random({70}), residual = random({150, 70});
  const at::Tensor product = at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
  const at::Tensor exact = residual.to(at::kDouble) + product * gate.to(at::kDouble);
  at::Tensor y = residual.clone();
  linear({.rows = 150,
          .in = 40,
          .out = 70,
          .x = data(x),
          .x_stride = 40,
          .weight = data(weight),
          .bias = data(bias),
          .residual = data(y),
          .residual_stride = 70,
          .gate = data(gate),
          .y = y.mutable_data_ptr<float>(),
          .y_stride = 70});
  EXPECT_LE(relative_l2(y, exact), 5e-7);
}

// Rows in tiles hold what the same rows hold one behind the other: what a product makes of them has the same
// bits.
class TilesTest : public KernelsTest {
 protected:
  at::Tensor memory(RowLayout layout, int64_t rows, int64_t dim) {
    return layout == RowLayout::kTiles ? at::empty({tiled_size(rows, dim)}) : at::empty({rows, dim});
  }

  // x w^T of rows that lie so, [rows, w's rows].
  at::Tensor product(const at::Tensor& x, RowLayout layout, int64_t rows, const at::Tensor& w) {
    at::Tensor y = at::empty({rows, w.size(0)});
    multiply(x, layout, rows, w, /*gelu=*/false, y, RowLayout::kRows);
    return y;
  }

  void multiply(const at::Tensor& x, RowLayout layout, int64_t rows, const at::Tensor& w, bool gelu,
                const at::Tensor& y, RowLayout y_layout) {
    linear({.rows = rows,
            .in = w.size(1),
            .out = w.size(0),
            .x = x.const_data_ptr(),
            .x_layout = layout,
            .x_stride = w.size(1),
            .weight = w.const_data_ptr(),
            .bias = data(w),
            .gelu = gelu,
            .y = y.mutable_data_ptr(),
            .y_layout = y_layout,
            .y_stride = w.size(0)});
  }

  // `fill(memory, layout)` of [rows, dim], once in either layout, and a product of each.
  template <typename Fill>
  void expect_same_products(int64_t rows, int64_t dim, const Fill& fill) {
    const at::Tensor w = random({70, dim});
    const auto product_of = [&](RowLayout layout) {
      return on_any_threads([&] {
        const at::Tensor x = memory(layout, rows, dim);
        fill(x, layout);
        return product(x, layout, rows, w);
      });
    };
    EXPECT_TRUE(product_of(RowLayout::kRows).equal(product_of(RowLayout::kTiles)))
        << rows << " rows of " << dim;
  }
};

constexpr int64_t kTiledShapes[][2] = {{1, 8},   {6, 256},  {7, 264},  {12, 40},  {23, 516},
                                       {29, 13}, {97, 700}, {200, 96}, {403, 512}};

TEST_F(TilesTest, OfANorm) {
  for (const auto& [rows, dim] : kTiledShapes) {
    const at::Tensor x = random({rows, dim}), weight = random({dim}), bias = random({dim});
    expect_same_products(rows, dim, [&](const at::Tensor& out, RowLayout layout) {
      layer_norm({.rows = rows,
                  .dim = dim,
                  .x = data(x),
                  .eps = 1e-6,
                  .weight = data(weight),
                  .bias = data(bias),
                  .out = out.mutable_data_ptr<float>(),
                  .out_layout = layout});
    });
  }
}

TEST_F(TilesTest, OfAProduct) {
  for (const auto& [rows, dim] : kTiledShapes) {
    const at::Tensor x = random({rows, 50}), w = random({dim, 50});
    expect_same_products(rows, dim, [&](const at::Tensor& out, RowLayout layout) {
      multiply(x, RowLayout::kRows, rows, w, /*gelu=*/true, out, layout);
    });
  }
}

TEST_F(TilesTest, OfAttention) {
  const std::array<int64_t, 3> shapes[] = {{3, 8, 5}, {2, 128, 100}, {5, 104, 193}};
  for (const auto& [heads, head_dim, rows] : shapes) {
    const int64_t dim = heads * head_dim;
    const at::Tensor q = random({rows, dim}), k = random({40, dim}), add = random({rows, dim});
    for (const float* added : {static_cast<const float*>(nullptr), data(add)}) {
      expect_same_products(rows, dim, [&](const at::Tensor& out, RowLayout layout) {
        attention({.heads = heads,
                   .head_dim = head_dim,
                   .queries = rows,
                   .keys = 40,
                   .q = data(q),
                   .q_stride = dim,
                   .k = data(k),
                   .k_stride = dim,
                   .v = data(k),
                   .v_stride = dim,
                   .add = added,
                   .add_stride = dim,
                   .out = out.mutable_data_ptr<float>(),
                   .out_layout = layout,
                   .out_stride = dim});
      });
    }
  }
}

class Bf16Test : public KernelsTest {
 protected:
  void SetUp() override {
    if (!kernel_set().bf16()) GTEST_SKIP() << "this machine class does not multiply in bf16 by our kernels";
  }
};

TEST_F(Bf16Test, LinearIsTheProductOfTheRoundedFactors) {
  const int64_t shapes[][3] = {{1, 2, 1},    {4, 20, 7},       {12, 512, 32}, {13, 514, 33},
                               {97, 30, 3},  {200, 1026, 130}, {31, 80, 128}, {1600, 40, 24},
                               {16, 32, 16}, {49, 1568, 272},  {530, 64, 48}};
  for (const auto& [rows, in, out] : shapes) {
    const at::Tensor x = random({rows, in}).to(at::kBFloat16), weight = random({out, in}).to(at::kBFloat16);
    const at::Tensor bias = random({out});
    const at::Tensor exact = at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
    const at::Tensor ours = linear_of(x, weight, bias, Stored::kBFloat16);
    EXPECT_LE(relative_l2(ours, exact), 1e-6) << rows << " x " << in << " x " << out;
    const at::Tensor rounded = linear_of(x, weight, bias, Stored::kBFloat16, false, at::kBFloat16);
    EXPECT_TRUE(rounded.equal(ours.to(at::kBFloat16))) << rows << " x " << in << " x " << out;
  }
}

TEST_F(Bf16Test, LinearKeepsWhatIsNoNumber) {
  const at::Tensor x = random({5, 8}).to(at::kBFloat16), weight = random({3, 8}).to(at::kBFloat16);
  x[2][3] = NAN, x[4][0] = INFINITY;
  const at::Tensor y = linear_of(x, weight, {}, Stored::kBFloat16, false, at::kBFloat16);
  EXPECT_TRUE(y[2].isnan().all().item<bool>());
  EXPECT_FALSE(y[4].isfinite().any().item<bool>());
  EXPECT_TRUE(y[0].isfinite().all().item<bool>());
}

// `run(result, how it is stored)` in fp32, rounded, is what it writes in bf16.
template <typename Run>
void expect_rounded(at::IntArrayRef shape, const Run& run) {
  at::Tensor wide = at::empty(shape), narrow = at::empty(shape, at::TensorOptions(at::kBFloat16));
  run(wide.mutable_data_ptr(), Stored::kFloat);
  run(narrow.mutable_data_ptr(), Stored::kBFloat16);
  EXPECT_TRUE(narrow.equal(wide.to(at::kBFloat16))) << shape;
}

TEST_F(Bf16Test, NormsAndAttentionRoundWhatTheyWriteInBf16) {
  for (const int64_t dim : {1536, 132, 20}) {
    const at::Tensor x = random({37, dim}), weight = random({dim}), turns = random({37, dim / 2});
    expect_rounded({37, dim}, [&](void* out, Stored stored) {
      layer_norm({.rows = 37, .dim = dim, .x = data(x), .eps = 1e-6, .out = out, .out_stored = stored});
    });
    expect_rounded({37, dim}, [&](void* out, Stored stored) {
      rms_norm_rotate({.rows = 37,
                       .dim = dim,
                       .head_dim = dim / 2,
                       .x = data(x),
                       .weight = data(weight),
                       .eps = 1e-6,
                       .rotary = data(turns),
                       .out = out,
                       .out_stored = stored});
    });
    const at::Tensor q = x.to(at::kBFloat16);
    expect_rounded({37, dim}, [&](void* out, Stored stored) {
      attention({.heads = 2,
                 .head_dim = dim / 2,
                 .queries = 37,
                 .keys = 37,
                 .stored = Stored::kBFloat16,
                 .q = q.const_data_ptr(),
                 .q_stride = dim,
                 .k = q.const_data_ptr(),
                 .k_stride = dim,
                 .v = q.const_data_ptr(),
                 .v_stride = dim,
                 .add = data(x),
                 .add_stride = dim,
                 .out = out,
                 .out_stored = stored,
                 .out_stride = dim});
    });
  }
}

using NormTest = KernelsTest;

TEST_F(NormTest, LayerNormWithAndWithoutModulation) {
  for (const int64_t dim : {1536, 20, 13}) {
    const at::Tensor x = random({37, dim}).add_(3), weight = random({dim}), bias = random({dim});
    for (const bool one_plus : {false, true}) {
      const at::Tensor factor = weight.to(at::kDouble) + (one_plus ? 1 : 0);
      const at::Tensor exact = at::layer_norm(x.to(at::kDouble), dim, factor, bias.to(at::kDouble), 1e-6);
      const at::Tensor ours = on_any_threads([&] {
        at::Tensor out = at::empty({37, dim});
        layer_norm({.rows = 37,
                    .dim = dim,
                    .x = data(x),
                    .eps = 1e-6,
                    .weight = data(weight),
                    .bias = data(bias),
                    .one_plus = one_plus,
                    .out = out.mutable_data_ptr<float>()});
        return out;
      });
      EXPECT_LE(relative_l2(ours, exact), 1e-6) << dim;
    }
  }
}

TEST_F(NormTest, RmsNormTurnsEachHead) {
  constexpr int64_t kRows = 37, kHeads = 3;
  for (const int64_t head_dim : {128, 20, 6}) {
    const int64_t dim = kHeads * head_dim;
    const at::Tensor x = random({kRows, dim}), weight = random({dim}), rotary = random({kRows, head_dim});
    const at::Tensor exact_x = x.to(at::kDouble);
    const at::Tensor mean = (exact_x * exact_x).mean(-1, true);
    const at::Tensor normed = exact_x / (mean + 1e-6).sqrt() * weight.to(at::kDouble);
    const at::Tensor pairs = at::view_as_complex(normed.view({kRows, kHeads, head_dim / 2, 2}));
    const at::Tensor turns = at::view_as_complex(rotary.to(at::kDouble).view({kRows, 1, head_dim / 2, 2}));
    const at::Tensor exact = at::view_as_real(pairs * turns).reshape({kRows, dim});
    const at::Tensor ours = on_any_threads([&] {
      at::Tensor out = x.clone();
      rms_norm_rotate({.rows = kRows,
                       .dim = dim,
                       .head_dim = head_dim,
                       .x = data(out),
                       .weight = data(weight),
                       .eps = 1e-6,
                       .rotary = data(rotary),
                       .out = out.mutable_data_ptr<float>()});
      return out;
    });
    EXPECT_LE(relative_l2(ours, exact), 5e-7) << head_dim;
  }
}

using AttentionTest = KernelsTest;

struct Attended {
  at::Tensor ours, exact;
};

// `type`: what q, k and v are stored in; `exact` is of the same rounded values.
Attended attend(at::Generator generator, const std::array<int64_t, 4>& shape, at::ScalarType type) {
  const auto& [heads, head_dim, queries, keys] = shape;
  const int64_t dim = heads * head_dim;
  const auto random = [&](at::IntArrayRef sizes) { return at::randn(sizes, generator); };
  const at::Tensor q = random({queries, dim}).to(type), k = random({keys, dim}).to(type);
  const at::Tensor v = random({keys, dim}).to(type);
  const at::Tensor bias = random({keys}).mul_(4), before = random({queries, dim});
  const auto split = [&](const at::Tensor& x) {
    return x.to(at::kDouble).view({x.size(0), heads, head_dim}).transpose(0, 1);
  };
  const double scale = 3 / std::sqrt(static_cast<double>(head_dim));
  const at::Tensor scores = at::matmul(split(q), split(k).transpose(1, 2)) * scale + bias.to(at::kDouble);
  const at::Tensor attended =
      at::matmul(at::softmax(scores, -1), split(v)).transpose(0, 1).reshape({queries, dim});
  const at::Tensor ours = on_any_threads([&] {
    at::Tensor out = at::empty_like(before);
    attention({.heads = heads,
               .head_dim = head_dim,
               .queries = queries,
               .keys = keys,
               .stored = stored_as(type),
               .q = q.const_data_ptr(),
               .q_stride = dim,
               .k = k.const_data_ptr(),
               .k_stride = dim,
               .v = v.const_data_ptr(),
               .v_stride = dim,
               .scale = static_cast<float>(scale),
               .bias = bias.const_data_ptr<float>(),
               .add = before.const_data_ptr<float>(),
               .add_stride = dim,
               .out = out.mutable_data_ptr<float>(),
               .out_stride = dim});
    return out;
  });
  return {ours, attended + before.to(at::kDouble)};
}

const std::array<int64_t, 4> kAttentionShapes[] = {
    {2, 20, 5, 1}, {3, 128, 100, 257}, {1, 384, 97, 64}, {5, 32, 193, 600}};

TEST_F(AttentionTest, EqualsTheSoftmaxForEveryEdgeOfItsBlocks) {
  for (const auto& shape : kAttentionShapes) {
    const auto [ours, exact] = attend(generator_, shape, at::kFloat);
    EXPECT_LE(relative_l2(ours, exact), 1e-6) << shape[0] << " heads of " << shape[1];
  }
}

// A weight rounded to 8 bits is off by up to 2^-9 of itself, at random.
TEST_F(Bf16Test, AttentionIsOffByTheRoundingOfItsWeights) {
  for (const auto& shape : kAttentionShapes) {
    const auto [ours, exact] = attend(generator_, shape, at::kBFloat16);
    EXPECT_LE(relative_l2(ours, exact), 2e-3) << shape[0] << " heads of " << shape[1];
  }
}

using PicturesTest = KernelsTest;

struct Convolved {
  int64_t frames, height, width, in, out, times, rows, columns, time_step, step;
};

TEST_F(PicturesTest, ConvolutionEqualsTheExactOne) {
  const Convolved cases[] = {{1, 3, 4, 5, 3, 1, 3, 3, 1, 1},     {3, 9, 13, 16, 40, 3, 3, 3, 1, 1},
                             {2, 8, 8, 100, 130, 3, 3, 3, 1, 1}, {4, 6, 7, 32, 16, 3, 1, 1, 2, 1},
                             {2, 5, 9, 24, 24, 1, 3, 3, 1, 2},   {1, 40, 50, 8, 8, 3, 3, 3, 1, 1},
                             {2, 5, 7, 40, 36, 3, 3, 3, 1, 1},   {1, 11, 1, 200, 33, 1, 3, 3, 1, 1},
                             {1, 40, 50, 32, 32, 3, 3, 3, 1, 1}, {2, 4, 6, 36, 48, 3, 3, 3, 2, 1},
                             {1, 30, 28, 192, 96, 3, 3, 3, 1, 1}};
  for (const Convolved& c : cases) {
    const int64_t frames = (c.frames - 1) * c.time_step + c.times;
    const int64_t height = (c.height - 1) * c.step + c.rows, width = (c.width - 1) * c.step + c.columns;
    const at::Tensor x = random({frames, height, width, c.in});
    const at::Tensor weight = random({c.out, c.in, c.times, c.rows, c.columns}), bias = random({c.out});
    const at::Tensor residual = random({c.frames, c.height, c.width, c.out});
    std::vector<const float*> pictures;
    for (int64_t i = 0; i < frames; ++i) pictures.push_back(data(x[i]));
    const at::Tensor exact =
        at::conv3d(x.to(at::kDouble).permute({3, 0, 1, 2}).unsqueeze(0), weight.to(at::kDouble),
                   bias.to(at::kDouble), {c.time_step, c.step, c.step})
            .squeeze(0)
            .permute({1, 2, 3, 0}) +
        residual.to(at::kDouble);
    const at::Tensor ours = on_any_threads([&] {
      at::Tensor y = at::empty({c.frames, c.height, c.width, c.out});
      convolution({.frames = c.frames,
                   .height = c.height,
                   .width = c.width,
                   .in = c.in,
                   .out = c.out,
                   .times = c.times,
                   .rows = c.rows,
                   .columns = c.columns,
                   .time_step = c.time_step,
                   .step = c.step,
                   .x = pictures.data(),
                   .x_height = height,
                   .x_width = width,
                   .weight = data(weight),
                   .bias = data(bias),
                   .residual = data(residual),
                   .y = y.mutable_data_ptr<float>(),
                   .y_frame = c.height * c.width * c.out,
                   .y_row = c.width * c.out,
                   .y_column = c.out});
      return y;
    });
    ASSERT_EQ(exact.sizes(), ours.sizes());
    EXPECT_LE(relative_l2(ours, exact), 1e-6) << c.in << " to " << c.out << " channels";
  }
}

TEST_F(PicturesTest, ABorderOfZerosAroundNormedPixels) {
  const at::Tensor x = random({2, 3, 4, 21}), gamma = random({21});
  const at::Tensor exact_x = x.to(at::kDouble);
  const at::Tensor length = at::linalg_vector_norm(exact_x, 2, -1, true);
  const at::Tensor normed = at::silu(exact_x / length * std::sqrt(21.0) * gamma.to(at::kDouble));
  const at::Tensor exact = at::constant_pad_nd(normed, {0, 0, 1, 2, 3, 1});
  at::Tensor out = at::empty(exact.sizes());
  with_border({.frames = 2,
               .height = 3,
               .width = 4,
               .channels = 21,
               .above = 3,
               .below = 1,
               .left = 1,
               .right = 2,
               .x = data(x),
               .gamma = data(gamma),
               .silu = true,
               .out = out.mutable_data_ptr<float>()});
  EXPECT_LE(relative_l2(out, exact), 5e-7);
  EXPECT_TRUE(out.eq(0).equal(exact.eq(0)));
}

}  // namespace
}  // namespace wan::device
