// Signals in the middle, and what the next call makes of it.

#include <array>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "base/crypto/sha256.h"
#include "tests/unit/runtime/cli/generate_program.h"

extern char** environ;

namespace wan::cli {
namespace {

using ::testing::HasSubstr;

// Runs `words` with --json and sends `signal` as soon as its output matches `sign`.
struct Interrupted {
  int status = 0;  // as waitpid gives it
  std::string seen;
};

Interrupted run_until(std::vector<std::string> words, const std::string& sign, int signal) {
  words.emplace_back("--json");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  pid_t process = -1;
  const int error = posix_spawn(&process, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  if (error != 0) return {};
  Interrupted run;
  std::array<char, 4096> buffer;
  bool signalled = false;
  for (ssize_t got; (got = ::read(pipe_ends[0], buffer.data(), buffer.size())) > 0;) {
    run.seen.append(buffer.data(), static_cast<size_t>(got));
    if (!signalled && std::regex_search(run.seen, std::regex(sign))) {
      ::kill(process, signal);
      signalled = true;
    }
  }
  ::close(pipe_ends[0]);
  ::waitpid(process, &run.status, 0);
  return run;
}

TEST_F(GenerateProgram, ASignalEndsItCleanly) {
  const Interrupted run = run_until({program().string(), "generate", "--prompt", "a red ball", "--steps",
                                     "1000", "-o", file("a.mp4").string()},
                                    "Denoise", SIGTERM);
  ASSERT_TRUE(WIFEXITED(run.status));
  EXPECT_EQ(WEXITSTATUS(run.status), 130);
  EXPECT_THAT(run.seen, HasSubstr("cancelled"));
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

// Long enough for a signal to come in the middle; progress is not told at every step.
constexpr const char* kInTheMiddle = R"("step":[1-3][0-9],)";

class ResumedGeneration : public GenerateProgram {
 protected:
  std::vector<std::string> call(const std::string& output) const {
    return {program().string(),
            "generate",
            "--prompt",
            "a red ball",
            "--steps",
            "50",
            "--frames",
            "5",
            "--size",
            "64x64",
            "--checkpoint",
            file("checkpoints").string(),
            "--checkpoint-every",
            "3",
            "-o",
            file(output).string()};
  }
  std::string arguments(const std::string& output, const std::string& steps = "50") const {
    return "--prompt 'a red ball' --frames 5 --size 64x64 --steps " + steps + " --json -o " + output;
  }
  std::string uninterrupted() {
    const Outcome outcome = run(arguments("whole.mp4"));
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    return *sha256_file_digest(file("whole.mp4"));
  }
};

TEST_F(ResumedGeneration, AfterASignalGoesOnFromTheLastStepToTheSameBytes) {
  const Interrupted first = run_until(call("a.mp4"), kInTheMiddle, SIGTERM);
  ASSERT_TRUE(WIFEXITED(first.status));
  EXPECT_EQ(WEXITSTATUS(first.status), 130);
  EXPECT_THAT(first.seen, HasSubstr("the same call goes on from it"));
  const Outcome second = run(arguments("a.mp4") + " --checkpoint checkpoints");
  EXPECT_EQ(second.code, 0) << second.text;
  EXPECT_THAT(second.text, HasSubstr("resumed at step "));
  EXPECT_EQ(*sha256_file_digest(file("a.mp4")), uninterrupted());
  EXPECT_TRUE(fs::is_empty(file("checkpoints"))) << "a finished generation leaves none";
}

TEST_F(ResumedGeneration, AfterAKillGoesOnFromTheLastCheckpointToTheSameBytes) {
  const Interrupted first = run_until(call("a.mp4"), kInTheMiddle, SIGKILL);
  ASSERT_TRUE(WIFSIGNALED(first.status));
  const Outcome second = run(arguments("a.mp4") + " --checkpoint checkpoints");
  EXPECT_EQ(second.code, 0) << second.text;
  EXPECT_THAT(second.text, ::testing::ContainsRegex("resumed at step [0-9]+"));
  EXPECT_EQ(*sha256_file_digest(file("a.mp4")), uninterrupted());
}

// Hours of steps are not lost because the decoding was ended.
TEST_F(ResumedGeneration, AfterAKillInTheDecodingNoStepIsTakenAgain) {
  const std::vector<std::string> words = {program().string(),
                                          "generate",
                                          "--prompt",
                                          "a red ball",
                                          "--steps",
                                          "4",
                                          "--frames",
                                          "49",
                                          "--checkpoint",
                                          file("checkpoints").string(),
                                          "--checkpoint-every",
                                          "3",
                                          "-o",
                                          file("a.mp4").string()};
  const Interrupted first = run_until(words, R"("phase":"Decode")", SIGKILL);
  ASSERT_TRUE(WIFSIGNALED(first.status));
  const std::string same = "--prompt 'a red ball' --steps 4 --frames 49 --json ";
  const Outcome second = run(same + "--checkpoint checkpoints -o a.mp4");
  EXPECT_EQ(second.code, 0) << second.text;
  EXPECT_THAT(second.text, HasSubstr("resumed at step 4"));
  EXPECT_EQ(run(same + "-o b.mp4").code, 0);
  EXPECT_EQ(*sha256_file_digest(file("a.mp4")), *sha256_file_digest(file("b.mp4")));
}

TEST_F(ResumedGeneration, NeverUsesTheCheckpointOfAnotherGenerationAndSaysWhy) {
  static_cast<void>(run_until(call("a.mp4"), kInTheMiddle, SIGTERM));
  const Outcome other = run(arguments("b.mp4", "3") + " --checkpoint checkpoints");
  EXPECT_EQ(other.code, 0) << other.text;
  EXPECT_THAT(other.text, HasSubstr("the checkpoints are of another generation: "));
  EXPECT_THAT(other.text, HasSubstr("starting at step 0"));
  EXPECT_EQ(run(arguments("c.mp4", "3")).code, 0);
  EXPECT_EQ(*sha256_file_digest(file("b.mp4")), *sha256_file_digest(file("c.mp4")));
}

TEST_F(ResumedGeneration, EndsWhenACheckpointCannotBeWritten) {
  write("checkpoints", "a file where the folder should be");
  const Outcome outcome = run(arguments("a.mp4") + " --checkpoint checkpoints --checkpoint-every 1");
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.text, HasSubstr("checkpoint"));
  EXPECT_FALSE(fs::exists(file("a.mp4")));
}

}  // namespace
}  // namespace wan::cli
