#include <algorithm>
#include <set>

#include "base/crypto/hmac.h"
#include "builders.h"
#include "operator/reconcile/objects/artifact_server.h"
#include "operator/reconcile/objects/guards.h"
#include "operator/reconcile/objects/inspect_job.h"
#include "operator/reconcile/objects/revision.h"
#include "operator/reconcile/objects/run_job.h"
#include "operator/reconcile/objects/served_model.h"

namespace wan::reconcile {
namespace {

using namespace wan::reconcile::testing;
using ::testing::Contains;
using ::testing::Not;

Json deployment_of(const api::WanDeployment& deployment,
                   const api::GalleryModel& model = make_gallery_model()) {
  return runtime_deployment(deployment, render_revision(deployment, model, settings()),
                            deployment.spec.replicas);
}

Json pod_spec(const Json& object) { return object["spec"]["template"]["spec"]; }

std::string argument(const Json& command, const std::string& flag) {
  const auto found = std::find(command.begin(), command.end(), Json(flag));
  return found == command.end() || found + 1 == command.end() ? "" : (found + 1)->get<std::string>();
}

const ArtifactTarget kFilms{.endpoint = "https://s3.example.com",
                            .bucket = "films",
                            .region = "eu-central-1",
                            .prefix = "clips/",
                            .secret = "films-s3"};

std::vector<Json> every_pod_spec() {
  const Owner owner = owner_of(make_wan_deployment());
  return {pod_spec(deployment_of(make_wan_deployment())),
          pod_spec(run_job(make_oneshot_job(), make_gallery_model(), 1, settings())),
          pod_spec(artifact_deployment({.claim = "videos"}, owner, settings())),
          pod_spec(artifact_deployment(kFilms, owner, settings())),
          pod_spec(inspect_job(make_gallery_model(), settings()))};
}

TEST(Objects, EveryPodMeetsTheRestrictedSecurityStandard) {
  for (const Json& spec : every_pod_spec()) {
    EXPECT_EQ(spec["automountServiceAccountToken"], false);
    EXPECT_EQ(spec["securityContext"]["runAsNonRoot"], true);
    EXPECT_EQ(spec["securityContext"]["runAsUser"], 65532);
    EXPECT_EQ(spec["securityContext"]["fsGroup"], 65532);
    EXPECT_EQ(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    Json containers = spec["containers"];
    if (spec.contains("initContainers")) containers.push_back(spec["initContainers"][0]);
    for (const Json& container : containers) {
      const Json& security = container["securityContext"];
      EXPECT_EQ(security["allowPrivilegeEscalation"], false);
      EXPECT_EQ(security["readOnlyRootFilesystem"], true);
      EXPECT_EQ(security["capabilities"]["drop"], Json::array({"ALL"}));
    }
  }
}

TEST(Objects, EveryPodIsLimitedInMemory) {
  for (const Json& spec : every_pod_spec()) {
    for (const Json& container : spec["containers"]) {
      EXPECT_TRUE(container["resources"]["limits"].contains("memory"));
      EXPECT_TRUE(container["resources"]["requests"].contains("cpu"));
    }
  }
}

TEST(Objects, EveryChildNamesItsControllerAndItsMaker) {
  const api::WanDeployment deployment = make_wan_deployment();
  const Owner owner = owner_of(deployment);
  for (const Json& object :
       {deployment_of(deployment), runtime_service(deployment), runtime_account(deployment),
        runtime_network_policy(deployment, settings()), runtime_disruption_budget(deployment),
        controller_revision(deployment, render_revision(deployment, make_gallery_model(), settings())),
        token_anchor(deployment, 1), artifact_deployment({.claim = "videos"}, owner, settings()),
        artifact_service({.claim = "videos"}, owner)}) {
    const Json expected = {{"apiVersion", "wan.gallery/v1alpha1"},
                           {"kind", "WanDeployment"},
                           {"name", "tiny"},
                           {"uid", "wd-uid"},
                           {"controller", true},
                           {"blockOwnerDeletion", true}};
    EXPECT_EQ(object["metadata"]["ownerReferences"], Json::array({expected}));
    EXPECT_EQ(object["metadata"]["namespace"], "films");
    EXPECT_EQ(object["metadata"]["labels"][api::kLabelManagedBy], "wan-operator");
  }
}

TEST(Objects, TheRuntimeIsStartedAsTheProfileSays) {
  const Json container = pod_spec(deployment_of(make_wan_deployment()))["containers"][0];
  EXPECT_EQ(container["command"][0], "wan-runtime");
  EXPECT_EQ(container["command"][1], "serve");
  EXPECT_EQ(argument(container["command"], "--model"), "/models/model");
  EXPECT_EQ(argument(container["command"], "--threads"), "2") << "1500m, rounded up";
  EXPECT_EQ(container["resources"]["requests"]["cpu"], "1500m");
  EXPECT_EQ(container["resources"]["limits"]["memory"], "1Gi");
  EXPECT_FALSE(container["resources"]["limits"].contains("nvidia.com/gpu"));
}

TEST(Objects, GpusComeFromTheProfileUnlessTheDeploymentSaysOtherwise) {
  api::WanDeployment deployment = make_wan_deployment();
  deployment.spec.profile = "gpu";
  const auto limits = [&] {
    return pod_spec(deployment_of(deployment))["containers"][0]["resources"]["limits"];
  };
  EXPECT_EQ(limits()["nvidia.com/gpu"], "2");
  deployment.spec.gpu = api::Gpu{"example.com/gpu", 4};
  EXPECT_EQ(limits()["example.com/gpu"], "4");
  EXPECT_FALSE(limits().contains("nvidia.com/gpu"));
  deployment.spec.gpu = api::Gpu{"", 0};
  EXPECT_FALSE(limits().contains("nvidia.com/gpu"));
}

TEST(Objects, WeightsComeFromTheImageByNameAndDigest) {
  api::GalleryModel model = make_gallery_model();
  model.spec.source.digest = "sha256:" + std::string(64, '1');
  api::WanDeployment deployment = make_wan_deployment();
  const auto source = [&] {
    return pod_spec(deployment_of(deployment, model))["initContainers"][0]["command"][2];
  };
  EXPECT_EQ(source(), "local:///opt/wan/gallery:wan-tiny@sha256:" + std::string(64, '1'));
  deployment.spec.model.digest = "sha256:" + std::string(64, '2');
  EXPECT_EQ(source(), "local:///opt/wan/gallery:wan-tiny@sha256:" + std::string(64, '2'));
}

TEST(Objects, WeightsComeFromAClaimMountedReadOnly) {
  api::GalleryModel model = make_gallery_model();
  for (const auto& [path, expected] :
       {std::pair{".", "local:///gallery:big"}, std::pair{"/a/b", "local:///gallery/a/b:big"}}) {
    model.spec.source.local = api::LocalSource{path, "big", api::ClaimRef{"models"}};
    const Json spec = pod_spec(deployment_of(make_wan_deployment(), model));
    EXPECT_EQ(spec["initContainers"][0]["command"][2], expected);
    EXPECT_EQ(spec["volumes"].back()["persistentVolumeClaim"],
              Json({{"claimName", "models"}, {"readOnly", true}}));
  }
}

TEST(Objects, AClaimedCacheKeepsModelsApart) {
  api::WanDeployment deployment = make_wan_deployment();
  deployment.spec.cache = api::Cache{.pvc = api::ClaimRef{"weights"}};
  const Json spec = pod_spec(deployment_of(deployment));
  EXPECT_EQ(spec["volumes"][0]["persistentVolumeClaim"]["claimName"], "weights");
  EXPECT_EQ(argument(spec["containers"][0]["command"], "--model"), "/models/wan-tiny");
  EXPECT_EQ(argument(spec["initContainers"][0]["command"], "--output"), "/models/wan-tiny");
}

TEST(Objects, AJobsOwnPodComputesInItsPrecisionOrElseInTheProfiles) {
  api::VideoJob job = make_oneshot_job();
  const auto precision = [&] {
    return argument(pod_spec(run_job(job, make_gallery_model(), 1, settings()))["containers"][0]["command"],
                    "--precision");
  };
  EXPECT_EQ(precision(), make_gallery_model().spec.profiles[0].precision);
  job.spec.precision = "bf16";
  EXPECT_EQ(precision(), "bf16");
}

TEST(Objects, LabelsOfTheWanDeploymentAreNeverCopied) {
  api::WanDeployment deployment = make_wan_deployment();
  deployment.metadata.labels = {{"wan.gallery/tracking", "argo"}};
  deployment.spec.pod_template =
      api::PodTemplate{{{{"team", "film"}, {api::kLabelDeployment, "stolen"}}, {{"note", "hello"}}}};
  const Json object = deployment_of(deployment);
  const Json& pod = object["spec"]["template"]["metadata"];
  EXPECT_EQ(pod["labels"]["team"], "film");
  EXPECT_EQ(pod["annotations"]["note"], "hello");
  EXPECT_EQ(pod["labels"][api::kLabelDeployment], "tiny") << "the operator's own labels win";
  EXPECT_FALSE(object["metadata"]["labels"].contains("wan.gallery/tracking"));
  EXPECT_FALSE(pod["labels"].contains("wan.gallery/tracking"));
}

TEST(Objects, PlacementGoesToThePodAndOnlyWhatIsSet) {
  api::WanDeployment deployment = make_wan_deployment();
  EXPECT_FALSE(pod_spec(deployment_of(deployment)).contains("tolerations"));
  deployment.spec.placement = api::Placement{.node_selector = {{"gpu", "a100"}},
                                             .tolerations = {{.key = "gpu", .operator_ = "Exists"}},
                                             .runtime_class_name = "nvidia",
                                             .image_pull_secrets = {{"registry"}}};
  const Json spec = pod_spec(deployment_of(deployment));
  EXPECT_EQ(spec["nodeSelector"]["gpu"], "a100");
  EXPECT_EQ(spec["tolerations"], Json::array({{{"key", "gpu"}, {"operator", "Exists"}}}));
  EXPECT_EQ(spec["runtimeClassName"], "nvidia");
  EXPECT_EQ(spec["imagePullSecrets"], Json::array({{{"name", "registry"}}}));
  EXPECT_FALSE(spec.contains("priorityClassName"));
}

TEST(Objects, AffinityGoesToThePodAsKubernetesHasIt) {
  api::WanDeployment deployment = make_wan_deployment();
  api::PodAffinity apart;
  apart.preferred.push_back(
      {.weight = 7, .term = {.label_selector = api::LabelSelector{{{"app", "x"}}, {}}}});
  deployment.spec.placement.emplace().affinity = api::Affinity{.pod_anti_affinity = apart};
  const Json expected =
      *parse_json(R"({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
    {"weight": 7, "podAffinityTerm": {"labelSelector": {"matchLabels": {"app": "x"}},
                                      "topologyKey": "kubernetes.io/hostname"}}]}})");
  EXPECT_EQ(pod_spec(deployment_of(deployment))["affinity"], expected);
}

TEST(Objects, PodsRunUnderAnAccountThatMountsNoToken) {
  const Json account = runtime_account(make_wan_deployment());
  EXPECT_EQ(account["automountServiceAccountToken"], false);
  EXPECT_EQ(pod_spec(deployment_of(make_wan_deployment()))["serviceAccountName"],
            account["metadata"]["name"]);
}

TEST(Objects, OnlyWanGalleryReachesAPodAndAPodReachesOnlyNamesAndArtifactServers) {
  const Json spec = runtime_network_policy(make_wan_deployment(), settings())["spec"];
  EXPECT_EQ(spec["policyTypes"], Json::array({"Ingress", "Egress"}));
  ASSERT_EQ(spec["ingress"].size(), 1u);
  const Json& from = spec["ingress"][0]["from"];
  ASSERT_EQ(from.size(), 1u);
  EXPECT_EQ(from[0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], "wan-system");
  EXPECT_EQ(from[0]["podSelector"]["matchLabels"]["app.kubernetes.io/part-of"], "wan-gallery");
  EXPECT_EQ(spec["ingress"][0]["ports"][0]["port"], 8080);
  ASSERT_EQ(spec["egress"].size(), 2u);
  for (const Json& port : spec["egress"][0]["ports"]) EXPECT_EQ(port["port"], 53);
  EXPECT_EQ(spec["egress"][0]["to"][1]["ipBlock"]["except"], Json::array({"169.254.169.254/32"}));
  EXPECT_EQ(spec["egress"][1]["to"].size(), 1u);
  EXPECT_EQ(spec["egress"][1]["to"][0]["podSelector"]["matchExpressions"][0]["key"], api::kLabelArtifacts);
}

TEST(Objects, OnePodAtATimeMayBeEvicted) {
  const Json spec = runtime_disruption_budget(make_wan_deployment())["spec"];
  EXPECT_EQ(spec["maxUnavailable"], 1);
  EXPECT_EQ(spec["unhealthyPodEvictionPolicy"], "AlwaysAllow");
}

TEST(Objects, ARevisionComesBackFromItsControllerRevisionAsItWas) {
  Revision revision = render_revision(make_wan_deployment(), make_gallery_model(), settings());
  revision.number = 7;
  revision.failure = "crashed";
  const Json object = controller_revision(make_wan_deployment(), revision);
  Json live = object;
  live["metadata"]["uid"] = "u";
  EXPECT_EQ(read_revision(*api::from_json<api::ControllerRevision>(live)), revision);
  EXPECT_EQ(object["data"]["image"], "registry.example/wan-runtime:1");
  EXPECT_EQ(object["data"]["profile"], "cpu");
}

TEST(Objects, ARevisionPinsTheDigestThatTheGalleryResolved) {
  api::GalleryModel model = make_gallery_model();
  model.status = {.observed_generation = 1, .digest = "sha256:" + std::string(64, '3')};
  EXPECT_EQ(render_revision(make_wan_deployment(), model, settings()).data["model"]["digest"],
            model.status.digest);
  model.metadata.generation = 2;
  EXPECT_EQ(render_revision(make_wan_deployment(), model, settings()).data["model"]["digest"], "")
      << "the status may be about another source";
}

TEST(Objects, RevisionsOfTwoDeploymentsOfOneNameDiffer) {
  api::WanDeployment former = make_wan_deployment();
  former.metadata.uid = "former-uid";
  EXPECT_NE(render_revision(former, make_gallery_model(), settings()).hash,
            render_revision(make_wan_deployment(), make_gallery_model(), settings()).hash);
}

TEST(Objects, TheTokenDependsOnKeyDeploymentAndGeneration) {
  const api::WanDeployment deployment = make_wan_deployment();
  const std::string token = access_token(deployment, 1, settings());
  EXPECT_EQ(token, access_token(deployment, 1, settings()));
  EXPECT_GE(token.size(), 43u);
  EXPECT_NE(token, access_token(deployment, 2, settings()));
  api::WanDeployment other = deployment;
  other.metadata.uid = "other-uid";
  EXPECT_NE(token, access_token(other, 1, settings()));
  api::ControllerRevision anchor;
  anchor.metadata = meta("tiny-token-1", "anchor-uid");
  anchor.revision = 1;
  const Json secret = token_secret(deployment, anchor, settings());
  EXPECT_EQ(secret["metadata"]["ownerReferences"][0]["uid"], "anchor-uid");
  EXPECT_EQ(secret["immutable"], true);
  EXPECT_EQ(base64_decode(secret["data"]["token"].get<std::string>()), token);
}

TEST(Objects, ArtifactServersWriteAloneToTheirClaim) {
  const Json object = artifact_deployment({.claim = "videos"}, owner_of(make_wan_deployment()), settings());
  EXPECT_EQ(object["metadata"]["name"], artifact_server_name("videos"));
  EXPECT_EQ(object["metadata"]["annotations"][api::kAnnotationClaim], "videos");
  EXPECT_EQ(object["spec"]["strategy"]["type"], "Recreate");
  EXPECT_EQ(argument(pod_spec(object)["containers"][0]["command"], "--audience"), "artifacts/films/videos");
}

TEST(Objects, AnArtifactServerOfABucketHoldsItsSecretAndNoClaim) {
  const Json object = artifact_deployment(kFilms, owner_of(make_wan_deployment()), settings());
  EXPECT_EQ(target_of(*api::meta_from_json(object)), identity_of(kFilms));
  const Json spec = pod_spec(object);
  const Json& container = spec["containers"][0];
  EXPECT_EQ(argument(container["command"], "--s3-endpoint"), "https://s3.example.com");
  EXPECT_EQ(argument(container["command"], "--s3-bucket"), "films");
  EXPECT_EQ(argument(container["command"], "--s3-region"), "eu-central-1");
  EXPECT_EQ(argument(container["command"], "--s3-prefix"), "clips/");
  EXPECT_EQ(argument(container["command"], "--s3-credentials"), "/secrets/films-s3");
  EXPECT_EQ(argument(container["command"], "--audience"), artifact_audience("films", kFilms));
  EXPECT_EQ(container["env"].size(), 1u) << "credentials are in no environment";
  const auto named = [&](const Json& all, const char* name) {
    return *std::ranges::find(all, Json(name), [](const Json& one) { return one["name"]; });
  };
  EXPECT_EQ(named(container["volumeMounts"], "secret")["readOnly"], true);
  const Json secret = named(spec["volumes"], "secret")["secret"];
  EXPECT_EQ(secret["secretName"], "films-s3");
  EXPECT_EQ(secret["optional"], true) << "the program says what is missing";
  EXPECT_EQ(secret["defaultMode"], 0440);
  EXPECT_EQ(secret["items"][0]["key"], "AWS_ACCESS_KEY_ID");
  for (const Json& volume : spec["volumes"]) EXPECT_FALSE(volume.contains("persistentVolumeClaim"));
}

TEST(ArtifactTargets, KeepTheirNamesAndAreToldApart) {
  EXPECT_EQ(identity_of({.claim = "videos"}), "videos");
  EXPECT_EQ(artifact_server_name("videos"), "wan-artifacts-26760e7c") << "as in clusters that run";
  EXPECT_EQ(artifact_audience("ns", {.claim = "videos"}), "artifacts/ns/videos");
  EXPECT_THAT(artifact_audience("ns", kFilms), ::testing::StartsWith("artifacts/ns/s3:"));
  std::set<std::string> identities{identity_of({.claim = "films"}), identity_of(kFilms)};
  for (std::string ArtifactTarget::* member :
       {&ArtifactTarget::endpoint, &ArtifactTarget::bucket, &ArtifactTarget::region, &ArtifactTarget::prefix,
        &ArtifactTarget::secret}) {
    ArtifactTarget other = kFilms;
    other.*member = "other";
    identities.insert(identity_of(other));
  }
  EXPECT_EQ(identities.size(), 7u);
}

TEST(ArtifactTargets, TwoWaysToWriteABucketAreOne) {
  api::WanDeployment deployment = make_wan_deployment();
  deployment.spec.artifacts = api::ArtifactStore{};
  deployment.spec.artifacts->s3 =
      api::ArtifactBucket{"https://s3.example.com/", "films", "eu-central-1", {"films-s3"}, "clips"};
  EXPECT_EQ(artifact_target(deployment), kFilms);
  deployment.spec.artifacts->s3->region = "";
  EXPECT_EQ(artifact_target(deployment).region, "us-east-1");
  api::VideoJob job = make_video_job("a");
  job.spec.output = api::Output{};
  job.spec.output->s3 =
      api::OutputBucket{"https://s3.example.com", "films", "eu-central-1", {"films-s3"}, "clips/a.mp4"};
  EXPECT_EQ(artifact_path(job), "clips/a.mp4");
  EXPECT_EQ(artifact_target(job, &deployment).prefix, "") << "the key is the whole key";
}

TEST(Objects, SelectorsMatchThePodsTheyAreFor) {
  const Json deployment = deployment_of(make_wan_deployment());
  const Json service = runtime_service(make_wan_deployment());
  const Json& labels = deployment["spec"]["template"]["metadata"]["labels"];
  for (const Json& selector : {deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]}) {
    for (const auto& [key, value] : selector.items()) EXPECT_EQ(labels[key], value);
  }
}

TEST(Names, AreCutAndKeptApartWhenTooLong) {
  EXPECT_EQ(bounded_name("short", "-run-1"), "short-run-1");
  const std::string a = bounded_name(std::string(80, 'a'), "-run-1");
  const std::string b = bounded_name(std::string(81, 'a'), "-run-1");
  EXPECT_EQ(a.size(), 63u);
  EXPECT_NE(a, b);
  EXPECT_TRUE(a.ends_with("-run-1"));
}

TEST(Names, OfServicesBecomeUrls) {
  api::Service service;
  service.metadata = meta("wan-artifacts-1", "uid");
  EXPECT_EQ(service_url(service), "");
  service.cluster_ip = "10.96.0.9";
  EXPECT_EQ(service_url(service), "http://10.96.0.9:8080");
  service.cluster_ip = "fd00::9";
  EXPECT_EQ(service_url(service), "http://[fd00::9]:8080");
  service.cluster_ip = "None";
  EXPECT_EQ(service_url(service), "http://wan-artifacts-1.films.svc:8080");
}

TEST(Intent, IsTheDigestOfTheWholeObject) {
  const Json object = deployment_of(make_wan_deployment());
  api::Meta live = meta("tiny", "uid");
  EXPECT_TRUE(intent_differs(live, object));
  live.annotations[api::kAnnotationIntent] = object["metadata"]["annotations"][api::kAnnotationIntent];
  EXPECT_FALSE(intent_differs(live, object));
  api::WanDeployment other = make_wan_deployment();
  other.spec.replicas = 2;
  EXPECT_TRUE(intent_differs(live, deployment_of(other)));
}

TEST(Intent, OfPodsDoesNotDependOnTheNumberOfReplicas) {
  const auto config = [](int replicas) {
    api::WanDeployment deployment = make_wan_deployment();
    deployment.spec.replicas = replicas;
    return deployment_of(deployment)["spec"]["template"];
  };
  EXPECT_EQ(config(1), config(9));
}

}  // namespace
}  // namespace wan::reconcile
