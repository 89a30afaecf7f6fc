#include "runtime/weights/checkpoint.h"

#include <map>
#include <set>
#include <string>

#include "base/io/file.h"
#include "base/json/json.h"
#include "runtime/weights/pth.h"
#include "runtime/weights/safetensors.h"

namespace wan::weights {
namespace {

constexpr size_t kMaxIndexBytes = 64u << 20;

using WeightMap = std::map<std::string, std::string>;  // key to shard

Result<WeightMap> read_index(const std::filesystem::path& file) {
  WAN_TRY(const std::string text, read_file(file, kMaxIndexBytes));
  auto json = parse_json(text, {.max_bytes = kMaxIndexBytes});
  if (!json) return fail(json.error().with_context(file.string()));
  const Json* entries = find(*json, {"weight_map"});
  if (!entries || !entries->is_object()) return fail(corrupt(file.string() + ": no weight_map"));
  WeightMap map;
  for (const auto& [key, shard] : entries->items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : "";
    if (name.empty() || name.find('/') != std::string::npos) {
      return fail(corrupt(file.string() + ": the shard of '" + key +
                          "' must be a file name beside the index, not " + to_text(shard)));
    }
    map.emplace(key, name);
  }
  return map;
}

Result<StoredTensors> open_shards(const std::filesystem::path& index) {
  WAN_TRY(const WeightMap map, read_index(index));
  std::set<std::string> shards;
  for (const auto& [key, shard] : map) shards.insert(shard);
  StoredTensors all;
  for (const std::string& shard : shards) {
    WAN_TRY(StoredTensors tensors, open_safetensors(index.parent_path() / shard));
    for (auto& [key, tensor] : tensors) {
      const auto entry = map.find(key);
      if (entry == map.end() || entry->second != shard) {
        return fail(corrupt((index.parent_path() / shard).string() + ": holds '" + key +
                            "', which the index puts " +
                            (entry == map.end() ? "nowhere" : "into " + entry->second)));
      }
      all.emplace(key, std::move(tensor));
    }
  }
  for (const auto& [key, shard] : map) {
    if (!all.contains(key))
      return fail(corrupt((index.parent_path() / shard).string() + ": '" + key + "' is missing"));
  }
  return all;
}

}  // namespace

Result<StoredTensors> open_checkpoint(const std::filesystem::path& directory, std::string_view stem) {
  const auto single = directory / (std::string(stem) + ".safetensors");
  const auto index = directory / (std::string(stem) + ".safetensors.index.json");
  const auto pickled = directory / (std::string(stem) + ".pth");
  std::error_code ignored;
  if (std::filesystem::exists(single, ignored)) return open_safetensors(single);
  if (std::filesystem::exists(index, ignored)) return open_shards(index);
  if (std::filesystem::exists(pickled, ignored)) return open_pth(pickled);
  return fail(not_found(directory.string() + ": has none of " + single.filename().string() + ", " +
                        index.filename().string() + " and " + pickled.filename().string()));
}

}  // namespace wan::weights
