#include "runtime/media/child.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace wan::media {
namespace {

struct Pair {
  Descriptor ours, theirs;
};

Result<Pair> open_socket() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(from_errno(errno, "socket to wan-media"));
  }
  return Pair{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<Pair> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(from_errno(errno, "pipe from wan-media"));
  return Pair{Descriptor(ends[0]), Descriptor(ends[1])};
}

// `streams[i]` becomes descriptor i of the new process; negative: as here.
Result<pid_t> spawn(const std::vector<std::string>& words, std::span<const int, 3> streams) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int i = 0; i < 3; ++i) {
    if (streams[i] >= 0) posix_spawn_file_actions_adddup2(&actions, streams[i], i);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  pid_t process = -1;
  const int code = posix_spawn(&process, words[0].c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) return fail(from_errno(code, "starting " + words[0]));
  return process;
}

}  // namespace

Result<Child> start_child(const std::vector<std::string>& words, bool with_output) {
  Pair output;
  WAN_TRY(Pair input, open_socket());
  WAN_TRY(Pair errors, open_pipe());
  if (with_output) {
    WAN_TRY(output, open_pipe());
  }
  const std::array streams = {input.theirs.get(), output.theirs.get(), errors.theirs.get()};
  WAN_TRY(const pid_t process, spawn(words, streams));
  return Child{process, std::move(input.ours), std::move(output.ours), std::move(errors.ours)};
}

int wait_for_child(Child& child) {
  int status = 0;
  while (::waitpid(child.process, &status, 0) < 0 && errno == EINTR) {
  }
  child.process = -1;
  return status;
}

std::string describe_failure(int status, std::string errors) {
  while (!errors.empty() && errors.back() == '\n') errors.pop_back();
  if (WIFSIGNALED(status)) return "wan-media was ended by signal " + std::to_string(WTERMSIG(status));
  return errors.empty() ? "wan-media failed without a word" : errors;
}

}  // namespace wan::media
