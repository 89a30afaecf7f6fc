#pragma once
// wan-operator or its twin as a process under measurement.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/async/async.h"
#include "tests/bench/operator/meter.h"
#include "tests/support/operator_process.h"

namespace wan::bench {

struct Program {
  std::string name;  // in the table
  std::filesystem::path file;
  std::vector<std::string> arguments;  // without that of the health port
};

class Contender {
 public:
  explicit Contender(Program program) : program_(std::move(program)) {}

  // Returns when /readyz answers 200.
  [[nodiscard]] Task<Status> start(std::filesystem::path log);
  // SIGTERM, and waits for its end.
  [[nodiscard]] Task<Status> stop();
  [[nodiscard]] Cost cost() const { return cost_of(process_->pid()); }
  [[nodiscard]] double seconds_to_ready() const { return seconds_to_ready_; }
  [[nodiscard]] const Program& program() const { return program_; }

 private:
  Program program_;
  std::unique_ptr<testing::OperatorProcess> process_;
  double seconds_to_ready_ = 0;
};

}  // namespace wan::bench
