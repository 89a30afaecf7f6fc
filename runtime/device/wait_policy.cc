// Idle threads of libgomp spin for some tens of microseconds, which bridges the gap to a forward's next
// kernel, and then sleep. Its own choice, spinning for milliseconds, makes a generation ten times slower as
// soon as the machine has anything else to do, and a pod's CPU quota pays for it; not to spin at all costs a
// small model a third. libgomp reads its settings when it is loaded, from the environment that the program
// was started with: there is no call for it. So the program starts itself anew with the setting, at the first
// moment there is (.preinit_array, before any constructor of torch's; nothing but system calls may be used
// there). A setting of the user's own wins.

#include <alloca.h>
#include <cstddef>
#include <unistd.h>

namespace wan::device {
namespace {

char g_passive[] = "OMP_WAIT_POLICY=passive";
char g_spin_count[] = "GOMP_SPINCOUNT=20000";

bool starts_with(const char* text, const char* prefix) {
  while (*prefix != '\0' && *text == *prefix) ++text, ++prefix;
  return *prefix == '\0';
}

void set_wait_policy(int /*argc*/, char** argv, char** environment) {
  size_t count = 0;
  for (; environment[count]; ++count) {
    if (starts_with(environment[count], "OMP_WAIT_POLICY=") ||
        starts_with(environment[count], "GOMP_SPINCOUNT="))
      return;
  }
  auto** extended = static_cast<char**>(alloca((count + 3) * sizeof(char*)));
  for (size_t i = 0; i < count; ++i) extended[i] = environment[i];
  extended[count] = g_passive;
  extended[count + 1] = g_spin_count;
  extended[count + 2] = nullptr;
  execve("/proc/self/exe", argv, extended);
  // Without /proc the program goes on, and spins.
}

using Initializer = void (*)(int, char**, char**);
[[gnu::section(".preinit_array"), gnu::used]] const Initializer kSetWaitPolicy = set_wait_policy;

}  // namespace

// Referred to by choose_device, so that the linker keeps this file.
void keep_wait_policy() {}

}  // namespace wan::device
