#pragma once
// The artifact store on one volume: results under the paths their users named, the same bytes as blobs by
// sha256 under .wan. Blocking file work; call it from a thread that may wait.
//
// Bytes become visible only complete, synced and under the digest they were announced with; a path, once
// taken, keeps its bytes (publication is if-absent).

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/sha256.h"
#include "base/io/descriptor.h"
#include "base/result.h"

namespace wan::gallery {

struct ArtifactStore {
  std::filesystem::path folder;
  Descriptor root;
};

struct Artifact {
  std::string path;
  std::string digest;
  int64_t bytes = 0;
};

// A key outside .wan, which is ours.
[[nodiscard]] Status check_artifact_path(std::string_view path);
// "sha256:" and 64 hex digits.
[[nodiscard]] Status check_artifact_digest(std::string_view digest);
// Where the store, of whatever kind, keeps a blob: .wan/blobs/sha256/HEX.
[[nodiscard]] std::string artifact_blob_key(std::string_view digest);

[[nodiscard]] Result<ArtifactStore> open_artifacts(const std::filesystem::path& folder);
// A folder for uploads alone, not for artifacts: makes .wan/tmp and removes what interrupted uploads left.
[[nodiscard]] Status prepare_uploads(const ArtifactStore& store);
// For the one server of the volume: makes .wan and removes what interrupted uploads left.
[[nodiscard]] Status prepare_artifacts(const ArtifactStore& store);
// The volume takes bytes now.
[[nodiscard]] Status check_writable(const ArtifactStore& store);
[[nodiscard]] int64_t free_bytes(const ArtifactStore& store);

// Bytes on their way in: a temporary file that goes away with this object.
class Upload {
 public:
  [[nodiscard]] static Result<Upload> begin(const ArtifactStore& store);
  Upload(Upload&&) noexcept = default;
  Upload& operator=(Upload&&) = delete;
  ~Upload();
  // kResourceExhausted: the volume is full.
  [[nodiscard]] Status append(std::string_view bytes);
  [[nodiscard]] int64_t bytes() const { return bytes_; }
  // kCorrupt if the bytes are not `digest`. Ends the upload: nothing more can be appended.
  [[nodiscard]] Status verify(std::string_view digest);
  // To read what was uploaded, as long as this object lives.
  [[nodiscard]] std::filesystem::path file() const;

 private:
  friend Result<Artifact> publish_blob(const ArtifactStore& store, Upload& upload, std::string_view digest);
  Upload(const ArtifactStore& store, std::string key, Descriptor file);
  const ArtifactStore* store_;
  std::string key_;
  Descriptor file_;
  Sha256 hash_;
  int64_t bytes_ = 0;
};

// The uploaded bytes as a blob. kCorrupt if they are not `digest`. The upload is used up.
[[nodiscard]] Result<Artifact> publish_blob(const ArtifactStore& store, Upload& upload,
                                            std::string_view digest);

// A blob that is there already, read and hashed again. kNotFound; kCorrupt if it is not what its name says.
[[nodiscard]] Result<Artifact> check_blob(const ArtifactStore& store, std::string_view digest);

// Somebody has asked for the blob now. kNotFound.
[[nodiscard]] Status note_blob_use(const ArtifactStore& store, std::string_view digest);
// Removes the blobs that no path has and that nobody has put there or asked for in `unused_for`: pictures
// that videos were begun with. Returns how many.
size_t remove_unused_blobs(const ArtifactStore& store, std::chrono::seconds unused_for);

enum class Publication { kCreated, kSameBytes };
// The blob at a path: kSameBytes if the path holds these bytes already, kAlreadyExists if it holds others.
[[nodiscard]] Result<Publication> publish_file(const ArtifactStore& store, std::string_view digest,
                                               std::string_view path);

enum class Removal { kRemoved, kNotThere };
// Takes the file at a path away if it holds these bytes, and the blob with it once no other path does.
// kFailedPrecondition if it holds others.
[[nodiscard]] Result<Removal> remove_artifact(const ArtifactStore& store, std::string_view digest,
                                              std::string_view path);

[[nodiscard]] Result<Descriptor> open_artifact(const ArtifactStore& store, std::string_view path);
[[nodiscard]] Result<Descriptor> open_artifact_blob(const ArtifactStore& store, std::string_view digest);
// Size and digest; hashes the file if it changed since its publication.
[[nodiscard]] Result<Artifact> describe_artifact(const ArtifactStore& store, std::string_view path);
// Every artifact, sorted by path.
[[nodiscard]] Result<std::vector<Artifact>> list_artifacts(const ArtifactStore& store);

}  // namespace wan::gallery
