#include "runtime/cli/flags.h"

#include <charconv>
#include <cstdint>
#include <string>

#include "runtime/cli/command.h"

namespace wan::cli {
namespace {

template <typename Number>
bool parses(const std::string& text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && rest == end;
}

CLI::Validator must_be(const char* what, bool (*good)(const std::string&)) {
  const auto check = [=](const std::string& text) {
    return good(text) ? std::string() : "'" + text + "' is not allowed; it must be " + what;
  };
  return {check, ""};
}

}  // namespace

CLI::Validator whole_number() { return must_be("a whole number of up to nine digits", parses<int>); }
CLI::Validator long_whole_number() { return must_be("a whole number of up to 18 digits", parses<int64_t>); }
CLI::Validator number() { return must_be("a number", parses<double>); }

std::optional<int> parse_flags(CLI::App& app, int argc, char** argv) {
  app.failure_message([](const CLI::App* app, const CLI::Error& error) {
    return app->get_name() + ": " + error.what() + "; " + app->get_name() + " --help lists the flags\n";
  });
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
}

}  // namespace wan::cli
