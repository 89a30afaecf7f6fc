#include "runtime/media/sandbox.h"

#include <cerrno>
#include <initializer_list>
#include <memory>
#include <sched.h>
#include <seccomp.h>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace wan::media {
namespace {

constexpr rlim_t kProcessorSeconds = 120;
[[maybe_unused]] constexpr rlim_t kMemoryBytes = rlim_t{4}
                                                 << 30;  // the largest picture needs a quarter of it

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

Status check(int code, const char* what) {
  if (code >= 0) return {};
  return fail(failed_precondition(std::string("the sandbox for images cannot be set up: ") + what + ": " +
                                  from_errno(-code, "seccomp").message +
                                  "; the container must allow the seccomp system call"));
}

Status limit(int resource, rlim_t value, const char* what) {
  rlimit current{};
  if (::getrlimit(resource, &current) == 0 && current.rlim_max < value) value = current.rlim_max;
  const rlimit wanted = {value, value};
  return check(::setrlimit(resource, &wanted) == 0 ? 0 : -errno, what);
}

Status set_limits() {
  WAN_TRY_VOID(limit(RLIMIT_CORE, 0, "core size"));
  WAN_TRY_VOID(limit(RLIMIT_CPU, kProcessorSeconds, "processor time"));
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)  // they reserve terabytes
  WAN_TRY_VOID(limit(RLIMIT_AS, kMemoryBytes, "memory"));
#endif
  return {};
}

Status allow(const Filter& filter, std::initializer_list<int> calls) {
  for (const int call : calls)
    WAN_TRY_VOID(check(seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0), "rule"));
  return {};
}

Status allow_if(const Filter& filter, int call, scmp_arg_cmp condition) {
  return check(seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call, 1, &condition), "rule");
}

Status allow_memory_without_execution(const Filter& filter) {
  WAN_TRY_VOID(allow(filter, {SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise)}));
  const scmp_arg_cmp not_executable = {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
  WAN_TRY_VOID(allow_if(filter, SCMP_SYS(mmap), not_executable));
  return allow_if(filter, SCMP_SYS(mprotect), not_executable);
}

Status allow_standard_streams(const Filter& filter) {
  const scmp_arg_cmp input = {0, SCMP_CMP_EQ, STDIN_FILENO, 0};
  WAN_TRY_VOID(allow_if(filter, SCMP_SYS(read), input));
  for (const scmp_datum_t stream : {STDOUT_FILENO, STDERR_FILENO}) {
    const scmp_arg_cmp output = {0, SCMP_CMP_EQ, stream, 0};
    WAN_TRY_VOID(allow_if(filter, SCMP_SYS(write), output));
  }
  return {};
}

// Nothing here names a file, a socket or another process.
Status allow_the_harmless(const Filter& filter) {
  return allow(filter,
               {SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
                SCMP_SYS(sigaltstack), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(getpid),
                SCMP_SYS(gettid), SCMP_SYS(clock_gettime), SCMP_SYS(getrandom)});
}

Status allow_files_and_threads(const Filter& filter) {
  WAN_TRY_VOID(
      allow(filter, {SCMP_SYS(openat),     SCMP_SYS(close),     SCMP_SYS(read),       SCMP_SYS(write),
                     SCMP_SYS(pread64),    SCMP_SYS(pwrite64),  SCMP_SYS(readv),      SCMP_SYS(writev),
                     SCMP_SYS(lseek),      SCMP_SYS(fstat),     SCMP_SYS(newfstatat), SCMP_SYS(statx),
                     SCMP_SYS(ftruncate),  SCMP_SYS(fsync),     SCMP_SYS(fcntl),      SCMP_SYS(getdents64),
                     SCMP_SYS(mkdirat),    SCMP_SYS(unlinkat),  SCMP_SYS(renameat),   SCMP_SYS(renameat2),
                     SCMP_SYS(readlinkat), SCMP_SYS(faccessat), SCMP_SYS(faccessat2)}));
  // Older names of some, where the machine has them.
  WAN_TRY_VOID(
      allow(filter, {SCMP_SYS(open), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(mkdir), SCMP_SYS(rmdir),
                     SCMP_SYS(unlink), SCMP_SYS(rename), SCMP_SYS(access), SCMP_SYS(readlink)}));
  WAN_TRY_VOID(
      allow(filter, {SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity),
                     SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(rt_sigaction),
                     SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler), SCMP_SYS(set_tid_address)}));
  // A thread, never a process. What clone3 is asked for lies in memory, where no filter sees it; told that
  // there is none, the C library takes clone.
  WAN_TRY_VOID(allow_if(filter, SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}));
  return check(seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0), "rule");
}

Status load_encoder_filter() {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release);
  if (!filter) return check(-ENOMEM, "filter");
  WAN_TRY_VOID(allow_memory_without_execution(filter));
  WAN_TRY_VOID(allow_the_harmless(filter));
  WAN_TRY_VOID(allow_files_and_threads(filter));
  return check(seccomp_load(filter.get()), "loading the filter");
}

}  // namespace

void enter_encoder_sandbox() { [[maybe_unused]] const Status loaded = load_encoder_filter(); }

Status enter_decoder_sandbox() {
  WAN_TRY_VOID(set_limits());
  const Filter filter(seccomp_init(SCMP_ACT_KILL_PROCESS), &seccomp_release);
  if (!filter) return check(-ENOMEM, "filter");
  WAN_TRY_VOID(allow_standard_streams(filter));
  WAN_TRY_VOID(allow_memory_without_execution(filter));
  WAN_TRY_VOID(allow_the_harmless(filter));
  return check(seccomp_load(filter.get()), "loading the filter");  // sets no-new-privileges first
}

}  // namespace wan::media
