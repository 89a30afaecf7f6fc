#include "runtime/device/kernels.h"

#include <cstdlib>
#include <string_view>

namespace wan::device {
namespace {

bool machine_wants_them() {
#if defined(__x86_64__)
  const char* asked = std::getenv("WAN_KERNELS");
  if (asked && std::string_view(asked) == "aten") return false;
  // With AVX-512 the libraries' kernels are the wider ones.
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
         !__builtin_cpu_supports("avx512f");
#else
  return false;
#endif
}

}  // namespace

bool own_kernels() {
  static const bool wanted = machine_wants_them();
  return wanted;
}

}  // namespace wan::device
