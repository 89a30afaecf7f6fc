#pragma once
// Ours against golden, one row each.

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/verify/row.h"

namespace wan::verify {

// |ours - golden| / |golden| over all elements, in double. Of a golden that is all zero 0 if ours is, else
// infinity. REQUIRES equal shapes.
[[nodiscard]] double relative_l2(const at::Tensor& ours, const at::Tensor& golden);
[[nodiscard]] double max_difference(const at::Tensor& ours, const at::Tensor& golden);

// Each passes only if the shapes are equal and every value of ours is a number.
[[nodiscard]] Row within_relative(std::string name, const at::Tensor& ours, const at::Tensor& golden,
                                  double limit);
[[nodiscard]] Row within_absolute(std::string name, const at::Tensor& ours, const at::Tensor& golden,
                                  double limit);
[[nodiscard]] Row exact(std::string name, const at::Tensor& ours, const at::Tensor& golden);

// Ours in bf16 against the fp32 golden, beside `official`, the error of the official bf16 run there: up to
// half as much again for one tensor.
[[nodiscard]] Row within_official_bf16(std::string name, const at::Tensor& ours, const at::Tensor& golden,
                                       double official);
// The geometric mean of a folder's bf16 rows, in units of the official error: at most 1.1. Nothing without
// such rows.
void append_bf16_mean(Rows& rows);

// Bytes of frames: off by one at most, in at most one of a thousand values.
[[nodiscard]] Row nearly_equal_bytes(std::string name, const at::Tensor& ours, const at::Tensor& golden);

[[nodiscard]] Row same_ids(std::string name, const std::vector<int64_t>& ours,
                           const std::vector<int64_t>& golden);
[[nodiscard]] Row same_text(std::string name, const std::string& ours, const std::string& golden);

// Nothing to compare: `note` says why it failed, or what passed.
[[nodiscard]] Row statement(std::string name, bool pass, std::string note);

}  // namespace wan::verify
