#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>

#include "../../base/temporary_folder.h"
#include "../process.h"
#include "runtime/gallery/artifacts/store.h"

namespace wan::gallery {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ArtifactStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(prepare_artifacts(store)); }

  Result<Artifact> blob(const std::string& bytes) {
    WAN_TRY(Upload upload, Upload::begin(store));
    WAN_TRY_VOID(upload.append(bytes));
    return publish_blob(store, upload, sha256_digest(bytes));
  }
  Result<Publication> put(const std::string& path, const std::string& bytes) {
    WAN_TRY(const Artifact artifact, blob(bytes));
    return publish_file(store, artifact.digest, path);
  }
  size_t temporary_files() {
    return static_cast<size_t>(std::distance(fs::directory_iterator(root() / ".wan/tmp"), {}));
  }
  [[nodiscard]] fs::path root() const { return folder.path(); }

  wan::testing::TemporaryFolder folder;
  ArtifactStore store = *open_artifacts(folder.path());
};

TEST_F(ArtifactStoreTest, AnArtifactLiesWhereItsUserWantedItAndUnderItsDigest) {
  EXPECT_EQ(put("out/red-ball.mp4", "video"), Publication::kCreated);
  EXPECT_EQ(wan::testing::read_text(root() / "out/red-ball.mp4"), "video");
  EXPECT_EQ(wan::testing::read_text(root() / ".wan/blobs/sha256" / sha256_hex("video")), "video");
  EXPECT_EQ(fs::hard_link_count(root() / "out/red-ball.mp4"), 2u);
  EXPECT_EQ(temporary_files(), 0u);
}

TEST_F(ArtifactStoreTest, TheSameBytesAgainAreFineOthersAreNot) {
  ASSERT_TRUE(put("a.mp4", "one"));
  EXPECT_EQ(put("a.mp4", "one"), Publication::kSameBytes);
  const auto other = put("a.mp4", "two");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(other.error().message, HasSubstr(sha256_digest("one")));
  EXPECT_EQ(wan::testing::read_text(root() / "a.mp4"), "one");
}

TEST_F(ArtifactStoreTest, OfTwoWritersOfOnePathExactlyOneWins) {
  for (int round = 0; round < 50; ++round) {
    const std::string path = "race-" + std::to_string(round);
    Result<Publication> first, second;
    std::thread thread([&] { first = put(path, "first bytes"); });
    second = put(path, "second bytes");
    thread.join();
    ASSERT_NE(first.has_value(), second.has_value());
    EXPECT_EQ(wan::testing::read_text(root() / path), first ? "first bytes" : "second bytes");
  }
}

TEST_F(ArtifactStoreTest, BytesThatAreNotTheAnnouncedOnesLeaveNothing) {
  auto upload = Upload::begin(store);
  ASSERT_TRUE(upload->append("something else"));
  EXPECT_EQ(publish_blob(store, *upload, sha256_digest("video")).error().code, ErrorCode::kCorrupt);
  upload = fail(internal_error("let go"));
  EXPECT_EQ(temporary_files(), 0u);
  EXPECT_TRUE(fs::is_empty(root() / ".wan/blobs/sha256"));
}

TEST_F(ArtifactStoreTest, LeftoversOfAKilledServerGoAtTheNextStart) {
  std::ofstream(root() / ".wan/tmp/0123") << "half a video";
  ASSERT_TRUE(prepare_artifacts(store));
  EXPECT_EQ(temporary_files(), 0u);
}

TEST_F(ArtifactStoreTest, BlobsThatNobodyAsksForGoUnlessAPathHasThem) {
  ASSERT_TRUE(put("a.mp4", "a video"));
  for (const char* bytes : {"asked for", "forgotten", "new"}) ASSERT_TRUE(blob(bytes));
  const auto file = [&](const char* bytes) { return root() / ".wan/blobs/sha256" / sha256_hex(bytes); };
  const timespec long_ago[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  for (const char* bytes : {"a video", "asked for", "forgotten"}) {
    ASSERT_EQ(::utimensat(AT_FDCWD, file(bytes).c_str(), long_ago, 0), 0);
  }
  ASSERT_TRUE(note_blob_use(store, sha256_digest("asked for")));
  EXPECT_FALSE(note_blob_use(store, sha256_digest("absent")));
  EXPECT_EQ(remove_unused_blobs(store, std::chrono::hours(24)), 1u);
  EXPECT_FALSE(fs::exists(file("forgotten")));
  for (const char* bytes : {"a video", "asked for", "new"}) EXPECT_TRUE(fs::exists(file(bytes))) << bytes;
  EXPECT_TRUE(describe_artifact(store, "a.mp4"));
}

TEST_F(ArtifactStoreTest, ADamagedBlobGivesWayToTheGoodBytes) {
  ASSERT_TRUE(blob("video"));
  const fs::path file = root() / ".wan/blobs/sha256" / sha256_hex("video");
  fs::permissions(file, fs::perms::owner_all);
  std::ofstream(file) << "broken";
  ASSERT_TRUE(put("a.mp4", "video"));
  EXPECT_EQ(wan::testing::read_text(root() / "a.mp4"), "video");
}

TEST_F(ArtifactStoreTest, PathsCanNeitherLeaveTheVolumeNorReachOurOwnFolder) {
  const auto digest = blob("video")->digest;
  for (const char* path : {"../x", "/x", ".wan/x", ".wan", "a/../../x", ""}) {
    EXPECT_EQ(publish_file(store, digest, path).error().code, ErrorCode::kInvalidArgument) << path;
    EXPECT_FALSE(open_artifact(store, path)) << path;
  }
  fs::create_symlink("/tmp", root() / "link");
  EXPECT_FALSE(publish_file(store, digest, "link/escaped.mp4"));
  EXPECT_FALSE(open_artifact_blob(store, "sha256:../../x"));
}

TEST_F(ArtifactStoreTest, DescribesWithoutReadingAndNoticesAChangedFile) {
  ASSERT_TRUE(put("a.mp4", "video"));
  EXPECT_EQ(describe_artifact(store, "a.mp4")->digest, sha256_digest("video"));
  fs::remove(root() / "a.mp4");
  std::ofstream(root() / "a.mp4") << "other";
  const auto changed = describe_artifact(store, "a.mp4");
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->digest, sha256_digest("other"));
}

TEST_F(ArtifactStoreTest, ListsWhatUsersSee) {
  ASSERT_TRUE(put("b.mp4", "b"));
  ASSERT_TRUE(put("a/a.mp4", "aa"));
  fs::create_directory(root() / "lost+found");
  fs::create_symlink("b.mp4", root() / "link");
  const auto artifacts = list_artifacts(store);
  ASSERT_TRUE(artifacts);
  ASSERT_EQ(artifacts->size(), 2u);
  EXPECT_EQ((*artifacts)[0].path, "a/a.mp4");
  EXPECT_EQ((*artifacts)[0].bytes, 2);
  EXPECT_EQ((*artifacts)[1].digest, sha256_digest("b"));
}

// In a child with a mount namespace of its own; 77: the kernel does not allow that here.
int fill_a_small_volume(const fs::path& mount_point) {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=1m") != 0) {
    return 77;
  }
  const auto small = open_artifacts(mount_point);
  if (!small || !prepare_artifacts(*small)) return 1;
  auto upload = Upload::begin(*small);
  Status status;
  for (int i = 0; i < 4 && status; ++i) status = upload->append(std::string(512 << 10, 'x'));
  if (status || status.error().code != ErrorCode::kResourceExhausted) return 2;
  upload = fail(internal_error("let go"));
  return free_bytes(*small) > (512 << 10) ? 0 : 3;
}

TEST_F(ArtifactStoreTest, AFullVolumeIsSaidSoAndTheSpaceGivenBack) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(fill_a_small_volume(root()));
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no right to mount a small volume here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace wan::gallery
