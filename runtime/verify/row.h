#pragma once
// One comparison with the golden vectors. No tensors here: who prints rows needs none.

#include <optional>
#include <string>
#include <vector>

namespace wan::verify {

struct Row {
  std::string name;                   // the tensor, or the case and what of it
  std::string precision = "fp32";     // that ours was computed in
  std::optional<double> relative_l2;  // |ours - golden| / |golden|; unset for texts, ids and failures
  std::optional<double> max_abs;
  std::optional<double> of_official;  // of the error of the official run in the same precision
  std::string tolerance;              // "rel-L2 1e-05", "max-abs 1e-06", "exact"
  bool pass = false;
  std::string note;  // what differs, where no figure says it
};

using Rows = std::vector<Row>;

}  // namespace wan::verify
