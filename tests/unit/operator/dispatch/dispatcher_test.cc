#include "operator/dispatch/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto/capability.h"
#include "operator/api/identifiers.h"
#include "tests/support/fake_runtime.h"
#include "tests/support/run_task.h"
#include "tests/support/scripted_server.h"

namespace wan::dispatch {
namespace {

using ::testing::Contains;
using ::testing::UnorderedElementsAre;

const std::string kSeed(32, 's');

Json job(const std::string& uid, const std::string& phase, int attempt = 1, int step = 0) {
  Json state = Json::object();
  state["uid"] = uid;
  state["attempt"] = attempt;
  state["phase"] = phase;
  if (step > 0) {
    state["progress"]["phase"] = "Denoise";
    state["progress"]["step"] = step;
    state["progress"]["steps"] = 20;
    state["progress"]["percent"] = 5.0 * step;
  }
  return state;
}

class DispatcherTest : public ::testing::Test {
 protected:
  DispatcherTest() {
    EXPECT_TRUE(runtime_.start());
    issuer_.set_epoch("100");
    DispatcherSettings settings;
    settings.port = runtime_.port();
    settings.link.first_retry = std::chrono::milliseconds(5);
    settings.link.last_retry = std::chrono::milliseconds(20);
    settings.link.idle_limit = std::chrono::seconds(3);
    dispatcher_ = std::make_unique<Dispatcher>(
        context_.get_executor(), issuer_, settings,
        [this](const PodRef& pod, const Change& change) { changes_.emplace_back(pod, change); });
    dispatcher_->start();
  }
  ~DispatcherTest() override {
    testing::run_task(context_, dispatcher_->stop());
    testing::run_task(context_, runtime_.stop());
  }

  static api::Pod pod() {
    api::Pod made;
    made.metadata.namespace_ = "ns";
    made.metadata.name = "wan-tiny-0";
    made.metadata.uid = "pod-1";
    made.metadata.labels[api::kLabelDeployment] = "wan-tiny";
    made.metadata.labels[api::kLabelOwnerUid] = "owner-1";
    made.ip = "127.0.0.1";
    api::ContainerState runtime;
    runtime.name = "runtime";
    runtime.running = true;
    made.containers.push_back(runtime);
    return made;
  }
  const api::RuntimeView* view() const { return dispatcher_->view("pod-1"); }
  bool reachable() const { return view() != nullptr && view()->reachable; }
  bool runs_until(const std::function<bool()>& condition) { return testing::run_until(context_, condition); }
  void connect() {
    const api::Pod added = pod();
    dispatcher_->pod_changed(nullptr, &added);
    ASSERT_TRUE(runs_until([this] { return reachable(); }));
  }
  Status put(const std::string& uid, int attempt) {
    Json body = Json::object();
    body["podUID"] = "pod-1";
    body["attempt"] = attempt;
    body["epoch"] = issuer_.epoch();
    return testing::run_task(context_, dispatcher_->put_job("pod-1", uid, attempt, body));
  }
  std::string phase_of(const std::string& uid) const {
    const api::JobState* found = view() == nullptr ? nullptr : view()->job(uid);
    return found == nullptr ? "" : found->phase;
  }

  asio::io_context context_;
  SystemClock clock_;
  testing::FakeRuntime runtime_{context_.get_executor(), "127.0.0.1", 0, "pod-1",
                                ed25519_public_key_base64(kSeed).value()};
  CapabilityIssuer issuer_{kSeed, clock_};
  std::vector<std::pair<PodRef, Change>> changes_;
  std::unique_ptr<Dispatcher> dispatcher_;
};

TEST_F(DispatcherTest, TalksOnlyToRuntimePodsThatRunAndHaveAnAddress) {
  EXPECT_TRUE(can_be_asked(pod()));
  api::Pod other = pod();
  other.ip.clear();
  EXPECT_FALSE(can_be_asked(other));
  other = pod();
  other.containers[0].running = false;
  EXPECT_FALSE(can_be_asked(other));
  other = pod();
  other.metadata.labels.erase(api::kLabelDeployment);
  EXPECT_FALSE(can_be_asked(other));
  other.metadata.labels[api::kLabelVideoJob] = "red-ball";
  EXPECT_TRUE(can_be_asked(other));
}

TEST_F(DispatcherTest, AsksAPodThatFetchesItsWeightsHowFarItIsAndFollowsItOnceItRuns) {
  runtime_.set_weights({{"bytesDone", 10}, {"bytesTotal", 40}, {"bytesPerSecond", 5}, {"secondsLeft", 6}});
  api::Pod fetching = pod();
  fetching.containers[0].running = false;
  fetching.containers.push_back({.name = "pull", .init = true, .running = true});
  EXPECT_TRUE(fetches_weights(fetching));
  dispatcher_->pod_changed(nullptr, &fetching);
  ASSERT_TRUE(runs_until([this] { return view() != nullptr && view()->weights.has_value(); }));
  EXPECT_EQ(view()->weights->bytes_done, 10);
  EXPECT_EQ(view()->weights->seconds_left, 6);
  EXPECT_FALSE(view()->reachable);
  EXPECT_EQ(runtime_.streams(), 0U);
  const api::Pod running = pod();
  dispatcher_->pod_changed(&fetching, &running);
  EXPECT_TRUE(runs_until([this] { return reachable(); }));
}

TEST_F(DispatcherTest, KeepsTheViewOfAPodUpToDate) {
  runtime_.set_job(job("j1", "Running", 1, 3));
  connect();
  EXPECT_EQ(view()->phase, "Ready");
  EXPECT_EQ(phase_of("j1"), "Running");
  EXPECT_EQ(changes_.back().first.owner_uid, "owner-1");

  changes_.clear();
  runtime_.set_job(job("j1", "Running", 1, 4));
  ASSERT_TRUE(runs_until([this] { return !changes_.empty(); }));
  EXPECT_THAT(changes_[0].second.progress, UnorderedElementsAre("j1"));
  EXPECT_TRUE(changes_[0].second.jobs.empty());

  changes_.clear();
  runtime_.set_job(job("j1", "Succeeded"));
  ASSERT_TRUE(runs_until([this] { return !changes_.empty(); }));
  EXPECT_THAT(changes_[0].second.jobs, UnorderedElementsAre("j1"));

  changes_.clear();
  runtime_.set_phase("Draining");
  ASSERT_TRUE(runs_until([this] { return !changes_.empty(); }));
  EXPECT_TRUE(changes_[0].second.runtime);
  EXPECT_FALSE(view()->accepts_jobs());
}

TEST_F(DispatcherTest, SaysThatAPodIsUnreachableAndFindsItAgain) {
  connect();
  runtime_.set_job(job("j1", "Running"));
  ASSERT_TRUE(runs_until([this] { return phase_of("j1") == "Running"; }));
  changes_.clear();
  runtime_.break_streams();
  ASSERT_TRUE(runs_until([this] { return changes_.size() >= 2 && reachable(); }));
  EXPECT_TRUE(changes_[0].second.runtime);
  EXPECT_EQ(phase_of("j1"), "Running");
}

TEST_F(DispatcherTest, ForgetsJobsThatARestartedProcessDoesNotKnow) {
  connect();
  runtime_.set_job(job("j1", "Running"));
  ASSERT_TRUE(runs_until([this] { return phase_of("j1") == "Running"; }));
  changes_.clear();
  runtime_.forget_jobs();
  runtime_.break_streams();
  ASSERT_TRUE(runs_until([this] { return phase_of("j1").empty() && reachable(); }));
  std::set<std::string> told;
  for (const auto& [pod_ref, change] : changes_) told.insert(change.jobs.begin(), change.jobs.end());
  EXPECT_THAT(told, Contains("j1"));
}

TEST_F(DispatcherTest, DoesNotBelieveAnAnswerFromBeforeARestart) {
  connect();
  runtime_.hold_next_answer();
  Json body = Json::object();
  body["podUID"] = "pod-1";
  body["attempt"] = 1;
  body["epoch"] = issuer_.epoch();
  bool answered = false;
  asio::co_spawn(context_, dispatcher_->put_job("pod-1", "j1", 1, body),
                 [&](const std::exception_ptr&, const Status& done) { answered = done.has_value(); });
  ASSERT_TRUE(runs_until([this] { return runtime_.job("j1") != nullptr && phase_of("j1") == "Queued"; }));
  runtime_.forget_jobs();
  runtime_.break_streams();
  ASSERT_TRUE(runs_until([this] { return phase_of("j1").empty() && reachable(); }));

  changes_.clear();
  runtime_.release_answer();
  ASSERT_TRUE(runs_until([&] { return answered; }));
  EXPECT_EQ(phase_of("j1"), "") << "the pod does not know the job";
  ASSERT_FALSE(changes_.empty()) << "whoever asked must look again";
  EXPECT_THAT(changes_.back().second.jobs, UnorderedElementsAre("j1"));
}

TEST_F(DispatcherTest, HandsAJobOverWithAGrantForThisPodJobAndAttempt) {
  connect();
  ASSERT_TRUE(put("j1", 2));
  EXPECT_EQ(phase_of("j1"), "Queued");
  const testing::RuntimeRequest& request = runtime_.requests().back();
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.capability.audience, "pod-1");
  EXPECT_EQ(request.capability.subject, "j1");
  EXPECT_EQ(request.capability.attempt, 2);
  EXPECT_EQ(request.capability.epoch, "100");
  EXPECT_TRUE(put("j1", 2)) << "the same job again is no error";
}

TEST_F(DispatcherTest, IsRefusedWithAnOldEpochOrAttempt) {
  connect();
  ASSERT_TRUE(put("j1", 2));
  const Status stale_attempt = put("j1", 1);
  ASSERT_FALSE(stale_attempt);
  EXPECT_EQ(stale_attempt.error().code, ErrorCode::kConflict);
  issuer_.set_epoch("99");
  const Status stale_epoch = put("j2", 1);
  ASSERT_FALSE(stale_epoch);
  EXPECT_NE(stale_epoch.error().message.find("StaleEpoch"), std::string::npos) << stale_epoch.error().message;
}

// A pod whose container was started again knows no epoch: it would take what a former leader sends.
TEST_F(DispatcherTest, SendsNothingOnceTheLeaseHasRunOut) {
  connect();
  bool leads = true;
  issuer_.set_epoch("100", [&leads] { return leads; });
  ASSERT_TRUE(put("j1", 1));
  leads = false;
  const Status late = put("j2", 1);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(runtime_.puts(), 1U);
  EXPECT_FALSE(issuer_.for_upload("store", "ns/j2/video.mp4", "j2", 1, std::chrono::seconds(60)));
}

TEST_F(DispatcherTest, TakesARefusedRequestForTheResultOfTheJob) {
  connect();
  runtime_.refuse_next_put(422, "Invalid", "spec.frames is 16; it must be 4n+1");
  ASSERT_TRUE(put("j1", 1));
  ASSERT_EQ(phase_of("j1"), "Failed");
  EXPECT_EQ(view()->job("j1")->error->message, "spec.frames is 16; it must be 4n+1");
  EXPECT_FALSE(view()->job("j1")->error->retryable);
}

TEST_F(DispatcherTest, SaysWhenAPodTakesNoJobs) {
  connect();
  runtime_.set_phase("Draining");
  const Status refused = put("j1", 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  const Status nowhere = testing::run_task(context_, dispatcher_->put_job("pod-2", "j1", 1, Json::object()));
  EXPECT_EQ(nowhere.error().code, ErrorCode::kUnavailable);
}

TEST_F(DispatcherTest, CancelsAJobAndIsContentIfThereIsNone) {
  connect();
  ASSERT_TRUE(put("j1", 1));
  ASSERT_TRUE(testing::run_task(context_, dispatcher_->cancel_job("pod-1", "j1", 1)));
  EXPECT_EQ(phase_of("j1"), "Cancelled");
  EXPECT_TRUE(testing::run_task(context_, dispatcher_->cancel_job("pod-1", "unknown", 1)));
}

TEST_F(DispatcherTest, ForgetsAJobOnlyOnceItHasEnded) {
  connect();
  runtime_.set_job(job("j1", "Running"));
  ASSERT_TRUE(runs_until([this] { return phase_of("j1") == "Running"; }));
  dispatcher_->forget_job("pod-1", "j1");
  EXPECT_EQ(phase_of("j1"), "Running");
  runtime_.set_job(job("j1", "Succeeded"));
  ASSERT_TRUE(runs_until([this] { return phase_of("j1") == "Succeeded"; }));
  dispatcher_->forget_job("pod-1", "j1");
  EXPECT_EQ(phase_of("j1"), "");
  dispatcher_->forget_job("pod-2", "j1");
}

TEST_F(DispatcherTest, DeletesAnArtifactWithAGrantForItAlone) {
  testing::ScriptedServer server(context_);
  const auto remove = [&](unsigned status) {
    server.script(testing::answer(status, ""));
    return testing::run_task(
        context_, dispatcher_->delete_artifact(server.url() + "/v1/artifacts/a.mp4", "artifacts/ns/videos",
                                               "a.mp4", "sha256:ab", "j1"));
  };
  EXPECT_TRUE(remove(204));
  const std::string& head = server.requests().back().head;
  EXPECT_EQ(head.substr(0, head.find('\r')), "DELETE /v1/artifacts/a.mp4 HTTP/1.1");
  EXPECT_NE(head.find("If-Match: \"sha256:ab\""), std::string::npos);
  const size_t bearer = head.find("Bearer ") + 7;
  const auto grant =
      verify_capability(head.substr(bearer, head.find('\r', bearer) - bearer),
                        ed25519_public_key_base64(kSeed).value(), "artifacts/ns/videos", clock_.wall());
  ASSERT_TRUE(grant) << grant.error().message;
  EXPECT_EQ(grant->scope, "artifact:delete");
  EXPECT_EQ(grant->path, "a.mp4");
  EXPECT_TRUE(remove(404)) << "it is gone already";
  EXPECT_TRUE(remove(412)) << "somebody put another in its place";
  EXPECT_FALSE(remove(503));
  testing::run_task(context_, server.stop());
}

TEST_F(DispatcherTest, CopiesAVideoToAnotherPathAndSaysWhyItCannotBe) {
  testing::ScriptedServer server(context_);
  const auto copy = [&](unsigned status) {
    server.script(testing::answer(status, ""));
    return testing::run_task(
        context_, dispatcher_->copy_artifact(server.url() + "/v1/artifacts/b.mp4", "artifacts/ns/videos",
                                             "b.mp4", "sha256:ab", "j1"));
  };
  EXPECT_TRUE(copy(201));
  const std::string& head = server.requests().back().head;
  EXPECT_EQ(head.substr(0, head.find('\r')), "PUT /v1/artifacts/b.mp4 HTTP/1.1");
  EXPECT_NE(head.find("X-Copy-Source: blobs/sha256:ab"), std::string::npos);
  EXPECT_NE(head.find("Content-Length: 0"), std::string::npos);
  EXPECT_TRUE(copy(200));
  EXPECT_EQ(copy(404).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(copy(409).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(copy(422).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(copy(503).error().code, ErrorCode::kUnavailable);
  testing::run_task(context_, server.stop());
}

TEST_F(DispatcherTest, AsksAPodWhatItWouldMakeOfAJob) {
  runtime_.resolve_with([](const Json& body) { return "sha256:" + string_or(body, {"spec", "prompt"}, ""); });
  connect();
  Json body = Json::object();
  body["spec"]["prompt"] = "red";
  const auto asked = testing::run_task(context_, dispatcher_->resolve_job("pod-1", "j1", 1, body));
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_EQ(asked->job_hash, "sha256:red");
  EXPECT_EQ(view()->job("j1"), nullptr) << "nothing was handed over";
}

TEST_F(DispatcherTest, APodThatDoesNotKnowTheQuestionHasNoAnswer) {
  connect();
  const auto asked = testing::run_task(context_, dispatcher_->resolve_job("pod-1", "j1", 1, Json::object()));
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_EQ(asked->job_hash, "");
}

TEST_F(DispatcherTest, EndsTheLinkWhenThePodGoes) {
  connect();
  const api::Pod gone = pod();
  dispatcher_->pod_changed(&gone, nullptr);
  EXPECT_EQ(view(), nullptr);
  EXPECT_TRUE(runs_until([this] { return runtime_.streams() == 0; }));
}

TEST_F(DispatcherTest, DoesNotFollowAnotherPodThatHasTheAddressNow) {
  api::Pod stranger = pod();
  stranger.metadata.uid = "pod-2";
  dispatcher_->pod_changed(nullptr, &stranger);
  ASSERT_TRUE(runs_until([this] { return runtime_.refused() >= 2; }));
  EXPECT_EQ(runtime_.streams(), 0U);
  EXPECT_FALSE(dispatcher_->view("pod-2")->reachable);
}

}  // namespace
}  // namespace wan::dispatch
