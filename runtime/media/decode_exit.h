#pragma once
// Exit codes of `wan-media decode` beyond 0, 1 and 2.

namespace wan::media {

inline constexpr int kImageRefused = 3;   // no image, or a damaged one
inline constexpr int kImageTooLarge = 4;  // over a limit

}  // namespace wan::media
