#include "runtime/gallery/layout.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/crypto/hmac.h"
#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "runtime/gallery/key.h"

namespace wan::gallery {
namespace {

constexpr std::string_view kLockFile = ".lock";
constexpr std::string_view kLayoutFile = "oci-layout";
constexpr std::string_view kIndexFile = "index.json";
constexpr std::string_view kLayoutVersion = R"({"imageLayoutVersion":"1.0.0"})";

Status check_layout_file(const Layout& layout) {
  auto text = read_small(layout.root.get(), kLayoutFile, 4096);
  if (!text) {
    return fail(not_found(layout.folder.string() +
                          " is not an OCI image layout: its file oci-layout: " + text.error().message));
  }
  const auto json = parse_json(*text);
  if (!json || string_or(*json, {"imageLayoutVersion"}, "") != "1.0.0") {
    return fail(corrupt(layout.folder.string() + "/oci-layout: imageLayoutVersion must be 1.0.0"));
  }
  return {};
}

Result<std::string> read_index_bytes(const Layout& layout) {
  auto text = read_small(layout.root.get(), kIndexFile, kMaxIndexBytes);
  if (!text) return fail(text.error().with_context(layout.folder.string()));
  return text;
}

std::string describe(const std::vector<OciDescriptor>& models) {
  std::string names;
  for (const OciDescriptor& model : models) {
    names += (names.empty() ? "" : ", ") + (name_of(model).empty() ? model.digest : name_of(model));
  }
  return names.empty() ? "no model" : names;
}

bool matches(const OciDescriptor& entry, const Reference& reference) {
  return (reference.name.empty() || name_of(entry) == reference.name) &&
         (reference.digest.empty() || entry.digest == reference.digest);
}

// Whatever is not part of a layout that is just being made, perhaps by another process.
Status refuse_foreign_files(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    const bool is_ours = name == kLockFile || name == kIndexFile || name == kLayoutFile || name == "blobs" ||
                         name == kIngestFolder || name.starts_with(".index.json.") ||
                         name.starts_with(".oci-layout.");
    if (is_ours) continue;
    return fail(failed_precondition(folder.string() + " is not an OCI image layout and has other files (" +
                                    name + "); choose another folder"));
  }
  return {};
}

std::string temporary_key() {
  const std::string bytes = random_bytes(8);
  return std::string(kIngestFolder) + "/" +
         to_hex(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

Status publish(const Layout& layout, const std::string& temporary, std::string_view digest) {
  WAN_TRY(const Place from, locate(layout.root.get(), temporary));
  WAN_TRY(const Place to, locate(layout.root.get(), blob_key(digest), Missing::kCreate));
  if (::renameat(from.folder.get(), from.name.c_str(), to.folder.get(), to.name.c_str()) != 0) {
    return fail(from_errno(errno, "publish the blob " + std::string(digest)));
  }
  return sync(to.folder.get(), "the folder of blobs");
}

Result<Copied> ingest(const Layout& layout, const std::string& temporary, int from, const BytesSink& sink) {
  WAN_TRY(const Descriptor file, create_regular(layout.root.get(), temporary));
  WAN_TRY(const Copied copied, copy_and_hash(from, file.get(), sink));
  WAN_TRY_VOID(sync(file.get(), "a blob"));
  WAN_TRY_VOID(publish(layout, temporary, copied.digest));
  return copied;
}

void remove_temporary(const Layout& layout, const std::string& temporary) {
  if (auto place = locate(layout.root.get(), temporary)) {
    ::unlinkat(place->folder.get(), place->name.c_str(), 0);
  }
}

}  // namespace

Result<Layout> open_layout(const std::filesystem::path& folder) {
  WAN_TRY(Descriptor root, open_root(folder));
  Layout layout{folder, std::move(root)};
  WAN_TRY_VOID(check_layout_file(layout));
  return layout;
}

Result<Layout> open_or_create_layout(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(from_errno(error.value(), "make " + folder.string()));
  if (std::filesystem::exists(folder / kLayoutFile, error)) return open_layout(folder);
  WAN_TRY_VOID(refuse_foreign_files(folder));
  WAN_TRY(Descriptor root, open_root(folder));
  Layout layout{folder, std::move(root)};
  WAN_TRY(const Descriptor lock, lock_writers(layout));
  if (!std::filesystem::exists(folder / kLayoutFile, error)) {
    WAN_TRY(const std::string index,
            canonical_json({{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", Json::array()}}));
    WAN_TRY_VOID(write_file_atomically(folder / kIndexFile, index));
    WAN_TRY_VOID(write_file_atomically(folder / kLayoutFile, kLayoutVersion));
  }
  return layout;
}

std::string name_of(const OciDescriptor& entry) {
  const auto name = entry.annotations.find(std::string(kRefNameAnnotation));
  return name == entry.annotations.end() ? "" : name->second;
}

Result<std::vector<OciDescriptor>> list_models(const Layout& layout) {
  WAN_TRY(const std::string bytes, read_index_bytes(layout));
  auto entries = parse_index(bytes);
  if (!entries) return fail(entries.error().with_context(layout.folder.string()));
  std::erase_if(*entries, [](const OciDescriptor& entry) {
    return entry.media_type != kManifestType ||
           (!entry.artifact_type.empty() && entry.artifact_type != kModelArtifactType);
  });
  return entries;
}

Result<OciDescriptor> find_model(const Layout& layout, const Reference& reference) {
  WAN_TRY(const std::vector<OciDescriptor> models, list_models(layout));
  const OciDescriptor* found = nullptr;
  for (const OciDescriptor& model : models) {
    if (!matches(model, reference)) continue;
    if (found && found->digest != model.digest) {
      return fail(invalid_argument(to_string(reference) + " means more than one model; the layout has " +
                                   describe(models) + "; add :NAME"));
    }
    found = &model;
  }
  if (found) return *found;
  return fail(not_found(to_string(reference) + ": not in this layout, which has " + describe(models)));
}

Result<ModelManifest> read_model(const Layout& layout, const OciDescriptor& entry) {
  WAN_TRY(const std::string bytes, read_blob(layout, entry, kMaxManifestBytes));
  auto manifest = parse_manifest(bytes);
  if (!manifest) return fail(manifest.error().with_context(layout.folder.string() + ": " + entry.digest));
  return manifest;
}

Result<std::string> read_blob(const Layout& layout, const OciDescriptor& descriptor, size_t max_bytes) {
  auto bytes = read_small(layout.root.get(), blob_key(descriptor.digest), max_bytes);
  if (!bytes) return fail(bytes.error().with_context(layout.folder.string()));
  const std::string found = sha256_digest(*bytes);
  if (std::cmp_not_equal(bytes->size(), descriptor.size) || found != descriptor.digest) {
    return fail(corrupt(layout.folder.string() + ": blob " + descriptor.digest + " of " +
                        std::to_string(descriptor.size) + " bytes: found " + found + " of " +
                        std::to_string(bytes->size()) + " bytes"));
  }
  return bytes;
}

std::string blob_key(std::string_view digest) { return "blobs/sha256/" + hex_of(digest); }

Result<Descriptor> open_blob(const Layout& layout, std::string_view digest) {
  auto blob = open_regular(layout.root.get(), blob_key(digest));
  if (!blob) return fail(blob.error().with_context(layout.folder.string()));
  return blob;
}

Result<Copied> store_blob(const Layout& layout, int from, const BytesSink& sink) {
  const std::string temporary = temporary_key();
  auto copied = ingest(layout, temporary, from, sink);
  if (!copied) remove_temporary(layout, temporary);
  return copied;
}

Result<Copied> store_blob_bytes(const Layout& layout, std::string_view bytes) {
  const std::string digest = sha256_digest(bytes);
  WAN_TRY(const Place place, locate(layout.root.get(), blob_key(digest), Missing::kCreate));
  WAN_TRY_VOID(write_file_atomically(layout.folder / blob_key(digest), bytes));
  return Copied{digest, static_cast<int64_t>(bytes.size())};
}

Result<Descriptor> lock_writers(const Layout& layout) {
  WAN_TRY(Descriptor lock, create_regular(layout.root.get(), kLockFile));
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail(from_errno(errno, "lock " + layout.folder.string()));
  }
  std::error_code ignored;
  std::filesystem::remove_all(layout.folder / kIngestFolder, ignored);
  return lock;
}

Status set_reference(const Layout& layout, std::string_view name, const OciDescriptor& entry) {
  WAN_TRY_VOID(check_name(name));
  WAN_TRY(const std::string index, read_index_bytes(layout));
  WAN_TRY(const std::string changed, index_with(index, name, entry));
  return write_file_atomically(layout.folder / kIndexFile, changed);
}

}  // namespace wan::gallery
