#include "runtime/device/precision.h"

namespace wan::device {
namespace {

constexpr int64_t kLargeModel = 1'000'000'000;

}  // namespace

const char* to_string(Precision precision) { return precision == Precision::kBf16 ? "bf16" : "fp32"; }

Result<Precision> choose_precision(const std::string& requested, const MachineClass& machine,
                                   int64_t weights) {
  if (requested == "fp32") return Precision::kFp32;
  if (requested == "bf16") return Precision::kBf16;
  if (requested != "auto") {
    return fail(invalid_argument("precision: '" + requested + "' is not allowed; allowed: auto, fp32, bf16"));
  }
  const bool good_at_bf16 = machine.gpu || (machine.fast_bf16 && weights >= kLargeModel);
  return good_at_bf16 ? Precision::kBf16 : Precision::kFp32;
}

}  // namespace wan::device
