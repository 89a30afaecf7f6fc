// The program itself, as the init container and kubectl exec run it.

#include <gmock/gmock.h>

#include "base/crypto/capability.h"
#include "base/crypto/sha256.h"
#include "model_fixture.h"
#include "s3_fixture.h"
#include "tests/support/paths.h"

namespace wan::gallery {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using wan::testing::eventually;
using wan::testing::Process;
using wan::testing::S3Server;
using wan::testing::write_secret;

class ProgramTest : public ModelFixture {
 protected:
  std::unique_ptr<Process> start(std::vector<std::string> arguments,
                                 const Process::Environment& environment = {}) {
    arguments.insert(arguments.begin(), wan::testing::program_dir().string() + "/wan-gallery");
    return std::make_unique<Process>(folder.path() / ("run" + std::to_string(runs++)), arguments,
                                     environment);
  }
  int runs = 0;
};

TEST_F(ProgramTest, ImportsListsPullsAndVerifies) {
  auto imported = start({"import", model, "--to", layout_folder, "--name", "tiny"});
  ASSERT_EQ(imported->wait(), 0) << imported->errors();
  const std::string digest = imported->output().substr(5, 71);
  auto listed = start({"list", layout_folder, "-o", "json"});
  ASSERT_EQ(listed->wait(), 0) << listed->errors();
  const auto list = parse_json(listed->output());
  EXPECT_EQ((*list)["items"][0]["digest"], digest);
  EXPECT_EQ((*list)["items"][0]["generation"]["steps"], 20);

  const fs::path log = folder.path() / "termination-log";
  write_text(log, "old text");
  auto pulled = start({"pull", "local://" + layout_folder.string() + ":tiny@" + digest, "--output", output,
                       "--termination-log", log, "--json"});
  ASSERT_EQ(pulled->wait(), 0) << pulled->errors();
  EXPECT_EQ((*parse_json(read_text(log)))["digest"], digest);
  EXPECT_THAT(pulled->errors(), HasSubstr("\"bytesTotal\""));
  EXPECT_EQ((*parse_json(pulled->output()))["alreadyThere"], false);
  EXPECT_EQ(start({"verify", output})->wait(), 0);
}

TEST_F(ProgramTest, ExitCodesTellUsageFailureAndDamageApart) {
  EXPECT_EQ(start({"pull", "oci://x", "--output", output})->wait(), 2);
  EXPECT_EQ(start({"pull", "local:///nowhere:tiny", "--output", output})->wait(), 1);
  EXPECT_EQ(start({"frobnicate"})->wait(), 2);
  import();
  write_text(blob_of("transformer/config.json"), "[]");
  const fs::path log = folder.path() / "log";
  auto pulled =
      start({"pull", "local://" + layout_folder.string(), "--output", output, "--termination-log", log});
  EXPECT_EQ(pulled->wait(), 3);
  EXPECT_EQ((*parse_json(read_text(log)))["error"]["reason"], "Corrupt");
  EXPECT_EQ(start({"verify", layout_folder})->wait(), 3);
}

TEST_F(ProgramTest, EveryCommandExplainsItself) {
  for (const std::vector<std::string>& command : {std::vector<std::string>{},
                                                  {"import"},
                                                  {"pull"},
                                                  {"list"},
                                                  {"verify"},
                                                  {"artifacts"},
                                                  {"artifacts", "get"},
                                                  {"artifacts", "put"},
                                                  {"artifacts", "list"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");
    auto help = start(arguments);
    EXPECT_EQ(help->wait(), 0);
    EXPECT_THAT(help->output(), HasSubstr("Example"));
  }
}

TEST_F(ProgramTest, ServesABucketAndSaysWhatIsWrongWithIt) {
  if (!S3Server::is_available()) GTEST_SKIP() << "no S3 server: ./wan test store sets WAN_S3_SERVER";
  const S3Server s3(folder.path() / "s3");
  const fs::path secret = folder.path() / "films-secret", log = folder.path() / "log";
  fs::create_directories(secret);
  const auto serve = [&](const std::string& bucket) {
    return start({"artifacts", "--s3-endpoint", "http://127.0.0.1:" + std::to_string(s3.port()),
                  "--s3-bucket", bucket, "--s3-credentials", secret, "--uploads", folder.path(), "--listen",
                  "127.0.0.1:0", "--termination-log", log});
  };
  const auto told = [&] { return string_or(*parse_json(read_text(log)), {"error", "message"}, ""); };
  EXPECT_EQ(serve("films")->wait(), 1);
  EXPECT_THAT(told(),
              AllOf(HasSubstr("the Secret films-secret must be there"), HasSubstr("AWS_ACCESS_KEY_ID")));
  write_secret(secret, "another-key");
  EXPECT_EQ(serve("films")->wait(), 1);
  EXPECT_THAT(told(), AllOf(HasSubstr("SignatureDoesNotMatch"), HasSubstr("correct AWS_SECRET_ACCESS_KEY"),
                            Not(HasSubstr("another-key"))));
  write_secret(secret, S3Server::kSecretKey);
  EXPECT_EQ(serve("films")->wait(), 1);
  EXPECT_THAT(told(), HasSubstr("NoSuchBucket"));
  s3.make_bucket("films");
  auto serving = serve("films");
  ASSERT_TRUE(eventually([&] { return serving->errors().contains("takes bytes"); })) << serving->errors();
  EXPECT_TRUE(fs::exists(s3.file("films", ".wan/store")));
  serving->signal(SIGTERM);
  EXPECT_EQ(serving->wait(), 0) << serving->errors();
  const auto with_environment = [&](const Process::Environment& environment) {
    auto run = start({"artifacts", "--s3-endpoint", "http://127.0.0.1:" + std::to_string(s3.port()),
                      "--s3-bucket", "films", "--uploads", folder.path(), "--listen", "127.0.0.1:0"},
                     environment);
    EXPECT_EQ(run->wait(), 1);
    return run->errors();
  };
  EXPECT_THAT(with_environment({}), HasSubstr("the environment variable AWS_ACCESS_KEY_ID is not set"));
  EXPECT_THAT(
      with_environment({{"AWS_ACCESS_KEY_ID", S3Server::kAccessKey}, {"AWS_SECRET_ACCESS_KEY", "wrong"}}),
      HasSubstr("SignatureDoesNotMatch"));
  EXPECT_EQ(start({"artifacts", "--s3-endpoint", "ftp://x", "--s3-bucket", "films"})->wait(), 2);
  EXPECT_EQ(start({"artifacts", "--s3-endpoint", "http://x"})->wait(), 2);
}

TEST_F(ProgramTest, AKilledPullGoesOn) {
  // Larger, so that the kill comes in the middle.
  for (int i = 0; i < 40; ++i) {
    write_text(model / ("transformer/part-" + std::to_string(i) + ".safetensors"),
               std::string(4'000'000, 'a' + i % 26));
  }
  import();
  const std::string source = "local://" + layout_folder.string() + ":tiny";
  const auto staged = [this] {
    std::error_code ignored;
    size_t files = 0;
    for (auto at = fs::recursive_directory_iterator(output.parent_path(), ignored);
         at != fs::recursive_directory_iterator(); at.increment(ignored)) {
      if (at->path().extension() == ".safetensors") ++files;
    }
    return files;
  };
  // On a machine that does other things too, the pull may end before it can be killed: then once more.
  for (int attempt = 0; attempt < 10; ++attempt) {
    fs::remove_all(output);
    auto killed = start({"pull", source, "--output", output});
    ASSERT_TRUE(eventually([&] { return staged() >= 2; }));
    killed->signal(SIGKILL);
    killed->wait();
    if (!fs::exists(output)) break;
  }
  ASSERT_FALSE(fs::exists(output));
  auto resumed = start({"pull", source, "--output", output, "--json"});
  ASSERT_EQ(resumed->wait(), 0) << resumed->errors();
  EXPECT_GT(int_or(*parse_json(resumed->output()), {"bytesKept"}, 0), 0);
  EXPECT_EQ(start({"verify", output})->wait(), 0);
}

TEST_F(ProgramTest, TheArtifactServerEndsOrderlyAndGetReadsItsVolume) {
  const fs::path volume = folder.path() / "volume";
  write_text(volume / "red-ball.mp4", "video");
  auto server = start({"artifacts", "--root", volume, "--listen", "0.0.0.0:0", "--audience", "artifacts/a/b"},
                      {{"WAN_CAPABILITY_PUBLIC_KEY", *ed25519_public_key_base64(std::string(32, 's'))}});
  ASSERT_TRUE(eventually([&] { return server->errors().find("listens on port") != std::string::npos; }))
      << server->errors();
  auto copied = start({"artifacts", "get", "--root", volume, "red-ball.mp4"});
  EXPECT_EQ(copied->wait(), 0);
  EXPECT_EQ(copied->output(), "video");
  EXPECT_EQ(start({"artifacts", "get", "--root", volume, "../secret"})->wait(), 2);
  EXPECT_EQ(start({"artifacts", "get", "--root", volume, "absent"})->wait(), 1);
  EXPECT_THAT(read_text(folder.path() / "run0.err"), HasSubstr("listens"));
  const fs::path picture = folder.path() / "ball.png";
  write_text(picture, "picture");
  auto put = start({"artifacts", "put", "--root", volume, picture});
  EXPECT_EQ(put->wait(), 0) << put->errors();
  EXPECT_EQ(put->output(), sha256_digest("picture") + "\n");
  auto back = start({"artifacts", "get", "--root", volume, sha256_digest("picture")});
  EXPECT_EQ(back->wait(), 0);
  EXPECT_EQ(back->output(), "picture");
  EXPECT_EQ(start({"artifacts", "put", "--root", volume, volume / "absent"})->wait(), 1);
  auto listed = start({"artifacts", "list", "--root", volume});
  EXPECT_EQ(listed->wait(), 0);
  EXPECT_THAT(listed->output(), HasSubstr("red-ball.mp4"));
  server->signal(SIGTERM);
  EXPECT_EQ(server->wait(), 0);
}

TEST_F(ProgramTest, AnArtifactServerWithoutAKeyServesOnlyItsOwnMachine) {
  auto server = start({"artifacts", "--root", folder.path(), "--listen", "0.0.0.0:0"});
  EXPECT_EQ(server->wait(), 2);
  EXPECT_THAT(server->errors(), HasSubstr("WAN_CAPABILITY_PUBLIC_KEY"));
}

}  // namespace
}  // namespace wan::gallery
