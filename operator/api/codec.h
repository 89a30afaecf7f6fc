#pragma once
// Codecs of the member types that field tables use. Included by the files that define a table.

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "operator/api/boxed.h"
#include "operator/api/field_table.h"
#include "operator/api/quantity.h"

namespace wan::api {

namespace codec {
[[nodiscard]] Status wrong_type(const std::string& path, std::string_view wanted, const Json& value);
// An integer, or a number without a fraction, of the range.
[[nodiscard]] Status read_integer(const Json& value, int64_t least, int64_t most, int64_t& result,
                                  const std::string& path);
}  // namespace codec

template <>
struct Codec<std::string> {
  static Status read(const Json& value, std::string& member, const std::string& path);
  static std::optional<Json> write(const std::string& member);  // empty: left out
  static Json schema(const Facts& facts) { return schema::scalar("string", "", facts); }
};

template <>
struct Codec<bool> {
  static Status read(const Json& value, bool& member, const std::string& path);
  static std::optional<Json> write(bool member) { return Json(member); }
  static Json schema(const Facts& facts) { return schema::scalar("boolean", "", facts); }
};

template <>
struct Codec<int> {
  static Status read(const Json& value, int& member, const std::string& path);
  static std::optional<Json> write(int member) { return Json(member); }
  static Json schema(const Facts& facts) { return schema::scalar("integer", "int32", facts); }
};

template <>
struct Codec<int64_t> {
  static Status read(const Json& value, int64_t& member, const std::string& path);
  static std::optional<Json> write(int64_t member) { return Json(member); }
  static Json schema(const Facts& facts) { return schema::scalar("integer", "int64", facts); }
};

template <>
struct Codec<double> {
  static Status read(const Json& value, double& member, const std::string& path);
  static std::optional<Json> write(double member);  // NaN and infinities: left out
  static Json schema(const Facts& facts) { return schema::scalar("number", "", facts); }
};

template <>
struct Codec<Quantity> {
  static Status read(const Json& value, Quantity& member, const std::string& path);
  static std::optional<Json> write(const Quantity& member);  // empty: left out
  static Json schema(const Facts& facts) { return schema::quantity(facts); }
};

template <>
struct Codec<WallTime> {
  static Status read(const Json& value, WallTime& member, const std::string& path);
  static std::optional<Json> write(const WallTime& member) { return Json(format_time(member)); }
  static Json schema(const Facts& facts) { return schema::scalar("string", "date-time", facts); }
};

template <>
struct Codec<std::map<std::string, std::string>> {
  static Status read(const Json& value, std::map<std::string, std::string>& member, const std::string& path);
  static std::optional<Json> write(const std::map<std::string, std::string>& member);  // empty: left out
  static Json schema(const Facts& facts) { return schema::map(facts); }
};

// Unlike a bare string, an optional one is written when it is set and empty.
template <>
struct Codec<std::optional<std::string>> {
  static Status read(const Json& value, std::optional<std::string>& member, const std::string& path) {
    return Codec<std::string>::read(value, member.emplace(), path);
  }
  static std::optional<Json> write(const std::optional<std::string>& member) {
    return member ? std::optional<Json>(Json(*member)) : std::nullopt;
  }
  static Json schema(const Facts& facts) { return Codec<std::string>::schema(facts); }
};

template <typename M>
struct Codec<std::optional<M>> {
  static Status read(const Json& value, std::optional<M>& member, const std::string& path) {
    return Codec<M>::read(value, member.emplace(), path);
  }
  static std::optional<Json> write(const std::optional<M>& member) {
    return member ? Codec<M>::write(*member) : std::nullopt;
  }
  static Json schema(const Facts& facts) { return Codec<M>::schema(facts); }
};

template <typename M>
struct Codec<Boxed<M>> {
  static Status read(const Json& value, Boxed<M>& member, const std::string& path) {
    return Codec<M>::read(value, member.emplace(), path);
  }
  static std::optional<Json> write(const Boxed<M>& member) {
    return member ? Codec<M>::write(*member) : std::nullopt;
  }
  static Json schema(const Facts& facts) { return Codec<M>::schema(facts); }
};

template <typename M>
struct Codec<std::vector<M>> {
  static Status read(const Json& value, std::vector<M>& member, const std::string& path) {
    if (!value.is_array()) return codec::wrong_type(path, "a list", value);
    member.clear();
    for (const Json& item : value) {
      const std::string item_path = path + "[" + std::to_string(member.size()) + "]";
      WAN_TRY_VOID(Codec<M>::read(item, member.emplace_back(), item_path));
    }
    return {};
  }
  // Empty: left out.
  static std::optional<Json> write(const std::vector<M>& member) {
    if (member.empty()) return std::nullopt;
    Json result = Json::array();
    for (const M& item : member) {
      auto value = Codec<M>::write(item);
      result.push_back(value ? std::move(*value) : Json(""));
    }
    return result;
  }
  static Json schema(const Facts& facts) {
    return schema::list(Codec<M>::schema(schema::element(facts)), facts);
  }
};

// Structs with a table of their own.
template <typename M>
  requires requires { M::table(); }
struct Codec<M> {
  static Status read(const Json& value, M& member, const std::string& path) {
    return M::table().read(value, member, path);
  }
  static std::optional<Json> write(const M& member) { return M::table().write(member); }
  static Json schema(const Facts& facts) { return M::table().schema(facts); }
};

}  // namespace wan::api
