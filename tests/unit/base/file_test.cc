#include "base/io/file.h"

#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary_folder.h"

namespace wan {
namespace {

using testing::TemporaryFolder;

std::vector<std::string> names(const std::filesystem::path& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    found.push_back(entry.path().filename());
  std::sort(found.begin(), found.end());
  return found;
}

TEST(File, ReadsWhatWasWritten) {
  const TemporaryFolder folder;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{4097}, size_t{300'000}}) {
    const std::string bytes(size, 'x');
    ASSERT_TRUE(write_file_atomically(folder.path() / "f", bytes));
    EXPECT_EQ(read_file(folder.path() / "f").value(), bytes);
  }
  EXPECT_EQ(names(folder.path()), std::vector<std::string>{"f"});
}

TEST(File, ReadingStopsAtTheLimit) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder.path() / "f", "12345"));
  EXPECT_TRUE(read_file(folder.path() / "f", 5));
  const auto refused = read_file(folder.path() / "f", 4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(read_file(folder.path() / "f", SIZE_MAX));
  EXPECT_EQ(read_file("/dev/zero", 100'000).error().code, ErrorCode::kResourceExhausted);
}

TEST(File, ReadsFilesThatReportNoSize) { EXPECT_FALSE(read_file("/proc/self/status").value().empty()); }

TEST(File, NamesTheFileInAnError) {
  const auto absent = read_file("/no/such/file");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
  EXPECT_NE(absent.error().message.find("/no/such/file"), std::string::npos);
  EXPECT_FALSE(read_file("/"));
}

TEST(File, TheModeIsTheCallersWish) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder.path() / "secret", "s", 0600));
  struct stat information{};
  ASSERT_EQ(::stat((folder.path() / "secret").c_str(), &information), 0);
  EXPECT_EQ(information.st_mode & 0777u, 0600u);
}

TEST(File, AFailedWriteLeavesTheOldContentAndNoRest) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder.path() / "f", "old"));
  // The kernel refuses bytes beyond this limit with EFBIG, as a full disk does with ENOSPC.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = write_file_atomically(folder.path() / "f", std::string(5000, 'n'));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status);
  EXPECT_EQ(read_file(folder.path() / "f").value(), "old");
  EXPECT_EQ(names(folder.path()), std::vector<std::string>{"f"});
}

TEST(File, AFailedRenameLeavesNoRest) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "f");
  std::ofstream(folder.path() / "f" / "x") << "x";
  EXPECT_FALSE(write_file_atomically(folder.path() / "f", "new"));
  EXPECT_EQ(names(folder.path()), std::vector<std::string>{"f"});
}

TEST(File, WritesIntoTheWorkingFolder) {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const Status status = write_file_atomically("plain", "x");
  std::filesystem::current_path(before);
  EXPECT_TRUE(status);
  EXPECT_EQ(read_file(folder.path() / "plain").value(), "x");
}

TEST(MappedFile, ShowsTheBytes) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder.path() / "f", "bytes"));
  const auto map = MappedFile::open(folder.path() / "f");
  ASSERT_TRUE(map);
  const auto bytes = (*map)->bytes();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "bytes");
}

TEST(MappedFile, TakesAnEmptyFileAndRefusesAFolder) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder.path() / "f", ""));
  EXPECT_TRUE(MappedFile::open(folder.path() / "f").value()->bytes().empty());
  EXPECT_EQ(MappedFile::open(folder.path()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(MappedFile::open(folder.path() / "absent").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace wan
