#include "operator/execute/executor.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/async/task_group.h"
#include "base/crypto/capability.h"
#include "operator/api/identifiers.h"
#include "operator/dispatch/dispatcher.h"
#include "tests/support/fake_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_runtime.h"
#include "tests/support/run_task.h"
#include "tests/support/scripted_server.h"

namespace wan::execute {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kSeed(32, 's');

Json child(const std::string& name, const std::string& owner_uid) {
  Json object = Json::object();
  object["apiVersion"] = "apps/v1";
  object["kind"] = "Deployment";
  object["metadata"]["namespace"] = "ns";
  object["metadata"]["name"] = name;
  Json owner = Json::object();
  owner["uid"] = owner_uid;
  owner["controller"] = true;
  object["metadata"]["ownerReferences"] = Json::array({owner});
  return object;
}

reconcile::ObjectRef ref(const std::string& uid) {
  return {"wan.gallery/v1alpha1", "VideoJob", "ns", "red-ball", uid};
}

class ExecutorTest : public ::testing::Test {
 protected:
  ExecutorTest() { issuer_.set_epoch("77"); }
  ~ExecutorTest() override { testing::run_task(context_, runtimes_.stop()); }

  Status run(std::vector<reconcile::Step> steps) {
    reconcile::Plan plan;
    plan.steps = std::move(steps);
    return testing::run_task(context_, executor_.run("owner", std::move(plan)));
  }
  std::vector<std::string> verbs() const {
    std::vector<std::string> verbs;
    for (const testing::Call& call : api_.writes()) verbs.push_back(call.verb);
    return verbs;
  }
  const Json& put_job() {
    Json job = Json::object();
    job["metadata"]["namespace"] = "ns";
    job["metadata"]["name"] = "red-ball";
    return api_.put(kube::kVideoJobs, job);
  }

  asio::io_context context_;
  testing::FakeApi api_;
  SystemClock clock_;
  Caches caches_;
  dispatch::CapabilityIssuer issuer_{kSeed, clock_};
  dispatch::Dispatcher runtimes_{context_.get_executor(), issuer_, dispatch::DispatcherSettings(),
                                 [](const dispatch::PodRef&, const dispatch::Change&) {}};
  controller::EventRecorder events_{context_.get_executor(), api_, clock_, "test"};
  WriteGate gate_{clock_};
  Executor executor_{api_, caches_, runtimes_, issuer_, events_, gate_, clock_};
};

TEST_F(ExecutorTest, CarriesStepsOutInOrderWithTheirFieldManagers) {
  const std::string uid = string_or(put_job(), {"metadata", "uid"}, "");
  Json status = Json::object();
  status["phase"] = "Queued";
  ASSERT_TRUE(run({reconcile::Apply{child("a", "u")}, reconcile::WriteStatus{ref(uid), status, ""}}));
  ASSERT_THAT(verbs(), ElementsAre("apply", "apply/status"));
  EXPECT_EQ(api_.writes()[0].field_manager, "wan-operator");
  EXPECT_EQ(api_.writes()[1].field_manager, "wan-operator-status");
  EXPECT_EQ(string_or(api_.writes()[1].object, {"metadata", "uid"}, ""), uid);
  EXPECT_TRUE(executor_.last_status_write(uid));
}

TEST_F(ExecutorTest, LooksForThePictureOfAJobAndSaysHowToMakeIt) {
  const reconcile::FindImage look{"job-uid", reconcile::ImageRef{"ns", "pictures", "ball.png"}};
  ASSERT_TRUE(run({look}));
  ASSERT_TRUE(executor_.notes("job-uid").image);
  EXPECT_THAT(executor_.notes("job-uid").image->trouble,
              ::testing::HasSubstr("kubectl create configmap -n ns pictures --from-file=ball.png=FILE"));
  Json map =
      *parse_json(R"({"metadata":{"namespace":"ns","name":"pictures"},"binaryData":{"other":"AA=="}})");
  api_.put(kube::kConfigMaps, map);
  ASSERT_TRUE(run({look}));
  EXPECT_THAT(executor_.notes("job-uid").image->trouble,
              ::testing::HasSubstr("no file (binaryData) ball.png"));
  map["binaryData"]["ball.png"] = "AAAA";
  api_.put(kube::kConfigMaps, map);
  ASSERT_TRUE(run({look}));
  EXPECT_EQ(executor_.notes("job-uid").image->trouble, "");
}

TEST_F(ExecutorTest, HasAPictureTakenInAndRemembersWhatCameOfIt) {
  testing::ScriptedServer artifacts(context_);
  const reconcile::FindImage look{
      "job-uid", reconcile::BlobRef{.server = artifacts.url(),
                                    .audience = "artifacts/ns/videos",
                                    .artifact_url = "http://10.0.0.7:8080/v1/artifacts/ball.png",
                                    .artifact_audience = "artifacts/ns/s3:1",
                                    .artifact_path = "ball.png"}};
  artifacts.script(testing::answer(202, "{}"));
  ASSERT_TRUE(run({look}));
  EXPECT_TRUE(executor_.notes("job-uid").image->on_its_way);
  const auto refusal = [](const std::string& message) {
    return R"({"error":{"reason":"X","message":")" + message + "\"}}";
  };
  artifacts.script(testing::answer(404, refusal("no such picture")));
  artifacts.script(testing::answer(502, refusal("HTTP 403")));
  for (const auto& [reason, message, looks] :
       {std::tuple("ImageNotFound", "no such picture", 1), std::tuple("ImageUnavailable", "HTTP 403", 2)}) {
    ASSERT_TRUE(run({look}));
    const auto& found = *executor_.notes("job-uid").image;
    EXPECT_EQ(found.reason, reason);
    EXPECT_EQ(found.trouble, message);
    EXPECT_EQ(found.looks, looks);
  }
  artifacts.script(testing::answer(503, refusal("the disk is full")));
  const Status later = run({look});
  ASSERT_FALSE(later) << "it says nothing of the picture";
  EXPECT_THAT(later.error().message, ::testing::HasSubstr("the disk is full"));
  artifacts.script(testing::answer(200, R"({"sha256":"sha256:1","bytes":3})"));
  ASSERT_TRUE(run({look}));
  EXPECT_EQ(executor_.notes("job-uid").image->trouble, "");
  EXPECT_EQ(executor_.notes("job-uid").image->sha256, "sha256:1");

  const testing::ReceivedRequest& asked = artifacts.requests().back();
  EXPECT_THAT(asked.head, ::testing::HasSubstr("POST /v1/blobs "));
  const Json body = *parse_json(asked.body);
  EXPECT_EQ(string_or(body, {"from", "artifact"}, ""), "http://10.0.0.7:8080/v1/artifacts/ball.png");
  const auto key = *ed25519_public_key_base64(kSeed);
  const auto read =
      verify_capability(string_or(body, {"from", "token"}, ""), key, "artifacts/ns/s3:1", clock_.wall());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->scope, "artifact:read");
  EXPECT_EQ(read->path, "ball.png");
  testing::run_task(context_, artifacts.stop());
}

TEST_F(ExecutorTest, SaysInStatusAndEventWhichRightIsMissing) {
  const std::string uid = string_or(put_job(), {"metadata", "uid"}, "");
  Json status = *parse_json(R"({"observedGeneration":3,"phase":"Pending","conditions":[
    {"type":"Ready","status":"False","observedGeneration":3,"reason":"StartingPods","message":"m",
     "lastTransitionTime":"2026-01-31T00:00:00Z"}]})");
  const std::string why = "apply deployments.apps ns/a: 403 Forbidden: cannot patch resource \"deployments\"";
  api_.fail_next("apply", Error{ErrorCode::kPermissionDenied, why});
  const Status done = run({reconcile::Apply{child("a", "u")}, reconcile::Apply{child("b", "u")},
                           reconcile::WriteStatus{ref(uid), status, ""}});
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().message == why) << done.error().message;
  ASSERT_THAT(verbs(), ElementsAre("apply", "apply/status"));
  const Json written = api_.writes()[1].object["status"];
  EXPECT_EQ(string_or(written, {"phase"}, ""), "Pending");
  ASSERT_EQ(written["conditions"].size(), 2U);
  for (const Json& condition : written["conditions"]) {
    EXPECT_EQ(string_or(condition, {"reason"}, ""), "Forbidden");
    EXPECT_EQ(string_or(condition, {"message"}, ""), why);
    EXPECT_EQ(int_or(condition, {"observedGeneration"}, 0), 3);
    const bool ready = string_or(condition, {"type"}, "") == "Ready";
    EXPECT_EQ(string_or(condition, {"status"}, ""), ready ? "False" : "True");
  }
  api_.clear_calls();
  TaskGroup tasks(context_.get_executor());
  tasks.spawn("events", events_.run());
  EXPECT_TRUE(testing::run_until(context_, [&] { return !api_.writes().empty(); }));
  tasks.cancel();
  testing::run_task(context_, tasks.join());
  const Json event = api_.writes().at(0).object;
  EXPECT_EQ(string_or(event, {"type"}, ""), "Warning");
  EXPECT_EQ(string_or(event, {"reason"}, ""), "Forbidden");
  EXPECT_EQ(string_or(event, {"note"}, ""), why);
  EXPECT_EQ(string_or(event, {"regarding", "uid"}, ""), uid);
}

TEST_F(ExecutorTest, SaysInAnEventWhatWasRefusedWhereTheStatusIsAsItWas) {
  api_.fail_next("create", Error{ErrorCode::kPermissionDenied, "exceeded quota: small"});
  ASSERT_FALSE(run({reconcile::Create{child("a", "u")}}));
  api_.clear_calls();
  TaskGroup tasks(context_.get_executor());
  tasks.spawn("events", events_.run());
  EXPECT_TRUE(testing::run_until(context_, [&] { return !api_.writes().empty(); }));
  tasks.cancel();
  testing::run_task(context_, tasks.join());
  ASSERT_FALSE(api_.writes().empty());
  EXPECT_EQ(string_or(api_.writes()[0].object, {"regarding", "uid"}, ""), "u");
}

TEST_F(ExecutorTest, SaysWhatWasRefusedAfterTheStatusWasWritten) {
  const Json job = put_job();
  const std::string uid = string_or(job, {"metadata", "uid"}, "");
  const std::string version = string_or(job, {"metadata", "resourceVersion"}, "");
  const Json status = *parse_json(R"({"observedGeneration":1,"phase":"Queued","conditions":[
    {"type":"Ready","status":"False","observedGeneration":1,"reason":"StartingJob","message":"m",
     "lastTransitionTime":"2026-01-31T00:00:00Z"}]})");
  api_.fail_next("apply", Error{ErrorCode::kInvalidArgument, "spec.template.x: Invalid value"});
  ASSERT_FALSE(run({reconcile::WriteStatus{ref(uid), status, version}, reconcile::Apply{child("a", "u")}}));
  ASSERT_THAT(verbs(), ElementsAre("apply/status", "apply", "apply/status"));
  const auto told = [&](size_t write) {
    return string_or(api_.writes()[write].object["status"]["conditions"][0], {"reason"}, "");
  };
  EXPECT_EQ(told(0), "StartingJob");
  EXPECT_EQ(told(2), "Refused") << "guarded by the version of the write before";
  api_.clear_calls();
  ASSERT_TRUE(run({reconcile::WriteStatus{ref(uid), status, ""}}));
  EXPECT_EQ(told(0), "StartingJob") << "the plan does not want it any more";
}

TEST_F(ExecutorTest, StopsAtTheFirstStepThatFails) {
  api_.fail_next("apply", unavailable("the API server is down"));
  const Status done = run({reconcile::Apply{child("a", "u")}, reconcile::Apply{child("b", "u")}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(verbs(), ElementsAre("apply"));
}

TEST_F(ExecutorTest, DoesNotTakeAnObjectOfSomebodyElse) {
  api_.put(kube::kDeployments, child("a", "somebody else"));
  const Status done = run({reconcile::Apply{child("a", "u")}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kAlreadyExists);
  EXPECT_NE(done.error().message.find("belongs to somebody else"), std::string::npos);
  EXPECT_THAT(verbs(), IsEmpty());
  api_.put(kube::kDeployments, child("b", "u"));
  EXPECT_TRUE(run({reconcile::Apply{child("b", "u")}}));
}

TEST_F(ExecutorTest, CreatesOnceAndDeletesOnlyWhatIsStillThere) {
  Json secret = Json::object();
  secret["apiVersion"] = "v1";
  secret["kind"] = "Secret";
  secret["metadata"]["namespace"] = "ns";
  secret["metadata"]["name"] = "token";
  EXPECT_TRUE(run({reconcile::Create{secret, true}, reconcile::Create{secret, true}}));
  const std::string uid = string_or(api_.put(kube::kDeployments, child("a", "u")), {"metadata", "uid"}, "");
  EXPECT_TRUE(run({reconcile::Delete{{"apps/v1", "Deployment", "ns", "a", "an older one"}}}));
  EXPECT_NE(api_.stored(kube::kDeployments, "ns/a"), nullptr);
  EXPECT_TRUE(run({reconcile::Delete{{"apps/v1", "Deployment", "ns", "a", uid}}}));
  EXPECT_EQ(api_.stored(kube::kDeployments, "ns/a"), nullptr);
  EXPECT_TRUE(run({reconcile::Delete{{"apps/v1", "Deployment", "ns", "a", uid}}}));
}

TEST_F(ExecutorTest, CreatesByOneRequestAndTakesNothingFromSomebodyElse) {
  ASSERT_TRUE(run({reconcile::Create{child("a", "u")}}));
  EXPECT_THAT(verbs(), ElementsAre("create"));
  EXPECT_TRUE(run({reconcile::Create{child("a", "u")}})) << "it is ours already";
  const Status refused = run({reconcile::Create{child("a", "another")}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("belongs to somebody else"));
}

TEST_F(ExecutorTest, EndsWithoutAnErrorWhenTheObjectItselfIsGone) {
  EXPECT_TRUE(
      run({reconcile::WriteStatus{ref("gone"), Json::object(), ""}, reconcile::Apply{child("a", "u")}}));
  EXPECT_THAT(verbs(), ElementsAre("apply/status"));
}

TEST_F(ExecutorTest, DoesNotWriteTheStatusOfANewObjectOfTheSameName) {
  put_job();
  const Status done = run({reconcile::WriteStatus{ref("of the former one"), Json::object(), ""}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kConflict);
}

TEST_F(ExecutorTest, RefusesAPlanForAKindThatTheOperatorDoesNotHandle) {
  Json object = child("a", "u");
  object["kind"] = "DaemonSet";
  const Status done = run({reconcile::Apply{object}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kInternal);
}

TEST_F(ExecutorTest, HandsAJobOverWithItsEpochAndAGrantForTheUpload) {
  const std::string key = ed25519_public_key_base64(kSeed).value();
  testing::FakeRuntime runtime(context_.get_executor(), "127.0.0.1", 0, "pod-1", key);
  ASSERT_TRUE(runtime.start());
  dispatch::DispatcherSettings settings;
  settings.port = runtime.port();
  dispatch::Dispatcher runtimes(context_.get_executor(), issuer_, settings,
                                [](const dispatch::PodRef&, const dispatch::Change&) {});
  runtimes.start();
  api::Pod pod;
  pod.metadata.uid = "pod-1";
  pod.metadata.labels[api::kLabelDeployment] = "tiny";
  pod.ip = "127.0.0.1";
  pod.containers.push_back({.name = "runtime", .running = true});
  runtimes.pod_changed(nullptr, &pod);
  Executor executor(api_, caches_, runtimes, issuer_, events_, gate_, clock_);
  reconcile::Dispatch step{"pod-1", "job-1", 3, Json::object(), "artifacts/ns/videos", "red-ball.mp4"};
  step.body["podUID"] = "pod-1";
  step.body["attempt"] = 3;
  step.body["activeDeadlineSeconds"] = 60;
  reconcile::Plan plan;
  plan.steps.emplace_back(step);
  const Status done = testing::run_task(context_, executor.run("owner", plan));
  testing::run_task(context_, runtimes.stop());
  testing::run_task(context_, runtime.stop());
  ASSERT_TRUE(done) << done.error().message;
  const auto found = std::ranges::find(runtime.requests(), "PUT", &testing::RuntimeRequest::method);
  ASSERT_NE(found, runtime.requests().end());
  const testing::RuntimeRequest& put = *found;
  EXPECT_EQ(string_or(put.body, {"epoch"}, ""), "77");
  const auto grant = verify_capability(string_or(put.body, {"artifact", "token"}, ""), key,
                                       "artifacts/ns/videos", clock_.wall());
  ASSERT_TRUE(grant) << grant.error().message;
  EXPECT_EQ(grant->scope, "artifact:write");
  EXPECT_EQ(grant->path, "red-ball.mp4");
  EXPECT_EQ(grant->subject, "job-1");
  EXPECT_GT(grant->expires_at, clock_.wall() + std::chrono::seconds(60));
}

TEST_F(ExecutorTest, SetsAFinalizerByItselfAndNeverMakesAnObjectToDoSo) {
  const std::string uid = string_or(put_job(), {"metadata", "uid"}, "");
  ASSERT_TRUE(run({reconcile::SetFinalizer{ref(uid), "wan.gallery/artifact", true}}));
  const testing::Call call = api_.writes().back();
  EXPECT_EQ(call.field_manager, "wan-operator-finalizer");
  EXPECT_EQ(call.object["metadata"]["finalizers"], Json::array({"wan.gallery/artifact"}));
  EXPECT_EQ(call.object["metadata"]["uid"], uid);
  EXPECT_FALSE(call.object.contains("spec"));
  ASSERT_TRUE(run({reconcile::SetFinalizer{ref(uid), "wan.gallery/artifact", false}}));
  EXPECT_EQ(api_.writes().back().object["metadata"]["finalizers"], Json::array());
  api_.drop(kube::kVideoJobs, "ns/red-ball");
  EXPECT_TRUE(run({reconcile::SetFinalizer{ref(uid), "wan.gallery/artifact", false}}))
      << "it has gone with its finalizer";
  EXPECT_FALSE(run({reconcile::SetFinalizer{ref(uid), "wan.gallery/artifact", true}}));
  EXPECT_EQ(api_.stored(kube::kVideoJobs, "ns/red-ball"), nullptr);
}

TEST_F(ExecutorTest, HoldsTheNextReconcileUntilTheCacheShowsTheWrite) {
  ASSERT_TRUE(run({reconcile::Apply{child("a", "u")}}));
  EXPECT_GT(gate_.blocked("owner").count(), 0);
  EXPECT_EQ(gate_.blocked("another owner").count(), 0);
  cache::Sink& sink = caches_.deployments.writer("");
  sink.handle(cache::Applied{*api_.stored(kube::kDeployments, "ns/a")});
  EXPECT_EQ(gate_.blocked("owner").count(), 0);
}

TEST(WriteGateTest, GoesOnAfterItsTimeLimit) {
  testing::FakeClock clock;
  Caches caches;
  WriteGate gate(clock, std::chrono::seconds(10));
  gate.note("owner", caches.pods, {"ns", "p"}, "5");
  EXPECT_EQ(gate.blocked("owner"), std::chrono::seconds(10));
  clock.advance(std::chrono::seconds(4));
  EXPECT_EQ(gate.blocked("owner"), std::chrono::seconds(6));
  clock.advance(std::chrono::seconds(6));
  EXPECT_EQ(gate.blocked("owner").count(), 0);
}

TEST(WriteGateTest, WaitsForNothingThatTheCacheHasSeenAlready) {
  testing::FakeClock clock;
  Caches caches;
  WriteGate gate(clock);
  cache::Sink& sink = caches.pods.writer("");
  sink.handle(cache::InitBegan());
  sink.handle(cache::InitDone{"100"});
  gate.note("owner", caches.pods, {"ns", "p"}, "99");
  EXPECT_EQ(gate.blocked("owner").count(), 0);
}

}  // namespace
}  // namespace wan::execute
