#pragma once
// Which number format the matrices are multiplied in: what was asked for, or what the machine class is good
// at.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace wan::device {

enum class Precision { kFp32, kBf16 };

[[nodiscard]] const char* to_string(Precision precision);  // "fp32", "bf16"

// What a machine class is good at.
struct MachineClass {
  bool gpu = false;
  bool fast_bf16 = false;  // is_good_at_bf16() of kernel_set.h; on other CPUs bf16 is slower than fp32
};

// `requested`: auto, fp32 or bf16. auto takes bf16 on a GPU and, for models of at least a thousand million
// weights, on a CPU that multiplies it faster than fp32; fp32 everywhere else. kInvalidArgument names the
// allowed values.
[[nodiscard]] Result<Precision> choose_precision(const std::string& requested, const MachineClass& machine,
                                                 int64_t weights);

}  // namespace wan::device
