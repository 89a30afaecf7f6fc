#include "base/async/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/async/task_group.h"
#include "base/io/file.h"
#include "run_task.h"
#include "temporary_folder.h"

namespace wan {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Result<std::string> run_one(std::vector<std::string> argv, std::chrono::milliseconds timeout = 30s,
                            size_t most = 1u << 20) {
  asio::io_context io;
  Program program;
  program.argv = std::move(argv);
  program.environment = {{"WAN_PROGRAM_TEST", "told"}};
  program.timeout = timeout;
  program.max_output_bytes = most;
  return testing::run(io, run_program(std::move(program)));
}

TEST(ProgramTest, GivesWhatAProgramWritesAndPassesArgumentsAsTheyAre) {
  const auto output = run_one({"printf", "%s|", "a b", "$HOME", "*"});
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(*output, "a b|$HOME|*|");
}

TEST(ProgramTest, AddsToTheEnvironmentAndGivesNothingToRead) {
  const auto output = run_one({"sh", "-c", "echo $WAN_PROGRAM_TEST; cat; test -n \"$PATH\""});
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(*output, "told\n");
}

TEST(ProgramTest, SaysHowAProgramFailed) {
  EXPECT_EQ(run_one({"no-such-program-here"}).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(run_one({"sh", "-c", "exit 3"}).error().message, HasSubstr("ended with status 3"));
  EXPECT_THAT(run_one({"sh", "-c", "kill -9 $$"}).error().message, HasSubstr("ended by signal 9"));
}

TEST(ProgramTest, KillsAProgramThatTakesTooLongWithItsChildren) {
  EXPECT_EQ(run_one({"sh", "-c", "sleep 1000 & wait"}, 50ms).error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(run_one({"sh", "-c", "exec >&-; sleep 1000"}, 50ms).error().code, ErrorCode::kDeadlineExceeded)
      << "with its output closed too";
}

TEST(ProgramTest, KillsAProgramThatWritesTooMuch) {
  EXPECT_EQ(run_one({"sh", "-c", "while :; do echo more; done"}, 30s, 10'000).error().code,
            ErrorCode::kResourceExhausted);
}

Task<void> run_into(Result<std::string>& result) {
  Program program;
  program.argv = {"sleep", "1000"};
  result = co_await run_program(std::move(program));
}

TEST(ProgramTest, EndsWithTheTaskThatWaitsForIt) {
  asio::io_context io;
  Result<std::string> result = "";
  TaskGroup tasks(io.get_executor());
  tasks.spawn("program", run_into(result));
  io.run_for(100ms);
  tasks.cancel();
  io.restart();
  io.run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace wan
