#pragma once
// metadata, spec and status of our own kinds, read by their tables.

#include "operator/api/codec.h"
#include "operator/api/kind.h"
#include "operator/api/meta.h"

namespace wan::api {

template <typename K>
Result<K> read_resource(const Json& object) {
  K result;
  WAN_TRY(result.metadata, meta_from_json(object));
  const Json* spec = find(object, {"spec"});
  const Json* status = find(object, {"status"});
  if (spec) {
    WAN_TRY_VOID(decltype(result.spec)::table().read(*spec, result.spec, "spec"));
  }
  if (status && !status->is_null()) {
    WAN_TRY_VOID(decltype(result.status)::table().read(*status, result.status, "status"));
  }
  return result;
}

}  // namespace wan::api
