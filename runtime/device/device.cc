#include "runtime/device/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <array>
#include <cpuid.h>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <torch/headeronly/version.h>

#include "base/environment.h"
#include "runtime/device/cores.h"
#include "runtime/device/kernels.h"

namespace wan::device {

void keep_wait_policy();  // wait_policy.cc

namespace {

constexpr int kMaxThreads = 1024;

// Vendor, family and model: what the matrix libraries choose their kernels and block sizes by.
std::string cpu_model() {
  unsigned max = 0, a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(0, &max, &b, &c, &d)) return "unknown";
  std::array<char, 13> vendor{};
  std::memcpy(vendor.data(), &b, 4);
  std::memcpy(vendor.data() + 4, &d, 4);
  std::memcpy(vendor.data() + 8, &c, 4);
  __get_cpuid(1, &a, &b, &c, &d);
  const unsigned base_family = (a >> 8) & 0xF;
  const unsigned family = base_family == 0xF ? base_family + ((a >> 20) & 0xFF) : base_family;
  const unsigned model = ((a >> 4) & 0xF) | ((a >> 12) & 0xF0);
  return std::string(vendor.data()) + "/" + std::to_string(family) + "/" + std::to_string(model);
}

// Variables that change which kernels the matrix libraries take.
std::string blas_environment() {
  std::string text;
  for (const char* name : {"MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"}) {
    if (const char* value = std::getenv(name)) text += std::string(" ") + name + "=" + value;
  }
  return text;
}

// The hooks of a CUDA build are looked up once, so its library must be there before the first question.
Result<c10::Device> load_cuda() {
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) {
    const char* reason = dlerror();
    return fail(failed_precondition(
        "device cuda: libtorch_cuda.so cannot be loaded (" +
        std::string(reason ? reason : "no reason given") +
        "); install the CUDA libraries of the torch wheel on this machine, or use --device cpu"));
  }
  if (!at::Context::hasCUDA()) {
    return fail(failed_precondition("device cuda: this machine has no usable CUDA device; use --device cpu"));
  }
  return c10::Device(c10::kCUDA, 0);
}

const char* own_kernels_name() {
  switch (kernel_set().bf16_unit) {
    case Bf16Unit::kNone: return kOwnKernels;
    case Bf16Unit::kAvx512: return kOwnBf16Kernels;
    case Bf16Unit::kAmx: return kOwnAmxKernels;
  }
}

Result<c10::Device> choose(const std::string& name) {
  if (name == "cpu") return c10::Device(c10::kCPU);
  if (name == "cuda") return load_cuda();
  if (name != "auto")
    return fail(invalid_argument("device: '" + name + "' is not allowed; allowed: auto, cpu, cuda"));
  std::error_code ignored;
  if (!std::filesystem::exists("/dev/nvidiactl", ignored)) return c10::Device(c10::kCPU);
  const auto cuda = load_cuda();
  return cuda ? *cuda : c10::Device(c10::kCPU);
}

}  // namespace

Result<Device> choose_device(const std::string& name, int threads) {
  if (threads < 0 || threads > kMaxThreads) {
    return fail(invalid_argument("threads: " + std::to_string(threads) +
                                 " is not allowed; it must be from 1 to 1024, or 0 for all usable cores"));
  }
  WAN_TRY_VOID(choose_kernels(environment("WAN_KERNELS"), cpu_features()));
  keep_wait_policy();
  Device device;
  WAN_TRY(device.torch, choose(name));
  device.threads = threads > 0 ? threads : usable_cores();
  at::set_num_threads(device.threads);
  at::globalContext().setAllowTF32CuDNN(false);  // fp32 means fp32
  device.machine = {.gpu = device.torch.is_cuda(),
                    .fast_bf16 = is_good_at_bf16(kernel_set(), cpu_features())};
  device.plan.torch = TORCH_VERSION;
  device.plan.device = device.torch.is_cuda() ? "cuda" : "cpu";
  device.plan.cpu_capability = at::get_cpu_capability();
  device.plan.blas = cpu_model() + blas_environment();
  device.plan.threads = device.threads;
  if (device.torch.is_cuda()) {
    device.plan.convolution = "cudnn";
  } else if (own_kernels()) {
    device.plan.matrices = device.plan.attention = device.plan.convolution = own_kernels_name();
  }
  return device;
}

}  // namespace wan::device
