#pragma once
// Which paths of a bucket hold the bytes of a digest: one small object per digest, so that a video can be
// published again without being uploaded again. It is an aid, not the truth: an artifact without its entry is
// only not found by digest.

#include <functional>
#include <string>
#include <vector>

#include "runtime/gallery/artifacts/s3_client.h"

namespace wan::gallery {

using Paths = std::vector<std::string>;

// `folder`: where the entries are, "PREFIX.wan/index/". Empty where nobody knows any.
[[nodiscard]] Task<Result<Paths>> indexed_paths(S3Client& client, std::string folder, std::string digest);

// Adds a path to, or takes it out of, the entry of the digest, and returns those that are left; several
// servers may do so at a time. The entry goes with its last path.
[[nodiscard]] Task<Result<Paths>> add_to_index(S3Client& client, std::string folder, std::string digest,
                                               std::string path);
[[nodiscard]] Task<Result<Paths>> take_from_index(S3Client& client, std::string folder, std::string digest,
                                                  std::string path);

}  // namespace wan::gallery
