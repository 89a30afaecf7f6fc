#include "runtime/verify/compare.h"

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/max.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <utility>

namespace wan::verify {
namespace {

constexpr double kMostOfOfficial = 1.5, kMeanOfOfficial = 1.1;
constexpr double kShareOfBytesOff = 1e-3;
constexpr size_t kShownText = 60;

at::Tensor wide(const at::Tensor& x) { return x.to(at::kCPU).to(at::kDouble); }

double norm(const at::Tensor& x) { return at::linalg_vector_norm(x, 2).item<double>(); }

// A row with the figures; `pass` is still to be decided.
Row measured(std::string name, const at::Tensor& ours, const at::Tensor& golden, std::string tolerance) {
  Row row = {.name = std::move(name), .tolerance = std::move(tolerance)};
  if (ours.sizes() != golden.sizes()) {
    row.note = fmt::format("shape [{}], golden has [{}]", fmt::join(ours.sizes(), ", "),
                           fmt::join(golden.sizes(), ", "));
    return row;
  }
  row.relative_l2 = relative_l2(ours, golden);
  row.max_abs = max_difference(ours, golden);
  return row;
}

std::string shown(const std::string& text) {
  return text.size() <= kShownText ? text : text.substr(0, kShownText) + "...";
}

}  // namespace

double relative_l2(const at::Tensor& ours, const at::Tensor& golden) {
  if (golden.numel() == 0) return 0;
  const double difference = norm(at::sub(wide(ours), wide(golden))), scale = norm(wide(golden));
  if (scale == 0) return difference == 0 ? 0 : std::numeric_limits<double>::infinity();
  return difference / scale;
}

double max_difference(const at::Tensor& ours, const at::Tensor& golden) {
  if (golden.numel() == 0) return 0;
  return at::max(at::sub(wide(ours), wide(golden)).abs()).item<double>();
}

// "<=" is false for NaN, which must not pass.
Row within_relative(std::string name, const at::Tensor& ours, const at::Tensor& golden, double limit) {
  Row row = measured(std::move(name), ours, golden, fmt::format("rel-L2 {:.0e}", limit));
  row.pass = row.relative_l2 && *row.relative_l2 <= limit;
  return row;
}

Row within_absolute(std::string name, const at::Tensor& ours, const at::Tensor& golden, double limit) {
  Row row = measured(std::move(name), ours, golden, fmt::format("max-abs {:.0e}", limit));
  row.pass = row.max_abs && *row.max_abs <= limit;
  return row;
}

Row exact(std::string name, const at::Tensor& ours, const at::Tensor& golden) {
  Row row = measured(std::move(name), ours, golden, "exact");
  row.pass = row.max_abs && *row.max_abs == 0;
  return row;
}

Row within_official_bf16(std::string name, const at::Tensor& ours, const at::Tensor& golden,
                         double official) {
  Row row = measured(std::move(name), ours, golden, fmt::format("rel-L2 {:.1e}", kMostOfOfficial * official));
  row.precision = "bf16";
  if (!row.relative_l2) return row;
  row.of_official = *row.relative_l2 / official;
  row.note = fmt::format("{:.2f} of the official error", *row.of_official);
  row.pass = *row.of_official <= kMostOfOfficial;
  return row;
}

void append_bf16_mean(Rows& rows) {
  double logarithms = 0, count = 0;
  for (const Row& row : rows) {
    if (!row.of_official) continue;
    logarithms += std::log(*row.of_official);
    count += 1;
  }
  if (count == 0) return;
  const double mean = std::exp(logarithms / count);
  Row row = statement("mean of the bf16 rows", mean <= kMeanOfOfficial,
                      fmt::format("{:.2f} of the official error", mean));
  row.precision = "bf16";
  row.tolerance = fmt::format("{:.1f} of official", kMeanOfOfficial);
  rows.push_back(std::move(row));
}

Row nearly_equal_bytes(std::string name, const at::Tensor& ours, const at::Tensor& golden) {
  Row row = measured(std::move(name), ours, golden, "0.1 % off by 1");
  if (!row.max_abs) return row;
  const double off = at::sum(at::ne(wide(ours), wide(golden))).item<double>();
  const double share = off / static_cast<double>(std::max<int64_t>(golden.numel(), 1));
  row.note = fmt::format("{:.3f} % off", 100 * share);
  row.pass = *row.max_abs <= 1 && share <= kShareOfBytesOff;
  return row;
}

Row same_ids(std::string name, const std::vector<int64_t>& ours, const std::vector<int64_t>& golden) {
  Row row = statement(std::move(name), ours == golden, "");
  if (row.pass) return row;
  const size_t at = std::ranges::mismatch(ours, golden).in1 - ours.begin();
  const auto id = [at](const std::vector<int64_t>& ids) {
    return at < ids.size() ? std::to_string(ids[at]) : std::string("the end");
  };
  row.note = fmt::format("id {} is {}, golden has {}", at, id(ours), id(golden));
  return row;
}

Row same_text(std::string name, const std::string& ours, const std::string& golden) {
  if (ours == golden) return statement(std::move(name), true, "");
  return statement(std::move(name), false,
                   fmt::format("\"{}\", golden has \"{}\"", shown(ours), shown(golden)));
}

Row statement(std::string name, bool pass, std::string note) {
  return {
      .name = std::move(name), .precision = "-", .tolerance = "exact", .pass = pass, .note = std::move(note)};
}

}  // namespace wan::verify
