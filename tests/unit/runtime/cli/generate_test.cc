// The real wan-runtime program.

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>
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
  Json result, resolved, denoised;
  std::istringstream lines(outcome.text);
  for (std::string line; std::getline(lines, line);) {
    const auto event = parse_json(line);
    ASSERT_TRUE(event.has_value()) << line;
    const std::string type = string_or(*event, {"type"}, "");
    if (types.empty() || types.back() != type) types.push_back(type);
    if (type == "RESULT") result = (*event)["result"];
    if (type == "RESOLVED") resolved = (*event)["resolved"];
    if (string_or(*event, {"progress", "phase"}, "") == "Denoise") denoised = (*event)["progress"];
  }
  EXPECT_THAT(types, ::testing::ElementsAre("NOTICE", "PROGRESS", "RESOLVED", "PROGRESS", "RESULT"));
  EXPECT_EQ(int_or(resolved, {"frames"}, 0), 5);
  EXPECT_EQ(int_or(resolved, {"steps"}, 0), 2);
  EXPECT_EQ(string_or(result, {"sha256"}, ""), *sha256_file_digest(file("out/sub/b.mp4")));
  // The last step is done; the decoding, of which nothing has been timed yet, is still ahead.
  EXPECT_EQ(int_or(denoised, {"step"}, 0), 2);
  EXPECT_GT(int_or(denoised, {"secondsLeft"}, 0), 0);
}

TEST_F(GenerateProgram, BadInputIsExitCodeTwoWithAMessageThatHelps) {
  const std::pair<std::string, std::string> cases[] = {
      {"--prompt x --frames 6", "frames: 6 is not allowed; it must be 4n+1"},
      {"--prompt x --sampler heun", "allowed: unipc"},
      {"", "prompt: missing; say what the video shows"},
      {"--prompt x --model nosuch", "model 'nosuch': not found"},
      {"--prompt x --image a.png", "--image: model wan-tiny makes videos from text alone"},
      {"--prompt x --steps many", "--steps"},
      {"--no-such-flag", "--no-such-flag"},
      {"-f missing.yaml", "missing.yaml"},
      {"--prompt x -o missing/a.mp4", "missing does not exist"},
      {"--prompt x -o a.avi", "ends in .avi; allowed: .mp4, .webm, .gif, .png"},
      {"--prompt x -o a.png", "a.png holds one picture and the video has 17 frames"},
      {"--prompt x --device gpu", "allowed: auto, cpu, cuda"},
      {"--prompt x --size 0x0", "size: '0x0' is not allowed"},
      {"--prompt x --size 17x13", "multiples of 16"},
      {"--prompt x --frames 1000000000", "frames: 1000000000 is not allowed"},
      {"--prompt x --steps 0", "steps: 0 is not allowed"},
      {"--prompt x --guidance-scale=-1", "guidanceScale: -1 is not allowed"},
      {"--prompt x --guidance-scale nan", "guidanceScale: nan is not allowed"},
      {"--prompt \"$(printf '\\377')\"", "prompt: the text is not UTF-8"},
      {"--prompt \"$(head -c 100000 /dev/zero | tr '\\0' x)\"", "a text of 100000 characters"},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2) << arguments << "\n" << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr(message)) << arguments;
    EXPECT_FALSE(fs::exists(file("video.mp4"))) << arguments;
  }
}

TEST_F(GenerateProgram, AnEmptyPromptIsAPrompt) {
  const Outcome outcome = run("--prompt '' -o a.mp4" + std::string(kQuick));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
}

TEST_F(GenerateProgram, BrokenWeightsAreOneErrorThatNamesTheFile) {
  fs::copy(testing::source_dir() / "runtime/models/wan-tiny", file("model"), fs::copy_options::recursive);
  const fs::path weights = file("model/transformer/diffusion_pytorch_model.safetensors");
  const std::string whole = *read_file(weights);
  std::string huge_header = whole;
  huge_header.replace(0, 8, "\xff\xff\xff\xff\xff\xff\xff\x7f");
  const std::string broken[] = {whole.substr(0, whole.size() / 2), whole.substr(0, 5), huge_header};
  for (const std::string& bytes : broken) {
    ASSERT_TRUE(write_file_atomically(weights, bytes).has_value());
    const Outcome outcome = run("--prompt x --model model -o a.mp4" + std::string(kQuick));
    EXPECT_EQ(outcome.code, 1) << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr("diffusion_pytorch_model.safetensors"));
    EXPECT_FALSE(fs::exists(file("a.mp4")));
  }
}

// A folder of 8 KiB; whoever may not mount one cannot see this.
TEST_F(GenerateProgram, AFullDiskIsAnErrorAndLeavesNoFile) {
  const std::string mount = "mkdir small && mount -t tmpfs -o size=8k none small && ";
  const std::string command = "cd " + folder_.path().string() + " && unshare --mount --map-root-user sh -c '";
  if (std::system((command + "mkdir probe && mount -t tmpfs none probe' 2>/dev/null").c_str()) != 0) {
    GTEST_SKIP() << "no mount namespace of one's own here";
  }
  const std::string generate =
      program().string() + " generate --prompt x -o small/a.mp4 --steps 1 --frames 17 --size 96x96 --seed 1";
  const std::string log = " > log 2>&1; echo $? > code; ls -A small > left'";
  ASSERT_EQ(std::system((command + mount + generate + log).c_str()), 0);
  EXPECT_EQ(*read_file(file("code")), "1\n") << *read_file(file("log"));
  EXPECT_THAT(*read_file(file("log")), HasSubstr("No space left"));
  EXPECT_EQ(*read_file(file("left")), "");
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

// One F32 tensor of zeros.
std::string zeros_safetensors(const std::string& shape, size_t elements) {
  const std::string header = R"({"noise":{"dtype":"F32","shape":[)" + shape + R"(],"data_offsets":[0,)" +
                             std::to_string(4 * elements) + "]}}";
  std::string length(8, '\0');
  length[0] = static_cast<char>(header.size());
  return length + header + std::string(4 * elements, '\0');
}

TEST_F(GenerateProgram, StartsFromTheNoiseOfAFile) {
  write("noise.safetensors", zeros_safetensors("16,2,8,8", 16 * 2 * 8 * 8));
  EXPECT_EQ(run("--prompt x -o seed.mp4" + std::string(kQuick)).code, 0);
  const Outcome given = run("--prompt x -o noise.mp4 --noise noise.safetensors" + std::string(kQuick));
  EXPECT_EQ(given.code, 0) << given.text;
  EXPECT_NE(*sha256_file_digest(file("seed.mp4")), *sha256_file_digest(file("noise.mp4")));
  const Outcome misshapen =
      run("--prompt x -o a.mp4 --noise noise.safetensors --steps 2 --frames 9 --size 64x64");
  EXPECT_EQ(misshapen.code, 2) << misshapen.text;
  EXPECT_THAT(misshapen.text,
              HasSubstr("shape [16, 2, 8, 8]; this size and number of frames need one F32 tensor of "
                        "shape [16, 3, 8, 8]"));
}

TEST_F(GenerateProgram, ComputesInThePrecisionThatIsAskedFor) {
  const Outcome bf16 = run("--prompt x --precision bf16 --json -o a.mp4" + std::string(kQuick));
  EXPECT_EQ(bf16.code, 0) << bf16.text;
  EXPECT_THAT(bf16.text, HasSubstr(R"("precision":"bf16")"));
  const Outcome wrong = run("--prompt x --precision fp8 -o a.mp4");
  EXPECT_EQ(wrong.code, 2) << wrong.text;
  EXPECT_THAT(wrong.text, HasSubstr("precision: 'fp8' is not allowed; allowed: auto, fp32, bf16"));
}

}  // namespace
}  // namespace wan::cli
