// The real wan-runtime program.

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "base/clock.h"
#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "base/json/json.h"
#include "runtime/gallery/import.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"

extern char** environ;

namespace wan::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct Outcome {
  int code = -1;
  std::string text;  // standard output and standard error
};

// A few steps are enough here; what the video shows is another test's business.
constexpr const char* kQuick = " --steps 2 --frames 5 --size 64x64 --seed 1";

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

TEST_F(GenerateProgram, MakesAVideoFromFlagsWithTheBuiltInModel) {
  const Outcome outcome = run("--prompt 'a red ball' -o a.mp4" + std::string(kQuick));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("denoise"));
  EXPECT_THAT(outcome.text, HasSubstr("64x64, 5 frames at 16 fps, seed 1"));
  EXPECT_THAT(outcome.text, HasSubstr(*sha256_file_digest(file("a.mp4"))));
}

TEST_F(GenerateProgram, FlagsWinOverTheManifest) {
  write("job.yaml",
        "apiVersion: wan.gallery/v1alpha1\nkind: VideoJob\nmetadata: {name: job}\nspec:\n  deploymentRef: "
        "{name: wan-tiny}\n"
        "  prompt: a red ball\n  steps: 2\n  frames: 9\n  size: 64x64\n  output: {pvc: {claimName: videos, "
        "path: sub/b.mp4}}\n");
  const Outcome outcome = run("-f job.yaml --frames 5 --output-dir out --json");
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  std::vector<std::string> types;
  Json result, resolved;
  std::istringstream lines(outcome.text);
  for (std::string line; std::getline(lines, line);) {
    const auto event = parse_json(line);
    ASSERT_TRUE(event.has_value()) << line;
    const std::string type = string_or(*event, {"type"}, "");
    if (types.empty() || types.back() != type) types.push_back(type);
    if (type == "RESULT") result = (*event)["result"];
    if (type == "RESOLVED") resolved = (*event)["resolved"];
  }
  EXPECT_THAT(types, ::testing::ElementsAre("PROGRESS", "RESOLVED", "PROGRESS", "RESULT"));
  EXPECT_EQ(int_or(resolved, {"frames"}, 0), 5);
  EXPECT_EQ(int_or(resolved, {"steps"}, 0), 2);
  EXPECT_EQ(string_or(result, {"sha256"}, ""), *sha256_file_digest(file("out/sub/b.mp4")));
}

TEST_F(GenerateProgram, BadInputIsExitCodeTwoWithAMessageThatHelps) {
  const std::pair<std::string, std::string> cases[] = {
      {"--prompt x --frames 6", "frames: 6 is not allowed; it must be 4n+1"},
      {"--prompt x --sampler heun", "allowed: unipc"},
      {"", "prompt: missing or empty"},
      {"--prompt x --model nosuch", "model 'nosuch': not found"},
      {"--prompt x --image a.png", "--image: model wan-tiny makes videos from text alone"},
      {"--prompt x --steps many", "--steps"},
      {"--no-such-flag", "--no-such-flag"},
      {"-f missing.yaml", "missing.yaml"},
      {"--prompt x -o missing/a.mp4", "missing does not exist"},
      {"--prompt x -o a.avi", "ends in .avi; allowed: .mp4, .webm, .gif, .png"},
      {"--prompt x -o a.png", "a.png holds one picture and the video has 17 frames"},
      {"--prompt x --device gpu", "allowed: auto, cpu, cuda"},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2) << arguments << "\n" << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr(message)) << arguments;
  }
}

TEST_F(GenerateProgram, AnImageToVideoModelStartsFromTheImage) {
  const fs::path golden = testing::source_dir() / "tests/golden/data/pipeline_i2v";
  const std::string model = "--prompt 'two dogs' --model " + (golden / "diffusers").string();
  const std::string image = " --image " + (golden / "image_unipc_9f.png").string();
  const Outcome missing = run(model);
  EXPECT_EQ(missing.code, 2) << missing.text;
  EXPECT_THAT(missing.text, HasSubstr("--image: missing; model"));
  write("notes.txt", "not a picture");
  const Outcome text = run(model + " --image notes.txt");
  EXPECT_EQ(text.code, 2) << text.text;
  EXPECT_THAT(text.text, HasSubstr("image"));
  EXPECT_THAT(text.text, HasSubstr("PNG"));
  const Outcome outcome = run(model + image + " --size 48x32 --frames 5 --steps 2 --seed 1 -o a.mp4");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("encode image"));
  EXPECT_THAT(outcome.text, HasSubstr("48x16, 5 frames at 16 fps, seed 1"));
}

TEST_F(GenerateProgram, FindsAModelByItsNameInTheStore) {
  const SystemClock clock;
  const auto silent = [&](int64_t bytes) {
    return gallery::Meter("import", bytes, gallery::MeterStyle::kSilent, clock, [](const std::string&) {});
  };
  const fs::path tiny = testing::source_dir() / "runtime/models/wan-tiny";
  const auto imported = gallery::import_model(tiny, file("store"), "my-model", silent);
  ASSERT_TRUE(imported.has_value()) << imported.error().message;
  const std::string environment =
      "WAN_STORE=" + file("store").string() + " XDG_CACHE_HOME=" + file("cache").string();
  const Outcome outcome =
      run("--model my-model --prompt 'a red ball' -o a.mp4 --json" + std::string(kQuick), environment);
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr(imported->digest));
  const Outcome missing = run("--model other --prompt x", environment);
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.text, HasSubstr("model 'other': not found; looked in the store"));
}

TEST_F(GenerateProgram, HelpShowsExamplesAndExitCodes) {
  const Outcome outcome = run("--help");
  EXPECT_EQ(outcome.code, 0);
  for (const char* part : {"--guidance-scale", "Examples:", "Exit codes:", "130 interrupted"}) {
    EXPECT_THAT(outcome.text, HasSubstr(part));
  }
}

TEST_F(GenerateProgram, ASignalEndsItCleanly) {
  const std::string output = file("a.mp4").string();
  std::vector<std::string> words = {
      program().string(), "generate", "--prompt", "a red ball", "--steps", "1000", "--json", "-o", output};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  pid_t process = -1;
  ASSERT_EQ(posix_spawn(&process, argv[0], &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  std::string seen;
  std::array<char, 4096> buffer;
  bool signalled = false;
  for (ssize_t got; (got = ::read(pipe_ends[0], buffer.data(), buffer.size())) > 0;) {
    seen.append(buffer.data(), static_cast<size_t>(got));
    if (!signalled && seen.find("Denoise") != std::string::npos) {
      ::kill(process, SIGTERM);
      signalled = true;
    }
  }
  ::close(pipe_ends[0]);
  int status = 0;
  ::waitpid(process, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_THAT(seen, HasSubstr("cancelled"));
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

}  // namespace
}  // namespace wan::cli
