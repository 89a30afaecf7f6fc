#include "base/async/blocking.h"
#include "base/log.h"
#include "runtime/gallery/artifacts/backend.h"
#include "runtime/gallery/key.h"

namespace wan::gallery {
namespace {

constexpr std::chrono::hours kUnusedFor{30 * 24};
constexpr std::chrono::hours kTidyingPause{24};

Result<Found> find_artifact(const ArtifactStore& store, const std::string& path) {
  WAN_TRY(Descriptor file, open_artifact(store, path));
  WAN_TRY(Artifact artifact, describe_artifact(store, path));
  return Found{.artifact = std::move(artifact), .file = std::move(file)};
}

Result<Found> find_blob(const ArtifactStore& store, const std::string& digest) {
  WAN_TRY(Descriptor file, open_artifact_blob(store, digest));
  WAN_TRY(const int64_t bytes, size_of(file.get()));
  return Found{.artifact = {"", digest, bytes}, .file = std::move(file)};
}

// Of its blob, at a path.
Result<Stored> at_path(const ArtifactStore& store, Artifact artifact, const std::string& path) {
  WAN_TRY(const Publication publication, publish_file(store, artifact.digest, path));
  artifact.path = path;
  return Stored{std::move(artifact), publication};
}

class VolumeBackend final : public Backend {
 public:
  VolumeBackend(ArtifactStore volume, bool read_only) : Backend(read_only), volume_(std::move(volume)) {}

  Status prepare() override {
    if (is_read_only()) return {};
    auto prepared = prepare_artifacts(volume_);
    if (prepared) return {};
    return fail(prepared.error().with_context("the volume " + volume_.folder.string()));
  }
  Task<Status> check() override {
    if (is_read_only()) co_return Status();
    const auto work = [this] { return check_writable(volume_); };
    co_return co_await run_blocking(files(), work);
  }
  const ArtifactStore& incoming() const override { return volume_; }
  std::string_view incoming_name() const override { return "the volume"; }

  Task<Result<Stored>> publish(Upload& upload, std::string digest, std::string path) override {
    const auto work = [&]() -> Result<Stored> {
      WAN_TRY(Artifact artifact, publish_blob(volume_, upload, digest));
      if (path.empty()) return Stored{std::move(artifact), Publication::kCreated};
      return at_path(volume_, std::move(artifact), path);
    };
    co_return co_await run_blocking(files(), work);
  }
  Task<Result<Stored>> copy(std::string digest, std::string path) override {
    const auto work = [&]() -> Result<Stored> {
      WAN_TRY(Artifact artifact, check_blob(volume_, digest));
      return at_path(volume_, std::move(artifact), path);
    };
    co_return co_await run_blocking(files(), work);
  }
  Task<Result<Removal>> remove(std::string digest, std::string path) override {
    const auto work = [&] { return remove_artifact(volume_, digest, path); };
    co_return co_await run_blocking(files(), work);
  }
  Task<Result<Found>> find(Name name) override {
    const auto work = [&] {
      return name.path.empty() ? find_blob(volume_, name.digest) : find_artifact(volume_, name.path);
    };
    co_return co_await run_blocking(files(), work);
  }
  Task<void> note_use(std::string digest) override {
    const auto now = std::chrono::steady_clock::now();
    const bool tidies = now >= next_tidying_;
    if (tidies) next_tidying_ = now + kTidyingPause;
    const auto work = [&]() -> Result<size_t> {
      WAN_TRY_VOID(note_blob_use(volume_, digest));
      return tidies ? remove_unused_blobs(volume_, kUnusedFor) : 0;
    };
    const auto removed = co_await run_blocking(files(), work);
    if (!removed) log::warn("{}", removed.error().message);
    if (removed.value_or(0) > 0) log::info("removed {} blobs that nobody has asked for in 30 days", *removed);
  }
  Task<Status> send(Found found, const net::IncomingRequest&, net::ResponseWriter& writer,
                    net::Headers headers) override {
    // The open file itself, so that no one can put a link in its place meanwhile.
    std::filesystem::path file = "/proc/self/fd/" + std::to_string(found.file.get());
    co_return co_await writer.respond_file(std::move(file), std::move(headers));
  }

 private:
  ArtifactStore volume_;
  std::chrono::steady_clock::time_point next_tidying_{};
};

}  // namespace

std::unique_ptr<Backend> volume_backend(ArtifactStore volume, bool read_only) {
  return std::make_unique<VolumeBackend>(std::move(volume), read_only);
}

}  // namespace wan::gallery
