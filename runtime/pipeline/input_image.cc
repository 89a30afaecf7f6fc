#include <memory>
#include <string>
#include <utility>

#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "runtime/media/encoder.h"
#include "runtime/media/image_decoder.h"
#include "runtime/pipeline/generator.h"

namespace wan::pipeline {

Result<std::shared_ptr<const InputImage>> decode_input_image(std::string_view bytes,
                                                             const std::filesystem::path& media_program) {
  WAN_TRY(const auto program, media::find_media_program(media_program));
  auto image = media::decode_image(program, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  if (!image) {
    Error error = image.error();
    // Too many bytes or pixels are a wrong value too, not this machine's lack of memory.
    if (error.code == ErrorCode::kResourceExhausted) error.code = ErrorCode::kInvalidArgument;
    return fail(std::move(error));
  }
  return std::make_shared<const InputImage>(
      InputImage{image->width, image->height, std::move(image->rgb), sha256_digest(bytes)});
}

Result<std::shared_ptr<const InputImage>> read_input_image(const std::filesystem::path& file,
                                                           const std::filesystem::path& media_program) {
  const auto bytes = read_file(file, media::ImageLimits().max_bytes);
  if (!bytes) return fail(bytes.error().with_context("image"));
  auto image = decode_input_image(*bytes, media_program);
  if (!image) return fail(image.error().with_context(file.string()));
  return image;
}

}  // namespace wan::pipeline
