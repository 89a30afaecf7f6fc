#pragma once
// What server-side apply says of the fields of an object: which ones the operator has set and nobody has
// changed since. A child that somebody else edited is found by it.

#include <string>

#include "base/json/json.h"

namespace wan::api {

// fieldsV1 of the operator's own applies (metadata.managedFields) as JSON text; "" if it never applied the
// object.
[[nodiscard]] std::string owned_fields(const Json& object);

// Whether `fields` (of owned_fields) hold everything that applying `intent` sets. Whoever changes or removes
// a value takes it out of them; so does nobody who only adds fields that the intent does not have.
[[nodiscard]] bool owns(const std::string& fields, const Json& intent);

}  // namespace wan::api
