#pragma once
// Where and when: the sinusoid of the timestep and the rotary position embedding, both in double precision as
// in the official code (float is measurably different).

#include <ATen/core/Tensor.h>
#include <array>
#include <cstdint>

namespace wan::model {

// Tokens along frames, rows and columns.
using Grid = std::array<int64_t, 3>;

// [1, dim] float: dim/2 cosines, then dim/2 sines.
[[nodiscard]] at::Tensor timestep_sinusoid(double timestep, int64_t dim);

// [frames * rows * columns, head_dim / 2] complex float (of angles taken in double): the pairs of a head are
// shared out to the three axes, two thirds of a sixth each to rows and columns (rounded down), the rest to
// frames.
[[nodiscard]] at::Tensor rotary_table(const Grid& grid, int64_t head_dim);

// Rotates the pairs (2i, 2i+1) of x [tokens, heads, head_dim].
[[nodiscard]] at::Tensor apply_rotary(const at::Tensor& x, const at::Tensor& table);

}  // namespace wan::model
