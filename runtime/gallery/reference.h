#pragma once
// Where a model is: "local://PATH_TO_LAYOUT[:NAME][@sha256:HEX]".

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wan::gallery {

struct Reference {
  std::filesystem::path layout;
  std::string name;    // "" : the layout's only model, or the one with `digest`
  std::string digest;  // "" : whatever the name stands for now
};

// kInvalidArgument with the text and the form that is wanted.
[[nodiscard]] Result<Reference> parse_reference(std::string_view text);
[[nodiscard]] std::string to_string(const Reference& reference);

}  // namespace wan::gallery
