#include "runtime/jobs/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../base/temporary_folder.h"
#include "../process.h"
#include "scripted_generator.h"

namespace wan::jobs {
namespace {

using wan::testing::Director;
using wan::testing::eventually;
using wan::testing::ScriptedGenerator;

// What the worker told, readable from the test's thread.
struct Told {
  std::mutex mutex;
  std::vector<std::string> phases;
  std::optional<Result<Loaded>> loaded;
  std::vector<std::string> finished;  // "uid/attempt ok" or "uid/attempt CODE"
  int progress = 0;

  template <typename Look>
  auto look(Look look) {
    const std::lock_guard lock(mutex);
    return look(*this);
  }
};

class WorkerTest : public ::testing::Test {
 protected:
  WorkerEvents events() {
    WorkerEvents made;
    made.loading = [this](std::string phase) { told.look([&](Told& t) { t.phases.push_back(phase); }); };
    made.loaded = [this](Result<Loaded> loaded) {
      told.look([&](Told& t) { t.loaded = std::move(loaded); });
    };
    made.progress = [this](const std::string&, int, const Progress&) {
      told.look([](Told& t) { ++t.progress; });
    };
    made.finished = [this](const std::string& uid, int attempt,
                           const Result<pipeline::GenerationResult>& result) {
      told.look([&](Told& t) {
        t.finished.push_back(uid + "/" + std::to_string(attempt) + " " +
                             (result ? "ok" : std::string(to_string(result.error().code))));
      });
    };
    return made;
  }
  Loader loader() {
    return [this](const pipeline::ProgressSink&) -> Result<std::unique_ptr<pipeline::Generator>> {
      return std::make_unique<ScriptedGenerator>(director);
    };
  }
  bool is_loaded() {
    return told.look([](Told& t) { return t.loaded.has_value(); });
  }
  size_t ended() {
    return told.look([](Told& t) { return t.finished.size(); });
  }
  Work work(const std::string& uid, int attempt = 1) {
    Work made{uid, attempt, {}, folder.path() / (uid + ".mp4")};
    made.generation.prompt = "prompt of " + uid;
    made.generation.fps = 16;
    return made;
  }

  wan::testing::TemporaryFolder folder;
  std::shared_ptr<Director> director = std::make_shared<Director>();
  Told told;
};

TEST_F(WorkerTest, LoadsProbesAndThenWorks) {
  Worker worker(loader(), folder.path(), events());
  ASSERT_TRUE(eventually([&] { return is_loaded(); }));
  EXPECT_THAT(told.phases, ::testing::ElementsAre("Loading", "Probing"));
  EXPECT_EQ(director->prompts().front(), "a probe");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "the probe's file stays";
  worker.run(work("a"));
  ASSERT_TRUE(eventually([&] { return ended() == 1; }));
  EXPECT_THAT(told.finished, ::testing::ElementsAre("a/1 ok"));
  EXPECT_GT(told.progress, 0);
}

TEST_F(WorkerTest, CancelStopsThatAttemptAndNoOther) {
  director->hold();
  Worker worker(loader(), folder.path(), events());
  ASSERT_TRUE(eventually([&] { return is_loaded(); }));
  worker.run(work("a", 2));
  ASSERT_TRUE(eventually([&] { return director->prompts().size() == 2; }));
  worker.cancel("a", 1);
  worker.cancel("b", 2);
  EXPECT_EQ(ended(), 0u);
  worker.cancel("a", 2);
  ASSERT_TRUE(eventually([&] { return ended() == 1; }));
  EXPECT_THAT(told.finished, ::testing::ElementsAre("a/2 Cancelled"));
  director->let_go();
  worker.run(work("b"));
  ASSERT_TRUE(eventually([&] { return ended() == 2; }));
  EXPECT_EQ(told.finished.back(), "b/1 ok");
}

TEST_F(WorkerTest, EndsWithItsWorkUndone) {
  director->hold();
  {
    Worker worker(loader(), folder.path(), events());
    ASSERT_TRUE(eventually([&] { return is_loaded(); }));
    worker.run(work("a"));
    ASSERT_TRUE(eventually([&] { return director->prompts().size() == 2; }));
  }
  EXPECT_THAT(told.finished, ::testing::ElementsAre("a/1 Cancelled"));
}

TEST_F(WorkerTest, SaysWhyAModelCannotBeUsed) {
  const Loader broken = [](const pipeline::ProgressSink&) -> Result<std::unique_ptr<pipeline::Generator>> {
    return fail(corrupt("vae/config.json: not JSON"));
  };
  {
    Worker worker(broken, folder.path(), events());
    ASSERT_TRUE(eventually([&] { return is_loaded(); }));
  }
  EXPECT_EQ(told.loaded->error().message, "vae/config.json: not JSON");
  director->fail_next(internal_error("nan"));
  told.loaded.reset();
  Worker worker(loader(), folder.path(), events());
  ASSERT_TRUE(eventually([&] { return is_loaded(); }));
  EXPECT_EQ(told.loaded->error().message, "the probe generation: nan");
}

}  // namespace
}  // namespace wan::jobs
