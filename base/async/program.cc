#include "base/async/program.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>
#include <fcntl.h>
#include <memory>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/async/cancellation.h"
#include "base/io/descriptor.h"

extern char** environ;

namespace wan {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

std::vector<std::string> complete_environment(const Program& program) {
  std::vector<std::string> all;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string entry = *each;
    const std::string name = entry.substr(0, entry.find('='));
    const bool replaced =
        std::ranges::any_of(program.environment, [&](const auto& own) { return own.first == name; });
    if (!replaced) all.push_back(entry);
  }
  for (const auto& [name, value] : program.environment) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> made;
  for (std::string& text : texts) made.push_back(text.data());
  made.push_back(nullptr);
  return made;
}

// A process and its group. Killed and reaped at the latest by the destructor.
class Child {
 public:
  Child() = default;
  ~Child() {
    kill();
    static_cast<void>(reap());
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] Status start(Program& program, int output);
  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill() {
    if (pid_ > 0) ::kill(-pid_, SIGKILL);
  }
  // Its wait status; waits for its end.
  [[nodiscard]] int reap() {
    int status = 0;
    if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

 private:
  pid_t pid_ = -1;
};

Status Child::start(Program& program, int output) {
  std::vector<std::string> environment = complete_environment(program);
  const std::vector<char*> environment_pointers = pointers(environment);
  const std::vector<char*> argument_pointers = pointers(program.argv);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int error = posix_spawnp(&pid_, argument_pointers[0], &actions, &attributes, argument_pointers.data(),
                                 environment_pointers.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return {};
  pid_ = -1;
  return fail(from_errno(error, "start " + program.argv[0]));
}

Status status_of(int status, const std::string& name) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const std::string how = WIFSIGNALED(status) ? "was ended by signal " + std::to_string(WTERMSIG(status))
                                              : "ended with status " + std::to_string(WEXITSTATUS(status));
  return fail(failed_precondition(name + " " + how));
}

Task<Result<std::string>> read_all(asio::posix::stream_descriptor& pipe, size_t most, std::string name) {
  std::string output;
  std::array<char, 4096> piece{};
  for (;;) {
    if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("cancelled"));
    const auto buffer = asio::buffer(piece);
    const auto [error, count] = co_await pipe.async_read_some(buffer, kTuple);
    if (error == asio::error::eof) co_return output;
    if (error == asio::error::operation_aborted) co_return fail(cancelled("cancelled"));
    if (error) co_return fail(internal_error("reading the output of " + name + ": " + error.message()));
    output.append(piece.data(), count);
    if (output.size() > most) {
      co_return fail(Error{ErrorCode::kResourceExhausted,
                           name + " writes more than " + std::to_string(most) + " bytes"});
    }
  }
}

}  // namespace

Task<Result<std::string>> run_program(Program program) {
  WAN_CHECK(!program.argv.empty());
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const std::string name = program.argv[0];
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) co_return fail(from_errno(errno, "pipe"));
  asio::posix::stream_descriptor pipe(executor, ends[0]);
  Descriptor write_end(ends[1]);
  Child child;
  WAN_CO_TRY_VOID(child.start(program, write_end.get()));
  write_end.close();
  const auto timed_out = std::make_shared<bool>(false);
  asio::steady_timer limit(executor, program.timeout);
  limit.async_wait([group = child.pid(), timed_out](const boost::system::error_code& error) {
    if (error || *timed_out) return;
    *timed_out = true;
    ::kill(-group, SIGKILL);
  });
  auto output = co_await read_all(pipe, program.max_output_bytes, name);
  // A program that has closed its output may still run; the limit holds for that too.
  const int handle = output ? static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0)) : -1;
  if (handle >= 0) {
    asio::posix::stream_descriptor ended(executor, handle);
    const auto [error] = co_await ended.async_wait(asio::posix::stream_descriptor::wait_read, kTuple);
    if (error) output = fail(cancelled("cancelled"));
  }
  if (!output) child.kill();
  const int status = child.reap();
  const bool was_too_slow = std::exchange(*timed_out, true);
  if (was_too_slow) {
    co_return fail(Error{ErrorCode::kDeadlineExceeded,
                         name + " took longer than " + std::to_string(program.timeout.count()) + " ms"});
  }
  if (!output) co_return output;
  WAN_CO_TRY_VOID(status_of(status, name));
  co_return output;
}

}  // namespace wan
