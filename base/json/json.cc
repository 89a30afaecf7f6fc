#include "base/json/json.h"

#include <utility>

#include "base/json/json_builder.h"

namespace wan {
namespace {

// nlohmann's message without its tag and without the text it quotes (which may be a secret).
std::string readable(std::string_view what) {
  if (const size_t tag = what.find("] "); what.starts_with("[") && tag != what.npos)
    what.remove_prefix(tag + 2);
  return std::string(what.substr(0, what.find("; last read:")));
}

class SaxHandler final : public nlohmann::json_sax<Json> {
 public:
  explicit SaxHandler(const JsonLimits& limits) : builder_(limits.max_depth), limits_(limits) {}

  bool null() override { return skips() || accept(builder_.value(nullptr)); }
  bool boolean(bool value) override { return skips() || accept(builder_.value(value)); }
  bool number_integer(number_integer_t value) override { return skips() || accept(builder_.value(value)); }
  bool number_unsigned(number_unsigned_t value) override { return skips() || accept(builder_.value(value)); }
  bool number_float(number_float_t value, const string_t&) override {
    return skips() || accept(builder_.value(value));
  }
  bool string(string_t& value) override { return skips() || accept(builder_.value(std::move(value))); }
  bool binary(binary_t&) override { return accept("binary values are not JSON"); }
  bool start_object(std::size_t) override { return start(Json::value_t::object); }
  bool start_array(std::size_t) override { return start(Json::value_t::array); }
  bool key(string_t& key) override {
    if (skipped_ > 0) return true;
    skip_next_ = !limits_.without.empty() && key == limits_.without;
    return skip_next_ || accept(builder_.key(std::move(key)));
  }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    return accept(readable(error.what()));
  }

  [[nodiscard]] Json take() { return builder_.take(); }
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  bool accept(std::optional<std::string> complaint) {
    if (complaint) complaint_ = *std::move(complaint);
    return complaint_.empty();
  }
  // Whether the scalar that comes now is left out.
  bool skips() { return skipped_ > 0 || std::exchange(skip_next_, false); }
  bool start(Json::value_t container) {
    if (!skips()) return accept(builder_.begin(container));
    if (++skipped_ > limits_.max_depth) return accept("nested too deeply");
    return true;
  }
  bool end() {
    if (skipped_ > 0) {
      --skipped_;
    } else {
      builder_.end();
    }
    return true;
  }

  JsonBuilder builder_;
  JsonLimits limits_;
  std::string complaint_;
  bool skip_next_ = false;  // the value of the key that was just read
  int skipped_ = 0;         // open containers that are left out
};

}  // namespace

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.max_bytes) {
    return fail({ErrorCode::kResourceExhausted, "JSON text of " + std::to_string(text.size()) +
                                                    " bytes is longer than the limit of " +
                                                    std::to_string(limits.max_bytes)});
  }
  SaxHandler handler(limits);
  if (!Json::sax_parse(text.begin(), text.end(), &handler)) {
    return fail(invalid_argument("JSON: " + handler.complaint()));
  }
  return handler.take();
}

std::string to_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json* find(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* at = &object;
  for (const std::string_view key : path) {
    if (!at->is_object()) return nullptr;
    const auto member = at->find(key);
    if (member == at->end()) return nullptr;
    at = &*member;
  }
  return at;
}

std::string string_or(const Json& object, std::initializer_list<std::string_view> path,
                      std::string_view otherwise) {
  const Json* value = find(object, path);
  return value && value->is_string() ? value->get_ref<const std::string&>() : std::string(otherwise);
}

int64_t int_or(const Json& object, std::initializer_list<std::string_view> path, int64_t otherwise) {
  const Json* value = find(object, path);
  if (!value || !value->is_number_integer()) return otherwise;
  if (value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX) return otherwise;
  return value->get<int64_t>();
}

bool bool_or(const Json& object, std::initializer_list<std::string_view> path, bool otherwise) {
  const Json* value = find(object, path);
  return value && value->is_boolean() ? value->get<bool>() : otherwise;
}

}  // namespace wan
