#include "operator/api/codec.h"

namespace wan::api {
namespace codec {

Status wrong_type(const std::string& path, std::string_view wanted, const Json& value) {
  return fail(
      invalid_argument(path + " must be " + std::string(wanted) + ", not " + std::string(value.type_name())));
}

Status read_integer(const Json& value, int64_t least, int64_t most, int64_t& result,
                    const std::string& path) {
  int64_t read = 0;
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return wrong_type(path, "an integer of 64 bits", value);
    }
    read = static_cast<int64_t>(number);
  } else if (value.is_number_integer()) {
    read = value.get<int64_t>();
  } else if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::abs(number) > 9.0e15 || std::floor(number) != number)
      return wrong_type(path, "an integer", value);
    read = static_cast<int64_t>(number);
  } else {
    return wrong_type(path, "an integer", value);
  }
  if (read < least || read > most) {
    return fail(invalid_argument(path + " is " + std::to_string(read) + ", allowed are " +
                                 std::to_string(least) + " to " + std::to_string(most)));
  }
  result = read;
  return {};
}

}  // namespace codec

Status Codec<std::string>::read(const Json& value, std::string& member, const std::string& path) {
  if (!value.is_string()) return codec::wrong_type(path, "a string", value);
  member = value.get_ref<const std::string&>();
  return {};
}

std::optional<Json> Codec<std::string>::write(const std::string& member) {
  if (member.empty()) return std::nullopt;
  return Json(member);
}

Status Codec<bool>::read(const Json& value, bool& member, const std::string& path) {
  if (!value.is_boolean()) return codec::wrong_type(path, "true or false", value);
  member = value.get<bool>();
  return {};
}

Status Codec<int>::read(const Json& value, int& member, const std::string& path) {
  int64_t wide = 0;
  WAN_TRY_VOID(codec::read_integer(value, std::numeric_limits<int>::min(), std::numeric_limits<int>::max(),
                                   wide, path));
  member = static_cast<int>(wide);
  return {};
}

Status Codec<int64_t>::read(const Json& value, int64_t& member, const std::string& path) {
  return codec::read_integer(value, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
                             member, path);
}

Status Codec<double>::read(const Json& value, double& member, const std::string& path) {
  if (!value.is_number()) return codec::wrong_type(path, "a number", value);
  member = value.get<double>();
  return {};
}

std::optional<Json> Codec<double>::write(double member) {
  if (!std::isfinite(member)) return std::nullopt;
  return Json(member);
}

Status Codec<Quantity>::read(const Json& value, Quantity& member, const std::string& path) {
  if (value.is_string()) {
    member.text = value.get_ref<const std::string&>();
  } else if (value.is_number_integer()) {
    member.text = value.dump();
  } else {
    return codec::wrong_type(path, "a quantity such as 500m, 2 or 16Gi", value);
  }
  return {};
}

std::optional<Json> Codec<Quantity>::write(const Quantity& member) {
  if (member.empty()) return std::nullopt;
  return Json(member.text);
}

Status Codec<WallTime>::read(const Json& value, WallTime& member, const std::string& path) {
  if (!value.is_string()) return codec::wrong_type(path, "a time such as 2026-01-31T12:00:00Z", value);
  auto time = parse_time(value.get_ref<const std::string&>());
  if (!time) return fail(std::move(time).error().with_context(path));
  member = *time;
  return {};
}

Status Codec<std::map<std::string, std::string>>::read(const Json& value,
                                                       std::map<std::string, std::string>& member,
                                                       const std::string& path) {
  if (!value.is_object()) return codec::wrong_type(path, "a map of strings", value);
  member.clear();
  for (const auto& [key, item] : value.items()) {
    if (!item.is_string()) return codec::wrong_type(path + "[" + key + "]", "a string", item);
    member[key] = item.get_ref<const std::string&>();
  }
  return {};
}

std::optional<Json> Codec<std::map<std::string, std::string>>::write(
    const std::map<std::string, std::string>& member) {
  if (member.empty()) return std::nullopt;
  return Json(member);
}

}  // namespace wan::api
