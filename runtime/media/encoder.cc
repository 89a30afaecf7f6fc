#include "runtime/media/encoder.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

extern char** environ;

namespace wan::media {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProgram = "wan-media";
constexpr size_t kMaxErrorText = 4096;

void close_if_open(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

struct Channels {
  int frames = -1, child_frames = -1;  // a socket rather than a pipe: a dead reader is an error, not a signal
  int errors = -1, child_errors = -1;

  ~Channels() {
    for (int* end : {&frames, &child_frames, &errors, &child_errors}) close_if_open(*end);
  }
};

Status open_channels(Channels& channels) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(from_errno(errno, "socket to wan-media"));
  }
  std::tie(channels.frames, channels.child_frames) = std::pair(ends[0], ends[1]);
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(from_errno(errno, "pipe from wan-media"));
  std::tie(channels.errors, channels.child_errors) = std::pair(ends[0], ends[1]);
  return {};
}

std::vector<std::string> arguments(const fs::path& program, const VideoSettings& settings,
                                   const fs::path& output) {
  const auto number = [](int value) { return std::to_string(value); };
  return {program.string(), "encode",
          "--width",        number(settings.width),
          "--height",       number(settings.height),
          "--frames",       number(settings.frames),
          "--fps",          number(settings.fps),
          "--crf",          number(settings.crf),
          "--threads",      number(settings.threads),
          "--output",       output.string()};
}

// In a process group of its own: a Ctrl-C at the terminal reaches this program alone, which then decides.
Result<pid_t> spawn(const std::vector<std::string>& words, const Channels& channels) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, channels.child_frames, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, channels.child_errors, STDERR_FILENO);
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

std::string read_text(int descriptor) {
  std::string text(kMaxErrorText, '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(descriptor, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  text.resize(filled);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

int wait_for(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

bool is_program(const fs::path& file) { return ::access(file.c_str(), X_OK) == 0; }

}  // namespace

std::string encoder_id(int crf, int threads) {
  return "libx264 medium crf " + std::to_string(crf) + " threads " + std::to_string(threads) +
         " yuv420p bt709 limited";
}

Result<fs::path> find_media_program(const fs::path& wanted) {
  if (!wanted.empty()) {
    if (is_program(wanted)) return wanted;
    return fail(not_found("media program " + wanted.string() + ": not there or not executable"));
  }
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (!error && is_program(self.parent_path() / kProgram)) return self.parent_path() / kProgram;
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "";
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const fs::path candidate = fs::path(rest.substr(0, end)) / kProgram;
    if (end > 0 && is_program(candidate)) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fail(not_found("wan-media is neither beside " + self.string() + " nor in $PATH; it writes the mp4"));
}

Result<std::unique_ptr<VideoEncoder>> VideoEncoder::start(const fs::path& program,
                                                          const VideoSettings& settings,
                                                          const fs::path& output) {
  Channels channels;
  WAN_TRY_VOID(open_channels(channels));
  WAN_TRY(const pid_t process, spawn(arguments(program, settings, output), channels));
  return std::unique_ptr<VideoEncoder>(
      new VideoEncoder(process, std::exchange(channels.frames, -1), std::exchange(channels.errors, -1)));
}

VideoEncoder::~VideoEncoder() {
  close_if_open(frames_);  // the process sees a short input, removes its file and ends
  if (process_ >= 0) wait_for(process_);
  close_if_open(errors_);
}

Status VideoEncoder::write(std::span<const std::byte> rgb) {
  while (!rgb.empty()) {
    const ssize_t sent = ::send(frames_, rgb.data(), rgb.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return fail(failure());
    if (sent < 0) return fail(from_errno(errno, "sending frames to wan-media"));
    rgb = rgb.subspan(static_cast<size_t>(sent));
  }
  return {};
}

Status VideoEncoder::finish() {
  close_if_open(frames_);
  const std::string text = read_text(errors_);
  const int status = wait_for(std::exchange(process_, -1));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFSIGNALED(status)) {
    return fail(internal_error("wan-media was ended by signal " + std::to_string(WTERMSIG(status))));
  }
  return fail(internal_error(text.empty() ? "wan-media failed without a word" : text));
}

Error VideoEncoder::failure() {
  const Status status = finish();
  return status ? internal_error("wan-media ended before the last frame") : status.error();
}

}  // namespace wan::media
