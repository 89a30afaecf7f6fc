#pragma once
// An OCI image layout on disk: oci-layout, index.json, blobs/sha256/HEX. Every read below checks digest and
// size.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/descriptor.h"
#include "runtime/gallery/copy.h"
#include "runtime/gallery/manifest.h"
#include "runtime/gallery/reference.h"

namespace wan::gallery {

// Blobs on their way in lie here.
inline constexpr std::string_view kIngestFolder = "ingest";

struct Layout {
  std::filesystem::path folder;
  Descriptor root;
};

[[nodiscard]] Result<Layout> open_layout(const std::filesystem::path& folder);
// Opens it, or makes an empty one (folders on the way too). A folder that has other things in it is refused.
[[nodiscard]] Result<Layout> open_or_create_layout(const std::filesystem::path& folder);

// The models of the layout: entries of index.json whose artifactType, if given, is a model's.
[[nodiscard]] Result<std::vector<OciDescriptor>> list_models(const Layout& layout);
// "" where the entry has none.
[[nodiscard]] std::string name_of(const OciDescriptor& entry);
// The entry that `reference` means. kNotFound names what the layout does have.
[[nodiscard]] Result<OciDescriptor> find_model(const Layout& layout, const Reference& reference);
[[nodiscard]] Result<ModelManifest> read_model(const Layout& layout, const OciDescriptor& entry);

// A small blob, checked. kCorrupt with both digests if it is not what its name says.
[[nodiscard]] Result<std::string> read_blob(const Layout& layout, const OciDescriptor& descriptor,
                                            size_t max_bytes);
[[nodiscard]] Result<Descriptor> open_blob(const Layout& layout, std::string_view digest);
// The key of a blob within the layout.
[[nodiscard]] std::string blob_key(std::string_view digest);

// Copies an open file into the blobs, hashing; the blob appears under its name when complete and synced.
[[nodiscard]] Result<Copied> store_blob(const Layout& layout, int from, const BytesSink& sink = {});
[[nodiscard]] Result<Copied> store_blob_bytes(const Layout& layout, std::string_view bytes);
// One writer at a time: hold it while storing blobs and setting references. Waits; also removes what an
// interrupted writer left. Readers need no lock, since index.json is replaced whole.
[[nodiscard]] Result<Descriptor> lock_writers(const Layout& layout);
// Makes `name` stand for `entry`, in place of what it stood for. The caller holds the writers' lock.
[[nodiscard]] Status set_reference(const Layout& layout, std::string_view name, const OciDescriptor& entry);

}  // namespace wan::gallery
