#include <charconv>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/json/json_builder.h"
#include "base/json/utf8.h"

namespace wan {
namespace {

// Carries our refusal out of yaml-cpp's parser; never leaves this file.
struct Refused {
  std::string message;
};

[[noreturn]] void refuse(const YAML::Mark& mark, std::string_view message) {
  throw Refused{"line " + std::to_string(mark.line + 1) + ", column " + std::to_string(mark.column + 1) +
                ": " + std::string(message)};
}

bool all(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == text.npos;
}

constexpr std::string_view kDigits = "0123456789";

template <typename Number>
std::optional<Number> read_number(std::string_view text, int base) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Json> read_double(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return Json(value);
  return std::nullopt;
}

std::optional<Json> resolve_integer(std::string_view text) {
  const bool octal = text.starts_with("0o") && all(text.substr(2), "01234567");
  const bool hexadecimal = text.starts_with("0x") && all(text.substr(2), "0123456789abcdefABCDEF");
  if (octal || hexadecimal) {
    const auto value = read_number<uint64_t>(text.substr(2), octal ? 8 : 16);
    return value ? std::optional<Json>(*value) : std::nullopt;
  }
  std::string_view unsigned_text = text;
  if (text.starts_with('-') || text.starts_with('+')) unsigned_text.remove_prefix(1);
  if (!all(unsigned_text, kDigits)) return std::nullopt;
  if (text.starts_with('-')) {
    if (const auto value = read_number<int64_t>(text, 10)) return Json(*value);
  } else if (const auto value = read_number<uint64_t>(unsigned_text, 10)) {
    return Json(*value);
  }
  return read_double(text.starts_with('+') ? unsigned_text : text);  // beyond 64 bits, as JSON does it
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const size_t e = text.find_first_of("eE");
  const std::string_view mantissa = text.substr(0, e);
  if (e != text.npos) {
    std::string_view exponent = text.substr(e + 1);
    if (exponent.starts_with('-') || exponent.starts_with('+')) exponent.remove_prefix(1);
    if (!all(exponent, kDigits)) return false;
  }
  const size_t point = mantissa.find('.');
  const std::string_view whole = mantissa.substr(0, point);
  const std::string_view fraction = point == mantissa.npos ? "" : mantissa.substr(point + 1);
  if (whole.empty() && fraction.empty()) return false;
  return (whole.empty() || all(whole, kDigits)) && (fraction.empty() || all(fraction, kDigits));
}

bool is_special_float(std::string_view text) {
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return true;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text == ".inf" || text == ".Inf" || text == ".INF";
}

// A plain scalar by the core schema of YAML 1.2 (section 10.3.2).
Json resolve_plain(const YAML::Mark& mark, const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (is_special_float(text)) refuse(mark, "JSON has no number " + text + "; quote it if it is text");
  if (std::optional<Json> integer = resolve_integer(text)) return *std::move(integer);
  if (is_float(text)) {
    if (std::optional<Json> number = read_double(text.starts_with('+') ? text.substr(1) : text)) {
      return *std::move(number);
    }
    refuse(mark, "the number " + text + " is beyond the range of a double");
  }
  return text;
}

Json resolve_scalar(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
  constexpr std::string_view kCore = "tag:yaml.org,2002:";
  if (tag == "?" || tag.empty()) return resolve_plain(mark, text);
  if (tag == "!") return text;
  const std::string_view name = std::string_view(tag).starts_with(kCore)
                                    ? std::string_view(tag).substr(kCore.size())
                                    : std::string_view();
  if (name == "str") return text;
  Json value = resolve_plain(mark, text);
  if (name == "int" && value.is_number_integer()) return value;
  if (name == "float" && value.is_number()) return value.get<double>();
  if (name == "bool" && value.is_boolean()) return value;
  if (name == "null" && value.is_null()) return value;
  refuse(mark,
         "the tag " + tag + " is unknown or does not fit its value; allowed are str, int, float, bool, null");
}

class Events final : public YAML::EventHandler {
 public:
  explicit Events(int max_depth) : builder_(max_depth) {}

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (builder_.expects_key()) refuse(mark, "a key must be a string, not null");
    accept(mark, builder_.value(nullptr));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases (*name) are not allowed; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& text) override {
    // Keys are strings in JSON, whatever they look like.
    accept(mark,
           builder_.expects_key() ? builder_.key(text) : builder_.value(resolve_scalar(mark, tag, text)));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    begin(mark, tag, "tag:yaml.org,2002:seq", Json::value_t::array);
  }
  void OnSequenceEnd() override { builder_.end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    begin(mark, tag, "tag:yaml.org,2002:map", Json::value_t::object);
  }
  void OnMapEnd() override { builder_.end(); }

  [[nodiscard]] Json take() { return builder_.take(); }
  [[nodiscard]] YAML::Mark start() const { return start_; }

 private:
  static void accept(const YAML::Mark& mark, const std::optional<std::string>& complaint) {
    if (complaint) refuse(mark, *complaint);
  }
  void begin(const YAML::Mark& mark, const std::string& tag, std::string_view own_tag,
             Json::value_t container) {
    if (!tag.empty() && tag != "?" && tag != "!" && tag != own_tag)
      refuse(mark, "the tag " + tag + " is unknown");
    if (builder_.expects_key()) refuse(mark, "a key must be a string");
    accept(mark, builder_.begin(container));
  }

  JsonBuilder builder_;
  YAML::Mark start_ = YAML::Mark::null_mark();
};

Status check_text(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return fail({ErrorCode::kResourceExhausted, "YAML text of " + std::to_string(text.size()) +
                                                    " bytes is longer than the limit of " +
                                                    std::to_string(limits.max_bytes)});
  }
  if (!is_utf8(text) || text.find('\0') != text.npos)
    return fail(invalid_argument("YAML: the text is not UTF-8"));
  return {};
}

}  // namespace

Result<std::vector<Json>> parse_yaml_documents(std::string_view text, JsonLimits limits) {
  WAN_TRY_VOID(check_text(text, limits));
  std::vector<Json> documents;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    for (YAML::Mark last_start = YAML::Mark::null_mark();;) {
      Events events(limits.max_depth);
      if (!parser.HandleNextDocument(events)) return documents;
      // yaml-cpp 0.7 takes a token that no document can begin with (a comma) for an empty document, over and
      // over.
      if (events.start().pos == last_start.pos) refuse(last_start, "this character does not belong here");
      last_start = events.start();
      if (Json document = events.take(); !document.is_null()) documents.push_back(std::move(document));
    }
  } catch (const Refused& refused) {
    return fail(invalid_argument("YAML: " + refused.message));
  } catch (const YAML::Exception& error) {
    return fail(invalid_argument("YAML: line " + std::to_string(error.mark.line + 1) + ", column " +
                                 std::to_string(error.mark.column + 1) + ": " + error.msg));
  }
}

Result<Json> parse_yaml(std::string_view text, JsonLimits limits) {
  WAN_TRY(std::vector<Json> documents, parse_yaml_documents(text, limits));
  if (documents.size() != 1) {
    return fail(invalid_argument("YAML: expected one document, found " + std::to_string(documents.size())));
  }
  return std::move(documents.front());
}

}  // namespace wan
