#include "runtime/gallery/artifacts/store.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/crypto/hmac.h"
#include "runtime/gallery/artifacts/digest_index.h"
#include "runtime/gallery/copy.h"
#include "runtime/gallery/key.h"

namespace wan::gallery {
namespace {

constexpr std::string_view kOwn = ".wan";

std::string temporary_key() {
  const std::string bytes = random_bytes(8);
  return ".wan/tmp/" + to_hex(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

void remove_key(const ArtifactStore& store, std::string_view key) {
  if (auto place = locate(store.root.get(), key)) ::unlinkat(place->folder.get(), place->name.c_str(), 0);
}

bool links_unsupported(int number) {
  return number == EPERM || number == EOPNOTSUPP || number == ENOSYS || number == EMLINK || number == EXDEV;
}

// Like rename, but EEXIST if `to` is there. Errno in the return value, 0 for success.
int rename_if_absent(const Place& from, const Place& to) {
  if (::syscall(SYS_renameat2, from.folder.get(), from.name.c_str(), to.folder.get(), to.name.c_str(),
                RENAME_NOREPLACE) == 0) {
    return 0;
  }
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system without the flag: an empty file reserves the name first, so that of two writers one fails.
  Descriptor reserved(
      ::openat(to.folder.get(), to.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444));
  if (!reserved.is_open()) return errno;
  const int renamed = ::renameat(from.folder.get(), from.name.c_str(), to.folder.get(), to.name.c_str());
  if (renamed == 0) return 0;
  const int error = errno;
  ::unlinkat(to.folder.get(), to.name.c_str(), 0);
  return error;
}

// For file systems without hard links: the bytes again, then a rename that replaces nothing.
Result<int> copy_if_absent(const ArtifactStore& store, const std::string& blob, const Place& to) {
  WAN_TRY(const Descriptor from, open_regular(store.root.get(), blob));
  const std::string temporary = temporary_key();
  WAN_TRY(const Descriptor copy, create_regular(store.root.get(), temporary));
  Status status;
  if (auto copied = copy_and_hash(from.get(), copy.get()); !copied) status = fail(copied.error());
  if (status) status = sync(copy.get(), "an artifact");
  if (!status) {
    remove_key(store, temporary);
    return fail(status.error());
  }
  WAN_TRY(const Place place, locate(store.root.get(), temporary));
  const int error = rename_if_absent(place, to);
  if (error != 0) remove_key(store, temporary);
  return error;
}

// 0, EEXIST or an error.
Result<int> link_if_absent(const ArtifactStore& store, const std::string& blob, const Place& to) {
  WAN_TRY(const Place from, locate(store.root.get(), blob));
  if (::linkat(from.folder.get(), from.name.c_str(), to.folder.get(), to.name.c_str(), 0) == 0) return 0;
  if (links_unsupported(errno)) return copy_if_absent(store, blob, to);
  return errno;
}

// A blob that someone changed in place gives way to the good bytes.
Status replace_if_damaged(const ArtifactStore& store, const Place& from, const Place& to,
                          std::string_view digest) {
  const auto old = open_regular(store.root.get(), artifact_blob_key(digest));
  const Result<Copied> found = old ? copy_and_hash(old->get(), -1) : fail(old.error());
  if (found && found->digest == digest) return {};
  if (::renameat(from.folder.get(), from.name.c_str(), to.folder.get(), to.name.c_str()) == 0) return {};
  return fail(from_errno(errno, "publish a blob"));
}

Result<Publication> compare_with_existing(const ArtifactStore& store, std::string_view digest,
                                          std::string_view path) {
  const auto existing = describe_artifact(store, path);
  if (existing && existing->digest == digest) return Publication::kSameBytes;
  return fail({ErrorCode::kAlreadyExists,
               "\"" + std::string(path) + "\" already holds " +
                   (existing ? "other bytes (" + existing->digest + ")" : "something that is not a file") +
                   "; a published artifact is never replaced: choose another path or remove it"});
}

}  // namespace

Status check_artifact_digest(std::string_view digest) {
  if (is_sha256_digest(digest)) return {};
  return fail(invalid_argument("\"" + std::string(digest.substr(0, 80)) +
                               "\" is not sha256: and 64 lower-case hex digits"));
}

std::string artifact_blob_key(std::string_view digest) { return ".wan/blobs/sha256/" + hex_of(digest); }

Status check_artifact_path(std::string_view path) {
  WAN_TRY_VOID(check_key(path));
  if (path.substr(0, path.find('/')) != kOwn) return {};
  return fail(invalid_argument("\"" + std::string(path) + "\": .wan is reserved; choose another path"));
}

Result<ArtifactStore> open_artifacts(const std::filesystem::path& folder) {
  WAN_TRY(Descriptor root, open_root(folder));
  return ArtifactStore{folder, std::move(root)};
}

Status prepare_artifacts(const ArtifactStore& store) {
  for (const std::string key : {".wan/blobs/sha256/x", ".wan/index/x"}) {
    WAN_TRY_VOID(locate(store.root.get(), key, Missing::kCreate));
  }
  return prepare_uploads(store);
}

Status prepare_uploads(const ArtifactStore& store) {
  WAN_TRY_VOID(locate(store.root.get(), ".wan/tmp/x", Missing::kCreate));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(store.folder / ".wan/tmp", error)) {
    std::filesystem::remove_all(entry.path(), error);
  }
  return check_writable(store);
}

Status check_writable(const ArtifactStore& store) {
  WAN_TRY(Upload upload, Upload::begin(store));
  return upload.append("x");
}

int64_t free_bytes(const ArtifactStore& store) {
  struct statvfs information{};
  if (::fstatvfs(store.root.get(), &information) != 0) return INT64_MAX;
  return static_cast<int64_t>(information.f_bavail * information.f_frsize);
}

Upload::Upload(const ArtifactStore& store, std::string key, Descriptor file)
    : store_(&store), key_(std::move(key)), file_(std::move(file)) {}

Upload::~Upload() {
  if (file_.is_open()) remove_key(*store_, key_);
}

Result<Upload> Upload::begin(const ArtifactStore& store) {
  std::string key = temporary_key();
  WAN_TRY(Descriptor file, create_regular(store.root.get(), key));
  return Upload(store, std::move(key), std::move(file));
}

Status Upload::append(std::string_view bytes) {
  WAN_TRY_VOID(write_all(file_.get(), bytes));
  hash_.update(bytes);
  bytes_ += static_cast<int64_t>(bytes.size());
  return {};
}

Status Upload::verify(std::string_view digest) {
  const std::string found = hash_.finish_digest();
  if (found == digest) return {};
  return fail(corrupt("the body is " + found + " of " + std::to_string(bytes_) + " bytes, announced was " +
                      std::string(digest)));
}

std::filesystem::path Upload::file() const { return "/proc/self/fd/" + std::to_string(file_.get()); }

Result<Artifact> publish_blob(const ArtifactStore& store, Upload& upload, std::string_view digest) {
  WAN_TRY_VOID(upload.verify(digest));
  if (::fchmod(upload.file_.get(), 0444) != 0) return fail(from_errno(errno, "protect an artifact"));
  WAN_TRY_VOID(sync(upload.file_.get(), "an artifact"));
  WAN_TRY(const Place from, locate(store.root.get(), upload.key_));
  WAN_TRY(const Place to, locate(store.root.get(), artifact_blob_key(digest), Missing::kCreate));
  const int error = rename_if_absent(from, to);
  if (error != 0 && error != EEXIST) return fail(from_errno(error, "publish a blob"));
  if (error == EEXIST) WAN_TRY_VOID(replace_if_damaged(store, from, to, digest));
  WAN_TRY_VOID(sync(to.folder.get(), "the folder of blobs"));
  return Artifact{"", std::string(digest), upload.bytes_};
}

Result<Artifact> check_blob(const ArtifactStore& store, std::string_view digest) {
  WAN_TRY(const Descriptor file, open_regular(store.root.get(), artifact_blob_key(digest)));
  WAN_TRY(const Copied found, copy_and_hash(file.get(), -1));
  if (found.digest == digest) return Artifact{"", found.digest, found.bytes};
  return fail(corrupt("the stored bytes of " + std::string(digest) + " are " + found.digest +
                      " now: something changed them"));
}

Status note_blob_use(const ArtifactStore& store, std::string_view digest) {
  WAN_TRY_VOID(check_artifact_digest(digest));
  WAN_TRY(const Place blob, locate(store.root.get(), artifact_blob_key(digest)));
  // The time of reading alone: by that of writing the digest of a path is remembered.
  const timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  if (::utimensat(blob.folder.get(), blob.name.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0) return {};
  return fail(from_errno(errno, "note the use of " + std::string(digest)));
}

size_t remove_unused_blobs(const ArtifactStore& store, std::chrono::seconds unused_for) {
  const auto oldest = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() - unused_for);
  const auto folder = locate(store.root.get(), artifact_blob_key("sha256:x"));
  size_t removed = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(store.folder / ".wan/blobs/sha256", error)) {
    const std::string name = entry.path().filename();
    struct stat blob{};
    if (!folder || ::fstatat(folder->folder.get(), name.c_str(), &blob, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const bool has_path = blob.st_nlink > 1;
    if (has_path || std::max(blob.st_atime, blob.st_mtime) >= oldest) continue;
    if (::unlinkat(folder->folder.get(), name.c_str(), 0) == 0) ++removed;
  }
  return removed;
}

Result<Publication> publish_file(const ArtifactStore& store, std::string_view digest, std::string_view path) {
  WAN_TRY_VOID(check_artifact_path(path));
  WAN_TRY(const Place to, locate(store.root.get(), path, Missing::kCreate));
  WAN_TRY(const int error, link_if_absent(store, artifact_blob_key(digest), to));
  if (error == EEXIST) return compare_with_existing(store, digest, path);
  if (error != 0) return fail(from_errno(error, "publish \"" + std::string(path) + "\""));
  WAN_TRY_VOID(sync(to.folder.get(), path));
  WAN_TRY(const Descriptor file, open_regular(store.root.get(), path));
  WAN_TRY_VOID(remember_digest(store.root.get(), path, file.get(), std::string(digest)));
  return Publication::kCreated;
}

Result<Removal> remove_artifact(const ArtifactStore& store, std::string_view digest, std::string_view path) {
  const auto existing = describe_artifact(store, path);
  if (!existing && existing.error().code == ErrorCode::kNotFound) return Removal::kNotThere;
  if (!existing) return fail(existing.error());
  if (existing->digest != digest) {
    return fail(failed_precondition("\"" + std::string(path) + "\" holds " + existing->digest + ", not " +
                                    std::string(digest)));
  }
  WAN_TRY(const Place place, locate(store.root.get(), path));
  if (::unlinkat(place.folder.get(), place.name.c_str(), 0) != 0 && errno != ENOENT) {
    return fail(from_errno(errno, "remove \"" + std::string(path) + "\""));
  }
  forget_digest(store.root.get(), path);
  WAN_TRY_VOID(sync(place.folder.get(), path));
  // Paths are links to their blob: one link left is the blob's own name. (Where a file system has no links,
  // paths are copies and do not need it.)
  struct stat information{};
  const auto blob = open_artifact_blob(store, digest);
  if (blob && ::fstat(blob->get(), &information) == 0 && information.st_nlink == 1) {
    remove_key(store, artifact_blob_key(digest));
  }
  return Removal::kRemoved;
}

Result<Descriptor> open_artifact(const ArtifactStore& store, std::string_view path) {
  WAN_TRY_VOID(check_artifact_path(path));
  return open_regular(store.root.get(), path);
}

Result<Descriptor> open_artifact_blob(const ArtifactStore& store, std::string_view digest) {
  WAN_TRY_VOID(check_artifact_digest(digest));
  return open_regular(store.root.get(), artifact_blob_key(digest));
}

Result<Artifact> describe_artifact(const ArtifactStore& store, std::string_view path) {
  WAN_TRY(const Descriptor file, open_artifact(store, path));
  WAN_TRY(const int64_t bytes, size_of(file.get()));
  if (auto known = recall_digest(store.root.get(), path, file.get())) {
    return Artifact{std::string(path), *known, bytes};
  }
  WAN_TRY(const Copied hashed, copy_and_hash(file.get(), -1));
  return Artifact{std::string(path), hashed.digest, hashed.bytes};
}

Result<std::vector<Artifact>> list_artifacts(const ArtifactStore& store) {
  namespace fs = std::filesystem;
  std::vector<Artifact> artifacts;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(store.folder, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const std::string key = at->path().lexically_relative(store.folder).generic_string();
    if (!check_artifact_path(key) || at->is_symlink(error)) {
      at.disable_recursion_pending();
      continue;
    }
    if (!at->is_regular_file(error)) continue;
    if (auto artifact = describe_artifact(store, key)) artifacts.push_back(*std::move(artifact));
  }
  if (error) return fail(from_errno(error.value(), "list " + store.folder.string()));
  std::ranges::sort(artifacts, {}, &Artifact::path);
  return artifacts;
}

}  // namespace wan::gallery
