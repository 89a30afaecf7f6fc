#pragma once
// Which arithmetic a process computes with on a CPU: a function of the machine class and of WAN_KERNELS,
// never of a timing.

#include <string_view>

#include "base/result.h"

namespace wan::device {

struct CpuFeatures {
  bool avx2 = false;         // with FMA and F16C
  bool avx512 = false;       // F, BW, DQ and VL
  bool avx512_bf16 = false;  // dot products of pairs of bf16
  // They do more multiply-adds than fp32 instructions: so it is with AMD. With Intel they do half as many
  // (measured on a processor with AVX-512 FP16 whose AMX is hidden: 164 GFLOP/s on two cores, 357 in fp32).
  bool fast_avx512_bf16 = false;
  bool amx_bf16 = false;  // a matrix unit for bf16, and the system lets this process use it
};

// Of the processor this runs on. Asks the system for the matrix unit, which it gives to the whole process.
[[nodiscard]] CpuFeatures cpu_features();

enum class Registers { kAten, kAvx2, kAvx512 };  // kAten: none of ours

// What of ours multiplies in bf16; each has bits of its own. kAmx multiplies fp32 values of pictures as well,
// split in three bf16 each: as exact, but with other bits.
enum class Bf16Unit { kNone, kAvx512, kAmx };

struct KernelSet {
  // In fp32 both widths of ours give the same bits.
  Registers registers = Registers::kAten;
  Bf16Unit bf16_unit = Bf16Unit::kNone;

  [[nodiscard]] bool bf16() const { return bf16_unit != Bf16Unit::kNone; }

  bool operator==(const KernelSet&) const = default;
};

// `asked`: empty (the best there is), aten, avx2, avx512 or amx, as in WAN_KERNELS. kInvalidArgument names
// the allowed values, kFailedPrecondition what the processor lacks.
[[nodiscard]] Result<KernelSet> choose_kernels(std::string_view asked, const CpuFeatures& cpu);

// With `kernels`, matrices of bf16 take less time than those of fp32.
[[nodiscard]] bool is_good_at_bf16(const KernelSet& kernels, const CpuFeatures& cpu);

}  // namespace wan::device
