#pragma once
// The comparisons of each kind of golden folder: every case of the folder becomes rows. All throw when a file
// is not as the format says (golden.h).

#include "runtime/verify/golden.h"
#include "runtime/verify/row.h"

namespace wan::verify {

[[nodiscard]] Rows verify_ops(const Golden& golden);
[[nodiscard]] Rows verify_text_clean(const Golden& golden);
[[nodiscard]] Rows verify_tokenizer(const Golden& golden);
[[nodiscard]] Rows verify_t5(const Golden& golden);
[[nodiscard]] Rows verify_clip(const Golden& golden);
[[nodiscard]] Rows verify_preprocess(const Golden& golden);
[[nodiscard]] Rows verify_i2v_conditioning(const Golden& golden);
[[nodiscard]] Rows verify_transformer(const Golden& golden);
[[nodiscard]] Rows verify_vae(const Golden& golden);
[[nodiscard]] Rows verify_schedulers(const Golden& golden);
[[nodiscard]] Rows verify_noise(const Golden& golden);
[[nodiscard]] Rows verify_keys(const Golden& golden);
[[nodiscard]] Rows verify_pth(const Golden& golden);
[[nodiscard]] Rows verify_pipeline(const Golden& golden);  // text or image to video: the cases say

}  // namespace wan::verify
