#pragma once
// The real wan-runtime program, in a folder of its own.

#include <array>
#include <cstdio>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>

#include "base/io/file.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"

namespace wan::cli {

namespace fs = std::filesystem;

struct Outcome {
  int code = -1;
  std::string text;  // standard output and standard error
};

// A few steps are enough here; what the video shows is another test's business.
inline constexpr const char* kQuick = " --steps 2 --frames 5 --size 64x64 --seed 1";

class GenerateProgram : public ::testing::Test {
 protected:
  fs::path program() const { return testing::program_dir() / "wan-runtime"; }
  fs::path file(const std::string& name) const { return folder_.path() / name; }

  Outcome run(const std::string& arguments, const std::string& environment = "") {
    const std::string command = "cd " + folder_.path().string() + " && " + environment + " " +
                                program().string() + " generate " + arguments + " 2>&1";
    Outcome outcome;
    FILE* pipe = ::popen(command.c_str(), "r");
    std::array<char, 4096> buffer;
    while (const size_t got = ::fread(buffer.data(), 1, buffer.size(), pipe))
      outcome.text.append(buffer.data(), got);
    const int status = ::pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
  }

  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_file_atomically(file(name), text).has_value());
  }

  wan::testing::TemporaryFolder folder_;
};

}  // namespace wan::cli
