#pragma once
// What a file is, by its first bytes. Only a listed image format is ever handed to a decoder, and only to its
// own: nothing guesses, nothing follows a playlist or a link.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace wan::media {

enum class ImageFormat { kPng, kJpeg, kWebp };

inline constexpr std::string_view kAllowedImages = "allowed: PNG, JPEG or WebP";

// kInvalidArgument that says what the bytes look like: "a playlist; allowed: PNG, JPEG or WebP".
[[nodiscard]] Result<ImageFormat> recognise_image(std::span<const uint8_t> bytes);

}  // namespace wan::media
