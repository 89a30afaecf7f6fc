#pragma once
// The CustomResourceDefinitions, made from the field tables. crds/*.yaml is exactly this text.

#include <string>
#include <vector>

#include "base/json/json.h"

namespace wan::api {

struct Crd {
  std::string file_name;  // "wan.gallery_videojobs.yaml"
  Json object;
  std::string yaml;
};

[[nodiscard]] std::vector<Crd> crds();
// All of them as one YAML stream.
[[nodiscard]] std::string crds_yaml();

}  // namespace wan::api
