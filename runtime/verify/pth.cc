// Files of torch.save that must load, and files that must be refused.

#include "runtime/weights/pth.h"

#include <ATen/ops/equal.h>
#include <utility>

#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

using Opened = Result<weights::StoredTensors>;

constexpr std::string_view kEqualTo = "equal to ";
constexpr std::string_view kNames = "names the global (";

std::string word_after(const std::string& text, std::string_view prefix, std::string_view end) {
  const size_t begin = text.find(prefix) + prefix.size();
  return text.substr(begin, text.find_first_of(end, begin) - begin);
}

// Every tensor, bit for bit: 8-bit and 16-bit floats as they are stored.
void append_tensors(Rows& rows, const std::string& file, const weights::StoredTensors& ours,
                    const Golden& golden, const std::string& twin) {
  const auto theirs = must(weights::open_safetensors(golden.path(twin)));
  for (const auto& [name, stored] : theirs) {
    const auto found = ours.find(name);
    const bool same = found != ours.end() && found->second.dtype == stored.dtype &&
                      at::equal(weights::to_tensor(found->second), weights::to_tensor(stored));
    rows.push_back(statement(file + " " + name, same, same ? "" : "is not what " + twin + " holds"));
  }
  rows.push_back(statement(file + " keys", ours.size() == theirs.size(),
                           std::to_string(ours.size()) + " of " + std::to_string(theirs.size())));
}

Row refused(const std::string& file, const std::string& expect, const Opened& opened) {
  if (opened) return statement(file, false, "loaded; it must be refused");
  const std::string& message = opened.error().message;
  const bool named = !expect.contains(kNames) || message.contains(word_after(expect, kNames, ")"));
  return statement(file, named, named ? "refused" : "the message does not name the global: " + message);
}

}  // namespace

Rows verify_pth(const Golden& golden) {
  Rows rows;
  const Json manifest = golden.manifest();
  for (const Json& one : manifest.at("cases")) {
    const std::string file = one.at("file"), expect = one.at("expect");
    const Opened opened = weights::open_pth(golden.path(file));
    if (expect.starts_with(kEqualTo)) {
      append_tensors(rows, file, must(opened), golden, word_after(expect, kEqualTo, ", "));
    } else if (expect.starts_with("refused")) {
      rows.push_back(refused(file, expect, opened));
    } else {  // may load or be refused
      rows.push_back(statement(file, true, opened ? "loaded" : "refused"));
    }
  }
  return rows;
}

}  // namespace wan::verify
