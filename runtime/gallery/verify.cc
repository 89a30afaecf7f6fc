#include "runtime/gallery/verify.h"

#include <map>

#include "runtime/gallery/key.h"
#include "runtime/gallery/layout.h"
#include "runtime/gallery/record.h"

namespace wan::gallery {
namespace {

// What must be there: the key below the root, and its digest and size.
struct Expected {
  std::string digest;
  int64_t size = 0;
};
using Expectations = std::map<std::string, Expected>;

void expect_model(const Layout& layout, const OciDescriptor& entry, Expectations& expected,
                  Verified& verified) {
  const auto manifest = read_model(layout, entry);
  if (!manifest) return verified.problems.push_back(manifest.error().message);
  const OciDescriptor& config = manifest->config;
  expected[blob_key(entry.digest)] = {entry.digest, entry.size};
  expected[blob_key(config.digest)] = {config.digest, config.size};
  for (const ModelFile& file : manifest->files) expected[blob_key(file.digest)] = {file.digest, file.size};
}

void check(int root, const std::string& key, const Expected& expected, Meter& meter, Verified& verified) {
  meter.begin_file(key);
  const auto file = open_regular(root, key);
  if (!file) return verified.problems.push_back(file.error().message);
  const auto found = copy_and_hash(file->get(), -1, [&](int64_t bytes) { meter.add(bytes); });
  if (!found) return verified.problems.push_back(key + ": " + found.error().message);
  ++verified.files;
  verified.bytes += found->bytes;
  if (found->digest == expected.digest && found->bytes == expected.size) return;
  verified.problems.push_back(key + ": expected " + expected.digest + " of " + std::to_string(expected.size) +
                              " bytes, found " + found->digest + " of " + std::to_string(found->bytes));
}

Result<Expectations> expectations_of_layout(const std::filesystem::path& folder, Verified& verified) {
  WAN_TRY(const Layout layout, open_layout(folder));
  WAN_TRY(const std::vector<OciDescriptor> models, list_models(layout));
  Expectations expected;
  for (const OciDescriptor& model : models) expect_model(layout, model, expected, verified);
  return expected;
}

Result<Expectations> expectations_of_directory(const std::filesystem::path& folder) {
  WAN_TRY(const ModelRecord record, read_record(folder));
  Expectations expected;
  for (const ModelFile& file : record.files) expected[file.path] = {file.digest, file.size};
  return expected;
}

}  // namespace

Result<Verified> verify(const std::filesystem::path& folder, const MakeMeter& make_meter) {
  Verified verified;
  std::error_code ignored;
  const bool is_layout = std::filesystem::exists(folder / "oci-layout", ignored);
  auto expected = is_layout ? expectations_of_layout(folder, verified) : expectations_of_directory(folder);
  if (!expected && expected.error().code == ErrorCode::kNotFound && !is_layout) {
    return fail(not_found(folder.string() + " is neither an OCI image layout (no oci-layout) nor a pulled "
                                            "model (no .wan-model.json)"));
  }
  if (!expected) return fail(expected.error());
  WAN_TRY(const Descriptor root, open_root(folder));
  int64_t total = 0;
  for (const auto& [key, what] : *expected) total += what.size;
  Meter meter = make_meter(total);
  for (const auto& [key, what] : *expected) check(root.get(), key, what, meter, verified);
  meter.finish();
  return verified;
}

}  // namespace wan::gallery
