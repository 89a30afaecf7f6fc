#pragma once
// Rules that many fields share. Every message says what is allowed.

#include "operator/api/field_table.h"

namespace wan::api {

[[nodiscard]] Rule object_name_rule();  // DNS subdomain: names of objects
[[nodiscard]] Rule label_name_rule();   // DNS label: names inside an object
[[nodiscard]] Rule digest_rule();
[[nodiscard]] Rule size_rule();              // WIDTHxHEIGHT
[[nodiscard]] Rule resource_name_rule();     // "nvidia.com/gpu"
[[nodiscard]] Rule label_map_rule();         // keys and values that Kubernetes takes as labels
[[nodiscard]] Rule no_reserved_keys_rule();  // keys that the operator sets itself
[[nodiscard]] Rule artifact_path_rule();
[[nodiscard]] Rule artifact_prefix_rule();
[[nodiscard]] Rule object_key_rule();  // of any object in a bucket
[[nodiscard]] Rule file_url_rule();    // http(s), without user information and fragment
[[nodiscard]] Rule endpoint_rule();    // http(s)://HOST[:PORT]
[[nodiscard]] Rule bucket_rule();
[[nodiscard]] Rule region_rule();
[[nodiscard]] Rule workload_name_rule();  // of the whole object: a name that children can be made from

}  // namespace wan::api
