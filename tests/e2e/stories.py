"""The stories, in the order in which a user meets them; one cluster for all."""
import hashlib
import pathlib
import re
import shutil
import subprocess
import time

import fixture
import video
from cluster import at, condition
from fixture import (API, DELETE_SECONDS, DEPLOY_SECONDS, DEPLOYMENTS, JOB_SECONDS, JOBS, NAMESPACE, PODS, ROOT, SAMPLES,
                     SYSTEM, Story, deployment_yaml, inference_seconds, job_yaml, operator_pods, phase, runtime_pods)

JOB_PHASES = ["Pending", "Queued", "Running", "Succeeded"]
DEPLOYMENT_PHASES = ["Creating", "Waiting", "Running"]
PROGRESS_PHASES = ["TextEncode", "Denoise", "Decode", "Encode", "Upload"]

# prompt, seed, what the pixels must show
PROMPTS = {
    "moving-ball": ("a red ball moves to the right on a blue background", 41, dict(color="red", background="blue", direction="right")),
    "orange-ring": ("an orange ring moves to the left on a cyan background", 4, dict(color="orange", background="cyan", direction="left")),
    "falling-square": ("a green square falls to the ground on a white background", 2, dict(color="green", background="white", direction="down")),
    "purple-triangle": ("A purple triangle is rising up. The background is yellow.", 6, dict(color="purple", background="yellow", direction="up")),
    "pink-heart": ("a pink heart grows on a black background", 3, dict(color="pink", background="black", growing=True)),
}
# Long enough to be disturbed in the middle.
LONG = dict(prompt="a white ball bounces up and down on a green background", seed=5, steps=100)


def cluster():
    return fixture.CLUSTER


class Installing(Story):
    def test_the_default_gallery_is_there(self):
        names = {m["metadata"]["name"] for m in cluster().get(f"{API}/gallerymodels")["items"]}
        self.assertEqual(names, {"wan-tiny", "wan-tiny-i2v", "wan2.1-t2v-1.3b", "wan2.1-t2v-14b", "wan2.1-i2v-14b-480p", "wan2.1-i2v-14b-720p"})

    def test_kubectl_explains_every_kind(self):
        for kind in ("gallerymodel", "wandeployment", "videojob"):
            self.assertIn("DESCRIPTION", cluster().kubectl("explain", f"{kind}.spec"))

    def test_upgrading_the_release_keeps_the_gallery(self):
        before = {m["metadata"]["uid"] for m in cluster().get(f"{API}/gallerymodels")["items"]}
        fixture.install()
        self.assertEqual(before, {m["metadata"]["uid"] for m in cluster().get(f"{API}/gallerymodels")["items"]})

    def test_the_kustomization_is_accepted_by_the_server(self):
        rendered = cluster().kubectl("kustomize", ROOT / "manifests")
        self.assertIn("kind: CustomResourceDefinition", rendered)
        cluster().kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-", input=rendered)


class Refusing(Story):
    def test_every_bad_manifest_is_refused_with_a_message_that_says_why(self):
        bad = sorted((ROOT / "tests/unit/operator/api/manifests/bad").glob("*.yaml"))
        self.assertGreater(len(bad), 5)
        for file in bad:
            with self.subTest(file.name):
                expected = re.match(r"# expect: (.*)", file.read_text().splitlines()[0])
                self.assertIsNotNone(expected, "the first line says what is expected")
                answer = subprocess.run([cluster().state / "kubectl", "-n", NAMESPACE, "apply", "--dry-run=server", "-f", file],
                                        capture_output=True, text=True, check=False)
                self.assertNotEqual(answer.returncode, 0, "it was accepted")
                self.assertIn(expected[1].strip(), answer.stderr)

    def test_every_sample_is_accepted(self):
        for file in sorted(SAMPLES.glob("*.yaml")):
            if file.name != "storage.yaml":
                cluster().kubectl("-n", NAMESPACE, "apply", "--dry-run=server", "-f", file)


class Serving(Story):
    def test_a_deployment_goes_from_Creating_to_Running(self):
        watch = cluster().watch(DEPLOYMENTS, "wan-tiny")
        started = time.monotonic()
        cluster().kubectl("-n", NAMESPACE, "apply", "-f", SAMPLES / "wandeployment.yaml")
        deployment = cluster().wait("wan-tiny Running", f"{DEPLOYMENTS}/wan-tiny", lambda d: phase(d) == "Running", DEPLOY_SECONDS)
        print(f"WanDeployment: apply -> Running {time.monotonic() - started:.1f} s", flush=True)
        watch.stop()
        self.assert_in_order(watch.distinct("status", "phase"), DEPLOYMENT_PHASES, ["Running"])
        self.assertEqual(condition(deployment, "Ready").get("status"), "True")
        self.assertEqual(deployment["status"]["observedGeneration"], deployment["metadata"]["generation"])
        entry = cluster().wait("wan-tiny looked into", f"{API}/gallerymodels/wan-tiny",
                               lambda m: condition(m, "Ready").get("status") == "True")
        self.assertRegex(entry["status"]["digest"], "^sha256:[0-9a-f]{64}$")
        # The digest is what a pod says that it serves: known a moment after the pod is ready.
        told = cluster().wait("wan-tiny says what it serves", f"{DEPLOYMENTS}/wan-tiny", lambda d: d["status"].get("model"))
        self.assertEqual(told["status"]["model"]["digest"], entry["status"]["digest"])
        self.assertEqual(entry["status"]["defaults"]["steps"], 20)
        self.assertGreater(entry["status"]["bytes"], 10_000_000)
        self.assertEqual(deployment["status"]["readyReplicas"], 1)

    def test_its_pods_are_restricted_and_hold_no_token(self):
        self.serve()
        for pod in cluster().get(PODS)["items"]:
            spec = pod["spec"]
            self.assertIs(spec["automountServiceAccountToken"], False)
            self.assertTrue(spec["securityContext"]["runAsNonRoot"])
            for container in spec["containers"] + spec.get("initContainers", []):
                security = container["securityContext"]
                self.assertIs(security["readOnlyRootFilesystem"], True)
                self.assertEqual(security["capabilities"]["drop"], ["ALL"])

    def test_its_token_is_in_a_secret_and_nowhere_else(self):
        deployment = self.serve()
        name = deployment["status"]["tokenSecretRef"]["name"]
        secret = cluster().get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}")
        self.assertIs(secret["immutable"], True)
        self.assertTrue(deployment["status"]["tokenHashes"])

    def test_logs_of_runtime_and_weights_can_be_read(self):
        self.serve()
        pod = runtime_pods()[0]["metadata"]["name"]
        for container in ("runtime", "pull"):
            self.assertTrue(cluster().kubectl("-n", NAMESPACE, "logs", pod, "-c", container).strip(), container)

    def test_an_autoscaler_scales_it_through_the_scale_subresource(self):
        self.serve()
        def serves(count):
            return lambda d: phase(d) == "Running" and d["status"]["readyReplicas"] == count and d["status"]["replicas"] == count
        for count in (2, 1):
            cluster().kubectl("-n", NAMESPACE, "scale", "wandeployment", "wan-tiny", f"--replicas={count}")
            cluster().wait(f"wan-tiny with {count} replicas", f"{DEPLOYMENTS}/wan-tiny", serves(count), DEPLOY_SECONDS)
            scale = cluster().get(f"{DEPLOYMENTS}/wan-tiny/scale")
            self.assertEqual(scale["status"]["replicas"], count)
            found = cluster().get(f"{PODS}?labelSelector={scale['status']['selector'].replace('/', '%2F').replace('=', '%3D')}")
            alive = [p for p in found["items"] if not p["metadata"].get("deletionTimestamp")]
            self.assertEqual(len(alive), count)

    def test_a_profile_that_no_node_can_run_says_what_is_missing(self):
        model = cluster().get(f"{API}/gallerymodels/wan-tiny")
        gpu = {"apiVersion": model["apiVersion"], "kind": "GalleryModel", "metadata": {"name": "wan-tiny-gpu"}, "spec": model["spec"]}
        gpu["spec"]["profiles"] = [{"name": "gpu", "gpusPerReplica": 1, "cpu": "1", "memory": "1Gi", "precision": "fp32"}]
        cluster().apply(fixture.json.dumps(gpu))
        cluster().apply(deployment_yaml("needs-gpu", "wan-tiny-gpu"), NAMESPACE)
        self.addCleanup(cluster().kubectl, "-n", NAMESPACE, "delete", "wandeployment", "needs-gpu")
        self.addCleanup(cluster().kubectl, "delete", "gallerymodel", "wan-tiny-gpu")
        def says_why(deployment):
            return "nvidia.com/gpu" in condition(deployment, "Ready").get("message", "")
        deployment = cluster().wait("needs-gpu says why it waits", f"{DEPLOYMENTS}/needs-gpu", says_why)
        self.assertEqual(condition(deployment, "Ready")["status"], "False")
        self.assertEqual(condition(deployment, "Ready")["reason"], "Unschedulable")

    def test_a_model_that_is_not_in_the_gallery_is_named(self):
        cluster().apply(deployment_yaml("unknown-model", "wan-9"), NAMESPACE)
        self.addCleanup(cluster().kubectl, "-n", NAMESPACE, "delete", "wandeployment", "unknown-model")
        deployment = cluster().wait("unknown-model says why", f"{DEPLOYMENTS}/unknown-model",
                                    lambda d: "wan-9" in condition(d, "Ready").get("message", ""))
        self.assertEqual(condition(deployment, "Ready")["reason"], "ModelNotFound")


class Generating(Story):
    def test_a_job_goes_through_its_phases_and_its_progress_only_grows(self):
        self.serve()
        watch = cluster().watch(JOBS, "steps")
        started = time.monotonic()
        self.submit("steps", LONG["prompt"], seed=1, steps=60)
        job = self.finish("steps")
        took = time.monotonic() - started
        print(f"VideoJob: apply -> Succeeded {took:.1f} s, of which inference {inference_seconds(job):.1f} s", flush=True)
        watch.stop()
        self.assert_in_order(watch.distinct("status", "phase"), JOB_PHASES, ["Running", "Succeeded"])
        self.assert_in_order(watch.distinct("status", "progress", "phase"), PROGRESS_PHASES, ["Denoise"])
        percents = [at(s, "status", "progress", "percent") for s in watch.states()]
        percents = [p for p in percents if p is not None]
        self.assertEqual(percents, sorted(percents))
        self.assertEqual(at(job, "status", "resolved", "steps"), 60)
        self.assertEqual(condition(job, "Succeeded").get("status"), "True")
        self.assertEqual(job["status"]["attempts"], 1)

    def test_the_videos_show_what_their_prompts_say(self):
        self.serve()
        for name, (prompt, seed, _) in PROMPTS.items():
            self.submit(name, prompt, seed=seed)
        for name, (_, seed, shown) in PROMPTS.items():
            with self.subTest(name):
                job = self.finish(name)
                self.assertEqual(job["status"]["result"]["seed"], seed)
                self.assert_shows(self.save(job, f"{name}.mp4"), job, **shown)

    def test_the_same_manifest_without_a_cluster_gives_the_same_file(self):
        self.serve()
        cluster().kubectl("-n", NAMESPACE, "apply", "-f", SAMPLES / "videojob.yaml")
        job = self.finish("red-ball")
        # One thread, as the profile has: how many there are can change the last bits.
        local = pathlib.Path(cluster().dir) / "generated.mp4"
        subprocess.run([cluster().bin_dir / "wan-runtime", "generate", "-f", SAMPLES / "videojob.yaml", "--threads", "1", "-o", local],
                       check=True, capture_output=True, timeout=JOB_SECONDS)
        self.assertEqual("sha256:" + hashlib.sha256(local.read_bytes()).hexdigest(), job["status"]["result"]["sha256"])

    def test_a_warm_deployment_adds_little_to_the_inference(self):
        self.serve()
        overheads = []
        for i in range(3):
            started = time.monotonic()
            self.submit(f"warm-{i}", PROMPTS["moving-ball"][0], seed=100 + i)
            job = self.finish(f"warm-{i}")
            overheads.append((time.monotonic() - started, inference_seconds(job)))
        for took, inference in overheads:
            print(f"warm job: apply -> Succeeded {took:.1f} s, inference {inference:.1f} s, besides {took - inference:.1f} s", flush=True)

    def test_a_one_shot_job_runs_in_a_pod_of_its_own(self):
        started = time.monotonic()
        cluster().kubectl("-n", NAMESPACE, "apply", "-f", SAMPLES / "videojob-oneshot.yaml")
        self.addCleanup(cluster().kubectl, "-n", NAMESPACE, "delete", "videojob", "green-square", "--ignore-not-found")
        job = self.finish("green-square", seconds=DEPLOY_SECONDS)
        print(f"one-shot VideoJob: apply -> Succeeded {time.monotonic() - started:.1f} s", flush=True)
        self.assert_shows(self.save(job, "green-square.mp4"), job, color="green", background="white", direction="up")

    def test_a_video_starts_with_the_picture_of_a_ConfigMap(self):
        picture = ROOT / "runtime/models/wan-tiny-i2v-example.png"
        self.submit("from-picture", "a red ball moves to the left on a blue background", seed=0, model={"name": "wan-tiny-i2v"},
                    output={"pvc": {"claimName": "videos"}}, image={"configMap": {"name": "start", "key": picture.name}})
        self.addCleanup(cluster().kubectl, "-n", NAMESPACE, "delete", "videojob/from-picture", "configmap/start", "--ignore-not-found")
        cluster().wait("the picture missed", f"{JOBS}/from-picture", lambda j: condition(j, "Ready").get("reason") == "ImageNotFound", JOB_SECONDS)
        cluster().kubectl("-n", NAMESPACE, "create", "configmap", "start", f"--from-file={picture}")
        job = self.finish("from-picture", seconds=DEPLOY_SECONDS)
        self.assertEqual(job["status"]["resolved"]["image"], "sha256:" + hashlib.sha256(picture.read_bytes()).hexdigest())
        video_file = self.save(job, "from-picture.mp4")
        likeness = video.psnr(video.decode(str(video_file))[0], video.decode(str(picture))[0])
        print(f"image to video: first frame {likeness:.1f} dB", flush=True)
        self.assertGreater(likeness, 27)
        self.assertEqual(video.measure(str(video_file))["direction"], "left")

    def s3_server(self, bucket):
        process, endpoint, folder = cluster().start_s3_server(bucket)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return endpoint, folder

    def s3_secret(self, name):
        cluster().kubectl("-n", NAMESPACE, "create", "secret", "generic", name,
                          "--from-literal=AWS_ACCESS_KEY_ID=e2e", "--from-literal=AWS_SECRET_ACCESS_KEY=e2e-secret")
        self.addCleanup(cluster().kubectl, "-n", NAMESPACE, "delete", f"secret/{name}")

    def test_a_picture_comes_from_an_upload_a_web_server_or_a_bucket(self):
        picture = ROOT / "runtime/models/wan-tiny-i2v-example.png"
        digest = "sha256:" + hashlib.sha256(picture.read_bytes()).hexdigest()
        web, url = cluster().serve_files(picture.parent)
        self.addCleanup(web.shutdown)
        endpoint, folder = self.s3_server("stills")
        (folder / "red").mkdir()
        shutil.copy(picture, folder / "red/ball.png")
        self.s3_secret("stills-s3")
        sources = {
            "from-web": {"url": f"{url}/{picture.name}?signature=secret"},
            "from-bucket": {"s3": {"endpoint": endpoint, "bucket": "stills", "key": "red/ball.png", "secretRef": {"name": "stills-s3"}}},
            "from-upload": {"upload": {"sha256": digest}},
            "from-nowhere": {"url": f"{url}/absent.png?signature=secret"},
        }
        for name, image in sources.items():
            self.addCleanup(cluster().kubectl, "-n", NAMESPACE, "delete", f"videojob/{name}", "--ignore-not-found")
            self.submit(name, "a red ball moves to the left on a blue background", seed=7, steps=4, image=image,
                        model={"name": "wan-tiny-i2v"}, output={"pvc": {"claimName": "videos"}})
        jobs = [self.finish(name, seconds=DEPLOY_SECONDS) for name in list(sources)[:-1]]
        for job in jobs:
            self.assertEqual(job["status"]["resolved"]["image"], digest)
        self.assertEqual(len({j["status"]["result"]["sha256"] for j in jobs}), 1)
        absent = cluster().wait("the absent picture is told", f"{JOBS}/from-nowhere",
                                lambda j: "HTTP 404" in condition(j, "Ready").get("message", ""), JOB_SECONDS)
        self.assertNotIn("signature", fixture.json.dumps(absent["status"]))
        # What only reads goes with the last job that needs it.
        readers = lambda found: [d for d in found["items"] if "--read-only" in d["spec"]["template"]["spec"]["containers"][0]["command"]]
        cluster().wait("the reading server goes", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", lambda d: not readers(d))

    def test_a_video_goes_to_a_bucket_and_a_missing_key_to_it_is_told(self):
        endpoint, folder = self.s3_server("films")
        self.serve()
        def to_bucket(name, secret):
            self.addCleanup(cluster().kubectl, "-n", NAMESPACE, "delete", f"videojob/{name}", "--ignore-not-found")
            self.submit(name, PROMPTS["moving-ball"][0], seed=78, output={"s3": {
                "endpoint": endpoint, "bucket": "films", "key": f"clips/{name}.mp4", "secretRef": {"name": secret}}})
        to_bucket("no-key", "not-there")
        self.s3_secret("films-s3")
        started = time.monotonic()
        to_bucket("to-bucket", "films-s3")
        result = self.finish("to-bucket")["status"]["result"]
        print(f"VideoJob to a bucket: apply -> Succeeded {time.monotonic() - started:.1f} s", flush=True)
        self.assertEqual(result["url"], "s3://films/clips/to-bucket.mp4")
        self.assertEqual("sha256:" + hashlib.sha256((folder / "clips/to-bucket.mp4").read_bytes()).hexdigest(), result["sha256"])
        cluster().wait("no-key says why", f"{JOBS}/no-key", lambda j: "the Secret not-there must be there, with the keys "
                       "AWS_ACCESS_KEY_ID" in condition(j, "Ready").get("message", ""), JOB_SECONDS)

    def test_an_identical_job_gets_the_video_without_making_it_again(self):
        self.serve()
        prompt = PROMPTS["moving-ball"][0]
        self.submit("made", prompt, seed=77)
        made = self.finish("made")
        self.submit("same", prompt, seed=77)
        same = self.finish("same")
        self.assertEqual(same["status"]["jobHash"], made["status"]["jobHash"])
        self.assertEqual(same["status"]["result"]["sha256"], made["status"]["result"]["sha256"])
        self.assertEqual(at(same, "status", "attempts") or 0, 0)
        self.assertIsNone(at(same, "status", "assignment"))
        self.assertEqual(self.save(same, "same.mp4").read_bytes(), self.save(made, "made.mp4").read_bytes())

    def test_two_identical_jobs_at_once_are_one_inference(self):
        self.serve()
        for name in ("twin-a", "twin-b"):
            self.submit(name, LONG["prompt"], seed=78, steps=40)
        jobs = [self.finish(name) for name in ("twin-a", "twin-b")]
        self.assertEqual(sorted(at(j, "status", "attempts") or 0 for j in jobs), [0, 1])
        self.assertEqual(len({j["status"]["result"]["sha256"] for j in jobs}), 1)

    def test_a_job_can_be_cancelled(self):
        self.serve()
        self.submit("cancelled", LONG["prompt"], seed=9, steps=LONG["steps"])
        self.wait_for_denoising("cancelled")
        cluster().kubectl("-n", NAMESPACE, "patch", "videojob", "cancelled", "--type=merge", "-p", '{"spec":{"cancel":true}}')
        self.finish("cancelled", expected="Cancelled")

    def test_a_job_without_its_deployment_says_so(self):
        self.submit("orphan", "a red ball", deploymentRef={"name": "nowhere"})
        self.addCleanup(cluster().kubectl, "-n", NAMESPACE, "delete", "videojob", "orphan")
        job = cluster().wait("orphan says why it waits", f"{JOBS}/orphan",
                             lambda j: any("nowhere" in c.get("message", "") for c in at(j, "status", "conditions") or []))
        self.assertEqual(phase(job), "Pending")


class Troubles(Story):
    """What is wrong outside is told by the status, and heals when it is put right: nobody deletes anything."""

    def told(self, name, reason, words, path=DEPLOYMENTS):
        """Waits until the Ready condition says so; prints how long that took."""
        started = time.monotonic()
        found = cluster().wait(f"{name} says {reason}", f"{path}/{name}",
                               lambda d: condition(d, "Ready").get("reason") == reason and words in condition(d, "Ready")["message"])
        print(f"{name}: {reason} told after {time.monotonic() - started:.1f} s: {condition(found, 'Ready')['message']}", flush=True)
        self.assertEqual(condition(found, "Ready")["status"], "False")
        return found

    def heals(self, name):
        started = time.monotonic()
        cluster().wait(f"{name} Running", f"{DEPLOYMENTS}/{name}", lambda d: phase(d) == "Running" and
                       d["status"]["observedGeneration"] == d["metadata"]["generation"], DEPLOY_SECONDS)
        print(f"{name}: Running {time.monotonic() - started:.1f} s after it was put right", flush=True)

    def removed_later(self, kind, name):
        self.addCleanup(cluster().kubectl, "-n", NAMESPACE, "delete", kind, name, "--ignore-not-found")

    def patch(self, kind, name, patch, namespace=("-n", NAMESPACE)):
        cluster().kubectl(*namespace, "patch", kind, name, "--type=merge", "-p", fixture.json.dumps(patch))

    def test_a_node_selector_that_no_node_matches_and_is_taken_back(self):
        self.removed_later("wandeployment", "misplaced")
        cluster().apply(deployment_yaml("misplaced", placement={"nodeSelector": {"disk": "none-has-it"}}), NAMESPACE)
        self.told("misplaced", "Unschedulable", "node affinity/selector")
        self.patch("wandeployment", "misplaced", {"spec": {"placement": None}})
        self.heals("misplaced")

    def test_a_running_deployment_survives_a_bad_node_selector(self):
        self.removed_later("wandeployment", "survivor")
        cluster().apply(deployment_yaml("survivor"), NAMESPACE)
        self.heals("survivor")
        (before,) = runtime_pods("survivor")
        self.patch("wandeployment", "survivor", {"spec": {"placement": {"nodeSelector": {"disk": "none-has-it"}}}})
        self.told("survivor", "Unschedulable", "node affinity/selector")
        self.patch("wandeployment", "survivor", {"spec": {"placement": None}})
        self.heals("survivor")
        self.assertIn(before["metadata"]["uid"], {p["metadata"]["uid"] for p in runtime_pods("survivor")}, "it served all the time")

    def test_a_gallery_entry_whose_weights_are_not_where_it_says(self):
        entry = cluster().get(f"{API}/gallerymodels/wan-tiny")
        wrong = {"apiVersion": entry["apiVersion"], "kind": "GalleryModel", "metadata": {"name": "misfiled"}, "spec": entry["spec"]}
        right = entry["spec"]["source"]["local"]["path"]
        wrong["spec"]["source"]["local"] = {"path": "/not/there", "ref": "wan-tiny"}
        self.addCleanup(cluster().kubectl, "delete", "gallerymodel", "misfiled", "--ignore-not-found")
        self.removed_later("wandeployment", "misfiled")
        cluster().apply(fixture.json.dumps(wrong))
        cluster().apply(deployment_yaml("misfiled", "misfiled"), NAMESPACE)
        self.told("misfiled", "WeightsFailed", "/not/there")
        self.told("misfiled", "SourceUnreadable", "/not/there", f"{API}/gallerymodels")
        self.patch("gallerymodel", "misfiled", {"spec": {"source": {"local": {"path": right}}}}, namespace=())
        self.heals("misfiled")

    def test_a_claim_that_does_not_exist(self):
        self.serve()
        self.removed_later("videojob", "no-claim")
        self.submit("no-claim", "a red ball", output={"pvc": {"claimName": "not-there"}})
        cluster().wait("no-claim says why", f"{JOBS}/no-claim", lambda j: 'persistentvolumeclaim "not-there" not found' in
                       condition(j, "Ready").get("message", ""))

    def test_a_runtime_image_that_cannot_be_pulled(self):
        if cluster().host_processes:
            self.skipTest("host processes have no images")
        self.addCleanup(fixture.install)
        self.removed_later("wandeployment", "imageless")
        fixture.install("image.runtime.repository=registry.invalid/runtime")
        cluster().apply(deployment_yaml("imageless"), NAMESPACE)
        self.told("imageless", "ImagePullFailed", "registry.invalid/runtime")
        fixture.install()
        self.heals("imageless")


class Surviving(Story):
    """What is killed in the middle ends in the same bytes as what is left alone."""
    undisturbed = None

    def disturb(self, name):
        """Submits a job that nobody has made yet: what another VideoJob has made would not be made again."""
        self.addCleanup(cluster().kubectl, "-n", NAMESPACE, "delete", "videojob", name, "--ignore-not-found")
        self.submit(name, **LONG)

    def expected(self):
        if Surviving.undisturbed is None:
            self.serve()
            self.submit("undisturbed", **LONG)
            Surviving.undisturbed = self.finish("undisturbed")["status"]["result"]["sha256"]
            cluster().kubectl("-n", NAMESPACE, "delete", "videojob", "undisturbed")
        return Surviving.undisturbed

    def test_a_killed_operator_loses_no_job(self):
        expected = self.expected()
        self.disturb("operator-killed")
        self.wait_for_denoising("operator-killed")
        (pod,) = operator_pods()
        cluster().kill_container(pod, "operator")
        job = self.finish("operator-killed")
        self.assertEqual(job["status"]["result"]["sha256"], expected)
        self.assertEqual(job["status"]["attempts"], 1, "the pod was working all the time")
        self.save(job, "operator-killed.mp4")

    def test_a_deleted_runtime_pod_is_followed_by_a_second_attempt(self):
        expected = self.expected()
        self.disturb("pod-deleted")
        job = self.wait_for_denoising("pod-deleted")
        first = job["status"]["assignment"]["podName"]
        cluster().kubectl("-n", NAMESPACE, "delete", "pod", first, "--grace-period=0", "--force")
        job = self.finish("pod-deleted", seconds=DEPLOY_SECONDS)
        self.assertEqual(job["status"]["attempts"], 2)
        self.assertNotEqual(job["status"]["assignment"]["podName"], first)
        self.assertEqual(job["status"]["result"]["sha256"], expected)

    def test_a_crashed_runtime_process_is_followed_by_a_second_attempt(self):
        expected = self.expected()
        self.serve()
        self.disturb("runtime-crashed")
        job = self.wait_for_denoising("runtime-crashed")
        pod = cluster().get(f"{PODS}/{job['status']['assignment']['podName']}")
        cluster().kill_container(pod, "runtime")
        job = self.finish("runtime-crashed", seconds=DEPLOY_SECONDS)
        self.assertEqual(job["status"]["attempts"], 2)
        self.assertEqual(job["status"]["result"]["sha256"], expected)


class Removing(Story):
    def test_deleting_everything_leaves_no_child(self):
        self.serve()
        cluster().kubectl("-n", NAMESPACE, "delete", "videojobs,wandeployments", "--all", "--wait=false")
        children = {"deployments": "/apis/apps/v1", "replicasets": "/apis/apps/v1", "jobs": "/apis/batch/v1", "pods": "/api/v1",
                    "services": "/api/v1", "secrets": "/api/v1"}
        for plural, group in children.items():
            cluster().wait(f"no {plural} left", f"{group}/namespaces/{NAMESPACE}/{plural}", lambda found: not found["items"],
                           DELETE_SECONDS)
        # What users made stays: the claim, and the videos on it.
        self.assertIsNotNone(cluster().get(f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/videos"))
        self.assertTrue((pathlib.Path(cluster().dir) / "videos/red-ball.mp4").exists())

    def test_uninstalling_keeps_the_definitions(self):
        cluster().helm("uninstall", "wan-gallery", "--namespace", SYSTEM, "--wait")
        self.assertIsNotNone(cluster().get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/videojobs.wan.gallery"))
        self.assertEqual(operator_pods(), [])


STORIES = [Installing, Refusing, Serving, Generating, Surviving, Troubles, Removing]
