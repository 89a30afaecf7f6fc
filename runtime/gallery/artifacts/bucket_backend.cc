// Artifacts in a bucket:
//
//   PREFIX PATH                        a result; its sha256 in the metadata
//   PREFIX .wan/index/HEX.json         the paths that hold the bytes of a digest
//   PREFIX .wan/blobs/sha256/HEX       what was uploaded as a blob
//   PREFIX .wan/store                  marks that conditional writes work here
//
// An upload is hashed in a folder of ours first; the server then takes it whole, checks it against the hash
// in the signature, and only if the key is free (If-None-Match: *).

#include <algorithm>

#include "base/async/blocking.h"
#include "base/crypto/sha256.h"
#include "base/log.h"
#include "runtime/gallery/artifacts/backend.h"
#include "runtime/gallery/artifacts/bucket_index.h"
#include "runtime/gallery/copy.h"

namespace wan::gallery {
namespace {

constexpr std::chrono::seconds kCheckedFor{30};
constexpr std::chrono::milliseconds kIdle{30'000};
constexpr int kAttempts = 5;  // to write a key that others write too
constexpr std::chrono::milliseconds kPause{100};
constexpr std::string_view kMarker = "wan-gallery keeps artifacts here.\n";

// To a client the store's troubles are one: it is not to be had now, and why.
Error for_client(Error error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
    case ErrorCode::kCorrupt:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kInvalidArgument: return error;
    default: return unavailable(std::move(error.message));
  }
}

// A part only of exactly the version that the client has a part of, and one part only.
std::optional<std::string> wanted_range(const net::Headers& request, const std::string& digest) {
  const auto range = request.get("Range");
  const auto condition = request.get("If-Range");
  const bool applies = !condition || *condition == "\"" + digest + "\"";
  if (!range || !applies || range->find(',') != range->npos) return std::nullopt;
  return std::string(*range);
}

std::optional<uint64_t> length_of(const net::Response& head) {
  const auto text = head.headers.get("Content-Length");
  if (!text) return std::nullopt;
  return std::strtoull(std::string(*text).c_str(), nullptr, 10);
}

class BucketBackend final : public Backend {
 public:
  BucketBackend(asio::any_io_executor executor, BucketSettings settings, ArtifactStore uploads,
                const Clock& clock)
      : Backend(settings.read_only),
        prefix_(std::move(settings.prefix)),
        uploads_(std::move(uploads)),
        clock_(clock),
        client_(std::move(executor), std::move(settings.s3), std::move(settings.credentials), files(),
                clock) {}

  Status prepare() override {
    auto prepared = prepare_uploads(uploads_);
    if (prepared) return {};
    return fail(prepared.error().with_context("the folder for uploads " + uploads_.folder.string()));
  }
  Task<Status> check() override;
  const ArtifactStore& incoming() const override { return uploads_; }
  std::string_view incoming_name() const override { return "the folder for uploads"; }
  Task<Result<Stored>> publish(Upload& upload, std::string digest, std::string path) override;
  Task<Result<Stored>> copy(std::string digest, std::string path) override;
  Task<Result<Removal>> remove(std::string digest, std::string path) override;
  Task<Result<Found>> find(Name name) override;
  Task<Status> send(Found found, const net::IncomingRequest& request, net::ResponseWriter& writer,
                    net::Headers headers) override;

 private:
  std::string key(std::string_view path) const { return prefix_ + std::string(path); }
  std::string blob_key(std::string_view digest) const { return key(artifact_blob_key(digest)); }
  std::string index() const { return key(".wan/index/"); }

  Task<Status> check_writes();
  Task<Result<bool>> put_marker();
  Task<Result<Found>> describe(std::string key, std::string path);
  // Hashes an object; into the upload too, if there is one.
  Task<Result<Copied>> read_through(std::string key, Upload* upload);
  Task<Result<bool>> put_upload(const Upload& upload, std::string digest, std::string key,
                                bool only_if_absent);
  Task<Result<Stored>> put_blob(const Upload& upload, std::string digest);
  Task<Result<Stored>> put_artifact(const Upload& upload, std::string digest, std::string path);
  Task<Result<Stored>> compare_with_existing(std::string digest, std::string path);
  Task<Result<std::optional<Upload>>> fetch(std::string key, std::string digest);
  Task<Status> pass_on(net::ResponseStream& from, net::ResponseWriter& to, std::string expected);
  Task<Status> forget(std::string digest, std::string path);

  std::string prefix_;
  ArtifactStore uploads_;
  const Clock& clock_;
  std::optional<SteadyTime> checked_at_;
  S3Client client_;
};

Task<Result<bool>> BucketBackend::put_marker() {
  S3Put put;
  put.key = key(".wan/store");
  put.body = kMarker;
  put.sha256 = sha256_hex(kMarker);
  put.headers.set("If-None-Match", "*");
  co_return co_await client_.put(std::move(put));
}

Task<Status> BucketBackend::check() {
  if (checked_at_ && clock_.steady() - *checked_at_ < kCheckedFor) co_return Status{};
  WAN_CO_TRY_VOID(is_read_only() ? co_await client_.check_readable(key(".wan/store"))
                                 : co_await check_writes());
  checked_at_ = clock_.steady();
  co_return Status{};
}

// Writing shows at once whether address, key, rights and bucket are right; that the second write of the
// marker is refused shows that the server obeys conditions.
Task<Status> BucketBackend::check_writes() {
  WAN_CO_TRY(const bool was_absent, co_await put_marker());
  if (!was_absent) co_return Status{};
  WAN_CO_TRY(const bool overwritten, co_await put_marker());
  if (!overwritten) co_return Status{};
  co_return fail(failed_precondition(
      "bucket " + client_.place().bucket + " at " + client_.place().endpoint +
      ": the server ignores If-None-Match, so a published video could be overwritten: use one that obeys "
      "conditional writes"));
}

Task<Result<Copied>> BucketBackend::read_through(std::string key, Upload* upload) {
  net::Headers none;
  WAN_CO_TRY(auto stream, co_await client_.get(std::move(key), std::move(none)));
  Sha256 hash;
  int64_t bytes = 0;
  std::string piece;
  const auto append = [&] { return upload->append(piece); };
  for (;;) {
    piece.clear();
    WAN_CO_TRY(const bool more, co_await stream->read_some(piece, kIdle));
    if (!more) break;
    hash.update(piece);
    bytes += static_cast<int64_t>(piece.size());
    if (upload != nullptr) WAN_CO_TRY_VOID(co_await run_blocking(files(), append));
  }
  co_return Copied{hash.finish_digest(), bytes};
}

// An object that somebody else has put there has no digest yet.
Task<Result<Found>> BucketBackend::describe(std::string key, std::string path) {
  WAN_CO_TRY(const S3Object object, co_await client_.head(key));
  Found found{.artifact = {std::move(path), object.sha256, static_cast<int64_t>(object.bytes)},
              .key = key,
              .version = object.etag};
  if (!object.sha256.empty() || is_read_only()) co_return found;
  WAN_CO_TRY(const Copied hashed, co_await read_through(std::move(key), nullptr));
  found.artifact.digest = hashed.digest;
  co_return found;
}

Task<Result<bool>> BucketBackend::put_upload(const Upload& upload, std::string digest, std::string key,
                                             bool only_if_absent) {
  S3Put put;
  put.headers.set("Content-Type", artifact_content_type(key));
  put.headers.set("x-amz-meta-sha256", hex_of(digest));
  if (only_if_absent) put.headers.set("If-None-Match", "*");
  put.key = std::move(key);
  put.file = upload.file();
  put.sha256 = hex_of(digest);
  co_return co_await client_.put(std::move(put));
}

// A blob that somebody has changed gives way to the good bytes.
Task<Result<Stored>> BucketBackend::put_blob(const Upload& upload, std::string digest) {
  WAN_CO_TRY(const bool created, co_await put_upload(upload, digest, blob_key(digest), true));
  if (!created) {
    WAN_CO_TRY(const Copied there, co_await read_through(blob_key(digest), nullptr));
    if (there.digest != digest) {
      WAN_CO_TRY_VOID(co_await put_upload(upload, digest, blob_key(digest), false));
    }
  }
  co_return Stored{{"", digest, upload.bytes()}, Publication::kCreated};
}

Task<Result<Stored>> BucketBackend::compare_with_existing(std::string digest, std::string path) {
  auto existing = co_await describe(key(path), path);
  if (!existing && existing.error().code == ErrorCode::kNotFound) {
    co_return fail(
        Error{ErrorCode::kConflict, "\"" + path + "\" is being written by somebody else: try again"});
  }
  if (!existing) co_return fail(existing.error());
  if (existing->artifact.digest == digest) {
    co_return Stored{std::move(existing->artifact), Publication::kSameBytes};
  }
  co_return fail(Error{ErrorCode::kAlreadyExists,
                       "\"" + path + "\" already holds other bytes (" + existing->artifact.digest +
                           "); a published artifact is never replaced: choose another path or remove it"});
}

// A key that is taken and yet not there is just being written by another server: a moment later it is told
// apart.
Task<Result<Stored>> BucketBackend::put_artifact(const Upload& upload, std::string digest, std::string path) {
  for (int attempt = 1;; ++attempt) {
    WAN_CO_TRY(const bool created, co_await put_upload(upload, digest, key(path), true));
    if (created) break;
    auto existing = co_await compare_with_existing(digest, path);
    const bool is_settled = existing || existing.error().code != ErrorCode::kConflict;
    if (is_settled || attempt == kAttempts) co_return existing;
    WAN_CO_TRY_VOID(co_await sleep_for(kPause));
  }
  const auto noted = co_await add_to_index(client_, index(), digest, path);
  if (!noted) log::warn("{} is stored, but not found by its digest: {}", path, noted.error().message);
  co_return Stored{{path, digest, upload.bytes()}, Publication::kCreated};
}

template <typename T>
Result<T> for_client(Result<T> result) {
  if (result || result.error().code == ErrorCode::kAlreadyExists) return result;
  return fail(for_client(std::move(result).error()));
}

Task<Result<Stored>> BucketBackend::publish(Upload& upload, std::string digest, std::string path) {
  WAN_CO_TRY_VOID(upload.verify(digest));
  if (path.empty()) {
    auto blob = co_await put_blob(upload, digest);
    co_return for_client(std::move(blob));
  }
  WAN_CO_TRY_VOID(check_artifact_path(path));
  auto stored = co_await put_artifact(upload, digest, path);
  co_return for_client(std::move(stored));
}

// Nothing where there is no such object. kCorrupt if it does not hold these bytes.
Task<Result<std::optional<Upload>>> BucketBackend::fetch(std::string key, std::string digest) {
  WAN_CO_TRY(Upload upload, Upload::begin(uploads_));
  const auto found = co_await read_through(key, &upload);
  if (!found && found.error().code == ErrorCode::kNotFound) co_return std::optional<Upload>();
  if (!found) co_return fail(found.error());
  if (found->digest == digest) co_return std::optional<Upload>(std::move(upload));
  co_return fail(corrupt("the stored bytes of " + digest + " in " + key + " are " + found->digest +
                         " now: something changed them"));
}

Task<Result<Stored>> BucketBackend::copy(std::string digest, std::string path) {
  WAN_CO_TRY_VOID(check_artifact_digest(digest));
  WAN_CO_TRY_VOID(check_artifact_path(path));
  auto paths = co_await indexed_paths(client_, index(), digest);
  if (!paths) co_return fail(for_client(std::move(paths).error()));
  std::vector<std::string> keys{blob_key(digest)};
  std::ranges::transform(*paths, std::back_inserter(keys),
                         [this](const std::string& one) { return key(one); });
  Error trouble = not_found("no artifact has the bytes of " + digest);
  for (const std::string& one : keys) {
    auto upload = co_await fetch(one, digest);
    if (!upload) trouble = upload.error();
    if (!upload || !*upload) continue;
    auto stored = co_await put_artifact(**upload, digest, path);
    co_return for_client(std::move(stored));
  }
  co_return fail(for_client(std::move(trouble)));
}

Task<Status> BucketBackend::forget(std::string digest, std::string path) {
  WAN_CO_TRY(const Paths left, co_await take_from_index(client_, index(), digest, path));
  if (!left.empty()) co_return Status{};
  co_return co_await client_.remove(blob_key(digest));
}

Task<Result<Removal>> BucketBackend::remove(std::string digest, std::string path) {
  WAN_CO_TRY_VOID(check_artifact_path(path));
  const auto existing = co_await describe(key(path), path);
  if (!existing && existing.error().code == ErrorCode::kNotFound) co_return Removal::kNotThere;
  if (!existing) co_return fail(for_client(existing.error()));
  if (existing->artifact.digest != digest) {
    co_return fail(
        failed_precondition("\"" + path + "\" holds " + existing->artifact.digest + ", not " + digest));
  }
  const Status removed = co_await client_.remove(key(path));
  if (!removed) co_return fail(for_client(removed.error()));
  const Status forgotten = co_await forget(digest, path);
  if (!forgotten)
    log::warn("{} is removed, but still found by its digest: {}", path, forgotten.error().message);
  co_return Removal::kRemoved;
}

Task<Result<Found>> BucketBackend::find(Name name) {
  if (!name.path.empty()) {
    WAN_CO_TRY_VOID(check_artifact_path(name.path));
    auto found = co_await describe(key(name.path), name.path);
    co_return for_client(std::move(found));
  }
  WAN_CO_TRY_VOID(check_artifact_digest(name.digest));
  auto blob = co_await describe(blob_key(name.digest), "");
  if (blob || blob.error().code != ErrorCode::kNotFound) co_return for_client(std::move(blob));
  auto paths = co_await indexed_paths(client_, index(), name.digest);
  if (!paths) co_return fail(for_client(std::move(paths).error()));
  for (const std::string& path : *paths) {
    auto found = co_await describe(key(path), "");
    if (found && found->artifact.digest == name.digest) co_return found;
  }
  co_return fail(not_found("no artifact has the bytes of " + name.digest));
}

// The last piece is held back until the whole is known to be right: a damaged object ends in an answer that
// is not whole.
Task<Status> BucketBackend::pass_on(net::ResponseStream& from, net::ResponseWriter& to,
                                    std::string expected) {
  Sha256 hash;
  std::string held, piece;
  for (;;) {
    piece.clear();
    WAN_CO_TRY(const bool more, co_await from.read_some(piece, kIdle));
    if (!more) break;
    hash.update(piece);
    if (!held.empty()) WAN_CO_TRY_VOID(co_await to.write(std::move(held)));
    held = std::move(piece);
  }
  const std::string found = hash.finish_digest();
  if (!expected.empty() && found != expected) {
    co_return fail(
        corrupt("the stored bytes are " + found + " now, not " + expected + ": something changed them"));
  }
  co_return co_await to.write(std::move(held));
}

Task<Status> BucketBackend::send(Found found, const net::IncomingRequest& request,
                                 net::ResponseWriter& writer, net::Headers headers) {
  headers.set("Accept-Ranges", "bytes");
  const auto bytes = static_cast<uint64_t>(found.artifact.bytes);
  if (request.head().method == "HEAD") co_return co_await writer.start_stream(200, std::move(headers), bytes);
  net::Headers asked;
  if (!found.version.empty()) asked.set("If-Match", found.version);
  if (const auto range = wanted_range(request.head().headers, found.artifact.digest))
    asked.set("Range", *range);
  auto stream = co_await client_.get(found.key, std::move(asked));
  if (!stream) {
    net::Response response = net::error_response(for_client(stream.error()));
    co_return co_await writer.respond(std::move(response));
  }
  const net::Response& head = (*stream)->head();
  if (const auto range = head.headers.get("Content-Range")) headers.set("Content-Range", std::string(*range));
  if (head.status == 416) {
    headers.set("Content-Range", "bytes */" + std::to_string(bytes));
    net::Response response{416, std::move(headers), ""};
    co_return co_await writer.respond(std::move(response));
  }
  const bool is_whole = head.status == 200;
  const auto length = is_whole ? std::optional<uint64_t>(bytes) : length_of(head);
  WAN_CO_TRY_VOID(co_await writer.start_stream(head.status, std::move(headers), length));
  std::string expected = is_whole ? found.artifact.digest : "";
  co_return co_await pass_on(**stream, writer, std::move(expected));
}

}  // namespace

std::unique_ptr<Backend> bucket_backend(asio::any_io_executor executor, BucketSettings settings,
                                        ArtifactStore uploads, const Clock& clock) {
  return std::make_unique<BucketBackend>(std::move(executor), std::move(settings), std::move(uploads), clock);
}

}  // namespace wan::gallery
