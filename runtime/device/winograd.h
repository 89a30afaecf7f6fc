#pragma once
// 3x3 convolutions with fewer multiplications; part of convolution() in kernels.h.

#include "runtime/device/kernels.h"

namespace wan::device {

// Whether a convolution is one of those, and large enough: by its shape alone.
[[nodiscard]] bool winograd_pays(const ConvolutionArguments& arguments);

// convolution() of such a one.
void winograd(const ConvolutionArguments& arguments);

}  // namespace wan::device
