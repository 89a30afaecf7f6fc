"""What all stories share: the installed chart, one namespace with storage and a served model, and verbs on them."""
import hashlib
import json
import pathlib
import subprocess
import time
import unittest

import cluster as clusters
import video
from cluster import at, condition

ROOT = clusters.ROOT
SAMPLES = ROOT / "manifests/samples"
SYSTEM = "wan-system"
NAMESPACE = "studio"
API = "/apis/wan.gallery/v1alpha1"
JOBS = f"{API}/namespaces/{NAMESPACE}/videojobs"
DEPLOYMENTS = f"{API}/namespaces/{NAMESPACE}/wandeployments"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
FINISHED = ("Succeeded", "Failed", "Cancelled")

# Many times what is usual: a machine may be busy with other things.
DEPLOY_SECONDS, JOB_SECONDS, DELETE_SECONDS = 600, 300, 300

CLUSTER = None


def begin(cluster):
    """Installs the chart and serves wan-tiny; prints how long each took."""
    global CLUSTER
    CLUSTER = cluster
    install()
    videos = cluster.make_folder("videos")
    # The namespace refuses pods that are not restricted.
    cluster.apply(f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {NAMESPACE}, labels: {{pod-security.kubernetes.io/enforce: restricted}}}}""")
    storage = (SAMPLES / "storage.yaml").read_text()
    cluster.apply(storage.replace("/var/lib/wan/videos", str(videos))
                  .replace("namespace: default", f"namespace: {NAMESPACE}"), NAMESPACE)


def install(*more_values):
    started = time.monotonic()
    images = {name: CLUSTER.images[f"{name.upper()}_IMAGE"].rsplit(":", 1) for name in ("operator", "runtime")}
    values = [f"image.{name}.{key}={value}" for name, (repository, tag) in images.items()
              for key, value in (("repository", repository), ("tag", tag))]
    values.append(f"pictureNetworks={{{CLUSTER.address}}}")
    CLUSTER.helm("upgrade", "--install", "wan-gallery", ROOT / "charts/wan-gallery", "--namespace", SYSTEM,
                 "--create-namespace", "--set", ",".join((*values, *more_values)), "--wait", "--timeout", "300s")
    print(f"helm install: operator Available after {time.monotonic() - started:.1f} s", flush=True)


def deployment_yaml(name="wan-tiny", model="wan-tiny", **spec):
    return json.dumps({"apiVersion": "wan.gallery/v1alpha1", "kind": "WanDeployment", "metadata": {"name": name},
                       "spec": {"model": {"name": model}, "artifacts": {"pvc": {"claimName": "videos"}}, **spec}})


def job_yaml(name, prompt, **spec):
    if "model" not in spec:
        spec.setdefault("deploymentRef", {"name": "wan-tiny"})
    return json.dumps({"apiVersion": "wan.gallery/v1alpha1", "kind": "VideoJob", "metadata": {"name": name},
                       "spec": {"prompt": prompt, **spec}})


def phase(resource):
    return at(resource, "status", "phase")


def inference_seconds(job):
    timings = at(job, "status", "timings") or {}
    return sum(timings.get(part, 0) for part in ("textEncode", "denoise", "decode", "encode"))


def operator_pods():
    items = CLUSTER.get(f"/api/v1/namespaces/{SYSTEM}/pods?labelSelector=app.kubernetes.io%2Fcomponent%3Doperator")["items"]
    return [pod for pod in items if not pod["metadata"].get("deletionTimestamp")]


def runtime_pods(deployment="wan-tiny"):
    return CLUSTER.get(f"{PODS}?labelSelector=wan.gallery%2Fdeployment%3D{deployment}")["items"]


class Story(unittest.TestCase):
    """A test on the shared cluster; a failing one prints the cluster's state."""
    maxDiff = None

    def run(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        broken = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > broken:
            CLUSTER.diagnose()

    def serve(self):
        """wan-tiny served in the namespace; returns its resource once Running."""
        if CLUSTER.get(f"{DEPLOYMENTS}/wan-tiny") is None:
            CLUSTER.apply(deployment_yaml(), NAMESPACE)
        return CLUSTER.wait("wan-tiny Running", f"{DEPLOYMENTS}/wan-tiny", lambda d: phase(d) == "Running", DEPLOY_SECONDS)

    def submit(self, name, prompt, **spec):
        CLUSTER.apply(job_yaml(name, prompt, **spec), NAMESPACE)

    def finish(self, name, expected="Succeeded", seconds=JOB_SECONDS):
        """Waits for the job's end, which must be the expected one."""
        job = CLUSTER.wait(f"{name} finished", f"{JOBS}/{name}", lambda j: phase(j) in FINISHED, seconds)
        self.assertEqual(phase(job), expected, json.dumps(job["status"], indent=1))
        return job

    def wait_for_denoising(self, name):
        """Waits until the job's pod has reported its first step and is not done yet."""
        job = CLUSTER.wait(f"{name} denoising", f"{JOBS}/{name}",
                           lambda j: (at(j, "status", "progress", "step") or 0) >= 1 or phase(j) in FINISHED, JOB_SECONDS)
        self.assertEqual(phase(job), "Running", "the job ended before it could be disturbed")
        return job

    def fetch(self, path):
        """The bytes of a finished video, as a user gets them: through the artifact server's pod."""
        servers = CLUSTER.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments?labelSelector=wan.gallery%2Fartifacts")["items"]
        server = [one for one in servers if "wan.gallery/claim" in one["metadata"]["annotations"]]
        self.assertEqual(len(server), 1, "one artifact server for the one claim")
        if CLUSTER.host_processes:  # kubectl exec needs a container
            return subprocess.run([CLUSTER.bin_dir / "wan-gallery", "artifacts", "get", "--root", CLUSTER.dir / "videos", path],
                                  capture_output=True, check=True, timeout=60).stdout
        return CLUSTER.kubectl_bytes("-n", NAMESPACE, "exec", f"deploy/{server[0]['metadata']['name']}", "--",
                                     "wan-gallery", "artifacts", "get", "--root", "/artifacts", path)

    def save(self, job, path):
        """Fetches the job's video, checks it against the status, returns the local file."""
        result = job["status"]["result"]
        data = self.fetch(path)
        self.assertEqual("sha256:" + hashlib.sha256(data).hexdigest(), result["sha256"])
        self.assertEqual(len(data), result["bytes"])
        file = pathlib.Path(CLUSTER.dir) / path.replace("/", "-")
        file.write_bytes(data)
        return file

    def assert_in_order(self, seen, order, must):
        """`seen` is a part of `order`, in that order, and has all of `must`."""
        self.assertEqual(seen, [s for s in order if s in seen], "seen in another order")
        for one in must:
            self.assertIn(one, seen)

    def assert_shows(self, file, job, color, background, direction=None, growing=None):
        """The clip is what its status says and its prompt asked for."""
        stream, result = video.probe(str(file)), job["status"]["result"]
        self.assertEqual((stream["width"], stream["height"], int(stream["nb_read_frames"])),
                         (result["width"], result["height"], result["frames"]))
        self.assertEqual(stream["r_frame_rate"], f"{result['fps']}/1")
        found = video.measure(str(file))
        self.assertEqual((found["color"], found["background"]), (color, background), found)
        if direction:
            self.assertEqual(found["direction"], direction, found)
        if growing:
            self.assertGreater(found["growth"], 1.9, found)
