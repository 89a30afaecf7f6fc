#include "runtime/device/kernel_set.h"

#include <string>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace wan::device {

#if defined(__x86_64__)

namespace {

// Bits 24 and 22 of leaf 7's EDX (Intel SDM, CPUID). Whether the system lets it be used, ATen asks.
bool has_amx_bf16() {
  constexpr unsigned kAmxTile = 1u << 24, kAmxBf16 = 1u << 22;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kAmxTile) && (d & kAmxBf16);
}

}  // namespace

CpuFeatures cpu_features() {
  CpuFeatures cpu;
  cpu.avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  cpu.avx512 = cpu.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  cpu.avx512_bf16 = cpu.avx512 && __builtin_cpu_supports("avx512bf16");
  cpu.fast_avx512_bf16 = cpu.avx512_bf16 && __builtin_cpu_is("amd");
  cpu.amx_bf16 = has_amx_bf16();
  return cpu;
}

#else

CpuFeatures cpu_features() { return {}; }

#endif

Result<KernelSet> choose_kernels(std::string_view asked, const CpuFeatures& cpu) {
  const auto lacks = [&](const char* what) {
    return fail(failed_precondition("WAN_KERNELS: '" + std::string(asked) + "' needs " + what +
                                    ", which this processor lacks; allowed here: aten" +
                                    (cpu.avx2 ? ", avx2" : "") + ", or leave it unset"));
  };
  const KernelSet wide{Registers::kAvx512, cpu.avx512_bf16 && !cpu.amx_bf16};
  if (asked == "aten") return KernelSet{};
  if (asked == "avx2") return cpu.avx2 ? Result<KernelSet>(KernelSet{Registers::kAvx2}) : lacks("AVX2");
  if (asked == "avx512") return cpu.avx512 ? Result<KernelSet>(wide) : lacks("AVX-512");
  if (!asked.empty()) {
    return fail(invalid_argument("WAN_KERNELS: '" + std::string(asked) +
                                 "' is not allowed; allowed: aten, avx2, avx512, or leave it unset"));
  }
  if (cpu.avx512) return wide;
  return KernelSet{cpu.avx2 ? Registers::kAvx2 : Registers::kAten};
}

bool is_good_at_bf16(const KernelSet& kernels, const CpuFeatures& cpu) {
  return cpu.amx_bf16 || (kernels.bf16 && cpu.fast_avx512_bf16);
}

}  // namespace wan::device
