#pragma once
// The fields of a VideoJob, from the very resource definition that a cluster gets: what the API server prunes
// or refuses as unknown, a manifest on the command line may not have either.

#include <string_view>

#include "base/json/json.h"

namespace wan::cli {

// The text of crds/wan.gallery_videojobs.yaml.
[[nodiscard]] std::string_view videojob_resource_definition();

// An error for the first member of `document` that the definition does not have; it names the member and its
// neighbours. Types are judged by whoever reads the fields.
[[nodiscard]] Status check_videojob_fields(const Json& document);

}  // namespace wan::cli
