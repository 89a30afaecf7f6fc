#include "runtime/media/sandbox.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "runtime/media/child.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/runtime/process.h"

namespace wan::media {
namespace {

using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

template <typename Function>
[[noreturn]] void try_inside(Function&& function) {
  if (!enter_decoder_sandbox()) ::_exit(1);
  function();
  ::_exit(0);
}

TEST(Sandbox, ForbiddenCallsEndTheProcess) {
  const auto killed = KilledBySignal(SIGSYS);
  EXPECT_EXIT(try_inside([] { ::open("/etc/passwd", O_RDONLY); }), killed, "");
  EXPECT_EXIT(try_inside([] { ::socket(AF_INET, SOCK_STREAM, 0); }), killed, "");
  EXPECT_EXIT(try_inside([] { ::syscall(SYS_execve, "/bin/true", nullptr, nullptr); }), killed, "");
  EXPECT_EXIT(try_inside([] { ::syscall(SYS_fork); }), killed, "");
  EXPECT_EXIT(try_inside([] { ::kill(::getppid(), 0); }), killed, "");
  EXPECT_EXIT(
      try_inside([] { ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }),
      killed, "");
  char byte = 0;
  EXPECT_EXIT(try_inside([&] { [[maybe_unused]] auto got = ::read(7, &byte, 1); }), killed, "");
  EXPECT_EXIT(try_inside([&] { [[maybe_unused]] auto sent = ::write(7, &byte, 1); }), killed, "");
}

TEST(Sandbox, MemoryAndTheStandardStreamsRemain) {
  EXPECT_EXIT(try_inside([] {
                const std::string large(size_t{64} << 20, 'x');
                if (large.back() != 'x' || ::write(STDERR_FILENO, "still here\n", 11) != 11) ::_exit(1);
              }),
              ExitedWithCode(0), "still here");
}

TEST(Sandbox, EncodersHaveFilesAndThreadsButNoNetworkAndNoPrograms) {
  const auto inside = [] {
    enter_encoder_sandbox();
    bool ran = false;
    std::thread([&] { ran = true; }).join();
    const int file = ::open("/dev/null", O_WRONLY);
    if (!ran || file < 0 || ::write(file, "x", 1) != 1) ::_exit(1);
    if (::socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) ::_exit(2);
    if (::syscall(SYS_fork) >= 0 || errno != EPERM) ::_exit(3);
    if (::execl("/bin/true", "true", nullptr) != -1 || errno != EPERM) ::_exit(4);
    ::_exit(0);
  };
  EXPECT_EXIT(inside(), ExitedWithCode(0), "");
}

TEST(Sandbox, HoldsWhileFramesAreEncoded) {
  const testing::TemporaryFolder folder;
  auto child =
      start_child({(testing::program_dir() / "wan-media").string(), "encode", "--width", "16", "--height",
                   "16", "--frames", "1", "--fps", "1", "--output", (folder.path() / "a.mp4").string()},
                  false);
  ASSERT_TRUE(child.has_value());
  const auto status_file = "/proc/" + std::to_string(child->process) + "/status";
  EXPECT_TRUE(testing::eventually(
      [&] { return testing::read_text(status_file).find("Seccomp:\t2\n") != std::string::npos; }));
  child->input.close();
  EXPECT_NE(wait_for_child(*child), 0);  // no frame came
}

// The program itself, while it waits for its input: before a byte of the image was read.
TEST(Sandbox, HoldsBeforeTheImageIsRead) {
  auto child = start_child({(testing::program_dir() / "wan-media").string(), "decode"}, true);
  ASSERT_TRUE(child.has_value());
  const auto status_file = "/proc/" + std::to_string(child->process) + "/status";
  EXPECT_TRUE(testing::eventually([&] {
    const std::string status = testing::read_text(status_file);
    return status.find("Seccomp:\t2\n") != std::string::npos &&
           status.find("NoNewPrivs:\t1\n") != std::string::npos;
  })) << testing::read_text(status_file);
  child->input.close();
  EXPECT_NE(wait_for_child(*child), 0);  // no image came
}

}  // namespace
}  // namespace wan::media
