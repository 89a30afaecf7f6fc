#include "runtime/verify/report.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

namespace wan::verify {
namespace {

// Texts and ids come in hundreds: those that pass are one line for each file.
constexpr long kManyExact = 40;

std::string figure(const std::optional<double>& value) {
  return value ? fmt::format("{:.1e}", *value) : std::string("-");
}

std::string line(const std::string& folder, const Row& row) {
  return fmt::format("{:<18} {:<34} {:<9} {:>8} {:>8}  {:<15} {}{}\n", folder, row.name, row.precision,
                     figure(row.relative_l2), figure(row.max_abs), row.tolerance, row.pass ? "pass" : "FAIL",
                     row.note.empty() ? "" : "  " + row.note);
}

bool has_figure(const Row& row) { return row.relative_l2.has_value(); }

// "cases.json 17 out" -> "cases.json"
std::string file_of(const Row& row) { return row.name.substr(0, row.name.find(' ')); }

std::string folded(const FolderResult& folder) {
  std::map<std::string, int> passed;
  std::string text;
  for (const Row& row : folder.rows) {
    if (row.pass && !has_figure(row)) {
      ++passed[file_of(row)];
    } else {
      text += line(folder.folder, row);
    }
  }
  for (const auto& [file, count] : passed) {
    text += line(folder.folder, {.name = fmt::format("{} ({} comparisons)", file, count),
                                 .precision = "-",
                                 .tolerance = "exact",
                                 .pass = true});
  }
  return text;
}

long failures(const FolderResult& folder) {
  return std::ranges::count(folder.rows, false, &Row::pass) + (folder.error.empty() ? 0 : 1);
}

Json to_json(const Row& row) {
  Json json = {
      {"name", row.name}, {"precision", row.precision}, {"tolerance", row.tolerance}, {"pass", row.pass}};
  if (row.relative_l2) json["relativeL2"] = *row.relative_l2;
  if (row.max_abs) json["maxAbs"] = *row.max_abs;
  if (!row.note.empty()) json["note"] = row.note;
  return json;
}

}  // namespace

std::string table_header() {
  return fmt::format("{:<18} {:<34} {:<9} {:>8} {:>8}  {:<15} {}\n", "COMPONENT", "TENSOR", "PRECISION",
                     "REL-L2", "MAX-ABS", "TOLERANCE", "RESULT");
}

std::string table_of(const FolderResult& folder) {
  std::string text;
  if (std::ranges::count(folder.rows, false, has_figure) > kManyExact) {
    text = folded(folder);
  } else {
    for (const Row& row : folder.rows) text += line(folder.folder, row);
  }
  if (!folder.error.empty()) text += fmt::format("{:<18} FAIL  {}\n", folder.folder, folder.error);
  return text;
}

std::string summary(const Outcome& outcome) {
  std::string text = "\n";
  if (!outcome.absent.empty()) text += fmt::format("absent: {}\n", fmt::join(outcome.absent, ", "));
  if (!outcome.unknown.empty())
    text += fmt::format("unknown folders: {}\n", fmt::join(outcome.unknown, ", "));
  size_t rows = 0;
  long failed = 0;
  double seconds = 0;
  for (const FolderResult& folder : outcome.folders) {
    rows += folder.rows.size();
    failed += failures(folder);
    seconds += folder.seconds;
    if (folder.pass()) continue;
    text += fmt::format("failed: {}:", folder.folder);
    for (const Row& row : folder.rows) text += row.pass ? "" : " " + row.name + ";";
    text += folder.error.empty() ? "\n" : " " + folder.error + "\n";
  }
  text += fmt::format("{} comparisons in {} folders, {} failed, {:.1f} s: {}\n", rows, outcome.folders.size(),
                      failed, seconds, outcome.pass() ? "pass" : "FAIL");
  return text;
}

Json to_json(const Outcome& outcome) {
  Json folders = Json::array();
  for (const FolderResult& folder : outcome.folders) {
    Json rows = Json::array();
    for (const Row& row : folder.rows) rows.push_back(to_json(row));
    Json json = {{"folder", folder.folder},
                 {"component", folder.component},
                 {"pass", folder.pass()},
                 {"seconds", folder.seconds},
                 {"rows", std::move(rows)}};
    if (!folder.error.empty()) json["error"] = folder.error;
    folders.push_back(std::move(json));
  }
  return {{"pass", outcome.pass()},
          {"folders", std::move(folders)},
          {"absent", outcome.absent},
          {"unknown", outcome.unknown},
          {"environment", Json::parse(outcome.environment, nullptr, false)}};
}

std::string report(const Outcome& outcome) {
  const Json environment = Json::parse(outcome.environment, nullptr, false);
  std::string text = "wan-runtime verify\n" + environment.dump(2) + "\n\n" + table_header();
  for (const FolderResult& folder : outcome.folders) text += table_of(folder);
  return text + summary(outcome);
}

}  // namespace wan::verify
