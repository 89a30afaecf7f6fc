#pragma once
// wan-operator as a host process, its log in a file.

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace wan::testing {

class OperatorProcess {
 public:
  // `program`: the binary; `arguments` without it. The environment is this process's.
  OperatorProcess(const std::filesystem::path& program, std::vector<std::string> arguments,
                  std::filesystem::path log);
  ~OperatorProcess();  // kills it if it still runs
  OperatorProcess(const OperatorProcess&) = delete;
  OperatorProcess& operator=(const OperatorProcess&) = delete;

  void signal(int number) const;
  [[nodiscard]] bool running();
  [[nodiscard]] pid_t pid() const { return pid_; }  // -1 once it has ended
  // Waits for its end: the exit code, or -N where signal N ended it; -1000 when it still runs after
  // `seconds`.
  [[nodiscard]] int wait(int seconds);
  [[nodiscard]] std::string log() const;
  [[nodiscard]] bool logged(const std::string& text) const { return log().find(text) != std::string::npos; }

 private:
  std::filesystem::path log_;
  pid_t pid_ = -1;
  int status_ = 0;
};

}  // namespace wan::testing
