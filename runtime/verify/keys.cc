#include <array>
#include <string_view>

#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

struct Pair {
  weights::Component component;
  std::string_view official, diffusers;
  std::string_view tied;    // a second name of one tensor, which the official layout does not have
  std::string_view prefix;  // that the list of diffusers keys leaves out
};

constexpr std::array kPairs = {
    Pair{weights::Component::kTransformer, "official_t2v_1.3b", "diffusers_t2v_1.3b", "", ""},
    Pair{weights::Component::kTransformer, "official_t2v_14b", "diffusers_t2v_14b", "", ""},
    Pair{weights::Component::kTransformer, "official_i2v_14b", "diffusers_i2v_14b", "", ""},
    Pair{weights::Component::kTextEncoder, "official_umt5_xxl_encoder", "diffusers_umt5_xxl_encoder",
         "encoder.embed_tokens.weight", ""},
    Pair{weights::Component::kImageEncoder, "official_clip_visual", "diffusers_clip_vision", "",
         "vision_model."},
    Pair{weights::Component::kVae, "official_vae", "diffusers_vae", "", ""},
};

weights::StoredTensors listed(const Golden& golden, std::string_view name, std::string_view prefix) {
  weights::StoredTensors tensors;
  const Json list = golden.json(std::string(name) + ".json");
  for (const auto& [key, shape] : list.at("tensors").items()) {
    tensors[std::string(prefix) + key].shape = shape.get<std::vector<int64_t>>();
  }
  return tensors;
}

Row compare(const Pair& pair, const weights::StoredTensors& ours, const weights::StoredTensors& theirs) {
  const std::string name(pair.official);
  for (const auto& [key, tensor] : theirs) {
    const auto found = ours.find(key);
    if (found == ours.end()) return statement(name, false, "no key becomes " + key);
    if (found->second.shape != tensor.shape) return statement(name, false, key + " has another shape");
  }
  for (const auto& [key, _] : ours) {
    if (!theirs.contains(key))
      return statement(name, false, key + " is no key of " + std::string(pair.diffusers));
  }
  return statement(name, true, std::to_string(ours.size()) + " keys");
}

}  // namespace

Rows verify_keys(const Golden& golden) {
  Rows rows;
  for (const Pair& pair : kPairs) {
    if (!golden.has(std::string(pair.official) + ".json")) continue;
    auto theirs = listed(golden, pair.diffusers, pair.prefix);
    theirs.erase(std::string(pair.tied));
    rows.push_back(compare(
        pair, weights::with_diffusers_keys(pair.component, listed(golden, pair.official, "")), theirs));
  }
  return rows;
}

}  // namespace wan::verify
