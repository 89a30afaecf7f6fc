#include "runtime/device/kernel_set.h"

#include <string>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace wan::device {

#if defined(__x86_64__)

namespace {

// The tiles' 8 KB of state are switched on for a process that asks (Linux,
// Documentation/arch/x86/xstate.rst).
bool may_use_tiles() {
  constexpr long kArchReqXcompPerm = 0x1023, kTileData = 18;
  return ::syscall(SYS_arch_prctl, kArchReqXcompPerm, kTileData) == 0;
}

// Bits 24 and 22 of leaf 7's EDX (Intel SDM, CPUID).
bool has_amx_bf16() {
  constexpr unsigned kAmxTile = 1u << 24, kAmxBf16 = 1u << 22;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kAmxTile) && (d & kAmxBf16) && may_use_tiles();
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
  cpu.amx_bf16 = cpu.avx512_bf16 && has_amx_bf16();
  return cpu;
}

#else

CpuFeatures cpu_features() { return {}; }

#endif

Result<KernelSet> choose_kernels(std::string_view asked, const CpuFeatures& cpu) {
  struct Choice {
    std::string_view name;
    bool possible;
    const char* lacks;
    KernelSet kernels;
  };
  const Bf16Unit pairs = cpu.avx512_bf16 ? Bf16Unit::kAvx512 : Bf16Unit::kNone;
  const Choice choices[] = {{"amx", cpu.amx_bf16, "AMX", {Registers::kAvx512, Bf16Unit::kAmx}},
                            {"avx512", cpu.avx512, "AVX-512", {Registers::kAvx512, pairs}},
                            {"avx2", cpu.avx2, "AVX2", {Registers::kAvx2}},
                            {"aten", true, "", {}}};
  std::string allowed;
  for (const Choice& choice : choices) {
    if (choice.possible && (asked.empty() || asked == choice.name)) return choice.kernels;
    if (choice.possible) allowed.insert(0, std::string(choice.name) + ", ");
  }
  for (const Choice& choice : choices) {
    if (asked == choice.name)
      return fail(failed_precondition("WAN_KERNELS: '" + std::string(asked) + "' needs " + choice.lacks +
                                      ", which this processor or its system lacks; allowed here: " + allowed +
                                      "or leave it unset"));
  }
  return fail(invalid_argument("WAN_KERNELS: '" + std::string(asked) +
                               "' is not allowed; allowed: aten, avx2, avx512, amx, or leave it unset"));
}

bool is_good_at_bf16(const KernelSet& kernels, const CpuFeatures& cpu) {
  switch (kernels.bf16_unit) {
    case Bf16Unit::kNone: return cpu.amx_bf16;  // which ATen's libraries use
    case Bf16Unit::kAvx512: return cpu.fast_avx512_bf16;
    case Bf16Unit::kAmx: return true;
  }
}

}  // namespace wan::device
