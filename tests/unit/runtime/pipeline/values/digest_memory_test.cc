#include "runtime/pipeline/digest_memory.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <string>

#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "tests/unit/base/temporary_folder.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLarge = 2u << 20;

class DigestMemoryTest : public ::testing::Test {
 protected:
  fs::path weights() const { return folder_.path() / "weights"; }
  fs::path records() const { return folder_.path() / "records"; }
  std::string write(char letter, size_t bytes = kLarge) const {
    const std::string text(bytes, letter);
    EXPECT_TRUE(write_file_atomically(weights(), text).has_value());
    return sha256_digest(text);
  }
  std::string digest(std::chrono::seconds settling = std::chrono::seconds(0)) const {
    const auto found = DigestMemory(records(), settling).digest_of(weights());
    return found ? *found : found.error().message;
  }
  size_t remembered() const {
    std::error_code none;
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(records(), none), fs::directory_iterator()));
  }
  // Makes the one record say something that only a reader of it would know.
  std::string plant() const {
    const std::string other = "sha256:" + std::string(64, 'e');
    const fs::path record = fs::directory_iterator(records())->path();
    std::string text = *read_file(record);
    text.replace(text.find("sha256:"), other.size(), other);
    EXPECT_TRUE(write_file_atomically(record, text).has_value());
    return other;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(DigestMemoryTest, HashesALargeFileOnce) {
  const std::string right = write('a');
  EXPECT_EQ(digest(), right);
  const std::string planted = plant();
  EXPECT_EQ(digest(), planted);
}

TEST_F(DigestMemoryTest, TellsOfEveryByteWhileItHashesAndOfNoneThatItRemembers) {
  const std::string expected = write('a', 9u << 20);
  int64_t bytes = 0, pieces = 0;
  const HashedBytes count = [&](int64_t more) {
    bytes += more;
    ++pieces;
  };
  const DigestMemory memory(records(), std::chrono::seconds(0));
  EXPECT_EQ(memory.digest_of(weights(), count).value(), expected);
  EXPECT_EQ(bytes, 9 << 20);
  EXPECT_GT(pieces, 1);
  EXPECT_EQ(memory.digest_of(weights(), count).value(), expected);
  EXPECT_EQ(bytes, 9 << 20);
}

TEST_F(DigestMemoryTest, HashesAChangedFileAgain) {
  write('a');
  EXPECT_NE(digest(), "");
  plant();
  const std::string changed = write('b');
  EXPECT_EQ(digest(), changed);
  EXPECT_EQ(remembered(), 1);
}

TEST_F(DigestMemoryTest, DoesNotRememberSmallFilesOrOnesThatMayStillChange) {
  const std::string small = write('a', 1000);
  EXPECT_EQ(digest(), small);
  const std::string young = write('a');
  EXPECT_EQ(digest(std::chrono::hours(1)), young);
  EXPECT_EQ(remembered(), 0);
}

TEST_F(DigestMemoryTest, PassesOverADamagedRecord) {
  const std::string right = write('a');
  EXPECT_EQ(digest(), right);
  const fs::path record = fs::directory_iterator(records())->path();
  ASSERT_TRUE(write_file_atomically(record, "{\"digest\": 1").has_value());
  EXPECT_EQ(digest(), right);
}

TEST_F(DigestMemoryTest, WithoutAFolderItHashesEveryTime) {
  const std::string right = write('a');
  EXPECT_EQ(DigestMemory("").digest_of(weights()).value(), right);
  EXPECT_EQ(DigestMemory("/proc/none").digest_of(weights()).value(), right);
}

}  // namespace
}  // namespace wan::pipeline
