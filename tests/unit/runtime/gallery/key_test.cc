#include "runtime/gallery/key.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../../base/temporary_folder.h"
#include "runtime/gallery/reference.h"

namespace wan::gallery {
namespace {

namespace fs = std::filesystem;

TEST(Keys, AreRelativePathsOfPlainSegments) {
  for (const char* good :
       {"a", "red-ball.mp4", "a/b/c", "A_1/..x/x..", "transformer/config.json", ".hidden"}) {
    EXPECT_TRUE(check_key(good)) << good;
  }
}

TEST(Keys, RefuseEverythingThatCouldLeaveTheFolder) {
  for (const std::string bad : {"", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b", "a b",
                                "a\\b", "a\nb", "ä", "a:b", "~", "$x"}) {
    const auto checked = check_key(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(check_key(std::string("a\0b", 3)));
  EXPECT_TRUE(check_key(std::string(512, 'a')));
  EXPECT_FALSE(check_key(std::string(513, 'a')));
}

class BeneathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder.path() / "root/real");
    std::ofstream(folder.path() / "root/real/file") << "inside";
    std::ofstream(folder.path() / "secret") << "outside";
    root = *open_root(folder.path() / "root");
  }
  wan::testing::TemporaryFolder folder;
  Descriptor root;
};

TEST_F(BeneathTest, ReadsAFileBelowTheRoot) {
  EXPECT_EQ(read_small(root.get(), "real/file", 100).value_or(""), "inside");
}

TEST_F(BeneathTest, FollowsNoLinkNeitherToAFileNorThroughAFolder) {
  fs::create_symlink("../secret", folder.path() / "root/link");
  fs::create_symlink("real", folder.path() / "root/folder-link");
  for (const char* key : {"link", "folder-link/file"}) {
    const auto read = read_small(root.get(), key, 100);
    ASSERT_FALSE(read) << key;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument) << read.error().message;
    EXPECT_FALSE(create_regular(root.get(), key)) << key;
  }
  std::ifstream secret(folder.path() / "secret");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(secret), {}), "outside");
}

TEST_F(BeneathTest, ReadsNeitherFoldersNorPipes) {
  ASSERT_EQ(::mkfifo((folder.path() / "root/pipe").c_str(), 0600), 0);
  EXPECT_FALSE(open_regular(root.get(), "real"));
  EXPECT_FALSE(open_regular(root.get(), "pipe"));
  EXPECT_EQ(open_regular(root.get(), "absent").error().code, ErrorCode::kNotFound);
}

TEST_F(BeneathTest, RefusesAFileLargerThanTheLimitBeforeReadingIt) {
  const auto read = read_small(root.get(), "real/file", 3);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kResourceExhausted);
}

TEST(References, AreAPathANameAndADigest) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const auto full = parse_reference("local:///srv/my:gallery/v1:wan2.1-t2v@" + digest);
  ASSERT_TRUE(full);
  EXPECT_EQ(full->layout, "/srv/my:gallery/v1");
  EXPECT_EQ(full->name, "wan2.1-t2v");
  EXPECT_EQ(full->digest, digest);
  EXPECT_EQ(to_string(*full), "local:///srv/my:gallery/v1:wan2.1-t2v@" + digest);
  const auto bare = parse_reference("local://gallery");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->layout, "gallery");
  EXPECT_EQ(bare->name, "");
}

TEST(References, SayWhatIsWrongAndHowToWriteThem) {
  for (const char* bad : {"", "gallery", "oci://x/y", "local://", "local://:x", "local:///g:..",
                          "local:///g:x@sha256:12", "local:///g:"}) {
    const auto parsed = parse_reference(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_NE(parsed.error().message.find("local://PATH_TO_LAYOUT:NAME"), std::string::npos);
  }
}

}  // namespace
}  // namespace wan::gallery
