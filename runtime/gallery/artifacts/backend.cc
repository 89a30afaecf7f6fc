#include "runtime/gallery/artifacts/backend.h"

namespace wan::gallery {

std::string artifact_content_type(std::string_view path) {
  if (path.ends_with(".mp4")) return "video/mp4";
  if (path.ends_with(".json")) return "application/json";
  if (path.ends_with(".png")) return "image/png";
  return "application/octet-stream";
}

}  // namespace wan::gallery
