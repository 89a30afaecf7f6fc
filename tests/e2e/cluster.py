"""A local cluster of one node for the tests: start, apply, read, watch, wait with a deadline, tell what went wrong."""
import contextlib
import ctypes
import functools
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "tests/cluster"
IMAGES = ROOT / "tests/tools/images.sh"
CLONE_NEWNET = 0x40000000


class Timeout(AssertionError):
    """A wait ended without its condition."""


def reason_not_possible():
    """Why this machine cannot run a node; empty if it can."""
    check = subprocess.run([SCRIPTS / "check.sh"], capture_output=True, text=True, check=False)
    return (check.stdout + check.stderr).strip() if check.returncode else ""


def settings():
    """The directories that ./wan uses, from the file that defines them."""
    script = f'. "{ROOT}/tests/tools/common.sh"; printf "%s\\n" "$KUBE_BIN" "$KUBE_IMAGES" "$WAN_CACHE" "$WAN_S3_SERVER"'
    kube_bin, kube_images, cache, s3_server = subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                                                  check=True).stdout.split()
    return {"kube_bin": kube_bin, "kube_images": kube_images, "cache": cache, "s3_server": s3_server}


class Watch:
    """Records every state of one resource, from its creation on, as the API server sends them."""

    def __init__(self, cluster, path, name):
        self._states, self._lock, self._stop = [], threading.Lock(), threading.Event()
        listed = cluster.get(path)
        self._url = (f"{path}?watch=1&fieldSelector=metadata.name%3D{name}&timeoutSeconds=3600"
                     f"&resourceVersion={listed['metadata']['resourceVersion']}")
        self._cluster = cluster
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        with contextlib.suppress(OSError, ValueError), self._cluster.open("GET", self._url) as stream:
            for line in stream:
                event = json.loads(line)
                with self._lock:
                    self._states.append(event["object"])
                if self._stop.is_set():
                    return

    def states(self):
        with self._lock:
            return list(self._states)

    def distinct(self, *path):
        """The different values at this path, in the order in which they were first seen."""
        seen = []
        for state in self.states():
            value = at(state, *path)
            if value is not None and value not in seen:
                seen.append(value)
        return seen

    def stop(self):
        self._stop.set()


def at(value, *path):
    """value[path[0]][path[1]]..., None where something is missing."""
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def condition(resource, kind):
    """The condition of this type, {} without."""
    return next((c for c in at(resource, "status", "conditions") or [] if c["type"] == kind), {})


class Cluster:
    """With host_processes, pods are processes of this machine: for machines that cannot run a node."""

    def __init__(self, bin_dir, keep=False, host_processes=False):
        self.bin_dir, self.keep, self.host_processes = bin_dir, keep, host_processes
        self.settings = settings()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="wan-e2e-", dir="/tmp"))
        self.state = self.dir / "k"
        self.images = {}

    # ---- life ----

    def up(self):
        started = time.monotonic()
        if self.host_processes:
            gallery = self._import_model()
            self._run([SCRIPTS / "up.sh", self.state, "--all", "--processes", self.bin_dir],
                      env={**os.environ, "AGENT_ARGS": f"--map /opt/wan/gallery={gallery}"})
        else:
            self._run([SCRIPTS / "images/build.sh", self.settings["kube_images"]])
            self._run([SCRIPTS / "up.sh", self.state, "--all", "--node", "--proxy"])
        env = dict(word.split("=", 1) for word in (self.state / "env").read_text().replace("export ", "").split())
        self._url, self._token = env["KUBE_URL"], env["KUBE_TOKEN"]
        self._tls = ssl.create_default_context(cafile=env["KUBE_CA"])
        if env["KUBE_NETNS"]:
            self._enter_network(env["KUBE_NETNS"])
        print(f"cluster up after {time.monotonic() - started:.1f} s", flush=True)

    def _import_model(self):
        """What the runtime's image holds at /opt/wan/gallery."""
        gallery = self.dir / "gallery"
        for model in ("wan-tiny", "wan-tiny-i2v"):
            self._run([self.bin_dir / "wan-gallery", "import", ROOT / "runtime/models" / model, "--to", gallery, "--name", model])
        return gallery

    def load_images(self):
        if self.host_processes:
            self.images = {f"{i.upper()}_IMAGE": f"localhost/wan-gallery/{i}:host-processes" for i in ("operator", "runtime")}
            return
        started = time.monotonic()
        out = pathlib.Path(self.settings["cache"]) / "images"
        self._run([IMAGES, "build", out, "--bin", self.bin_dir])
        self._run([IMAGES, "load", out, self.state])
        self.images = dict(line.split("=", 1) for line in (out / "images.env").read_text().split())
        print(f"images loaded after {time.monotonic() - started:.1f} s", flush=True)

    def down(self):
        if self.keep:
            print(f"kept: {self.state}/kubectl get pods -A; remove it with {SCRIPTS}/down.sh {self.state} --wipe")
            return
        subprocess.run([SCRIPTS / "down.sh", self.state, "--wipe"], check=False, timeout=120)
        shutil.rmtree(self.dir, ignore_errors=True)

    @staticmethod
    def _enter_network(name):
        """The node's addresses exist in its network namespace only: this thread, and those that it starts, go there."""
        with open(f"/run/netns/{name}", encoding="ascii") as namespace:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"entering the network namespace {name}")

    def start_s3_server(self, bucket):
        """A real S3 server that pods can reach, for the process returned: (process, endpoint, the bucket's folder)."""
        folder = self.dir / f"s3-{bucket}"
        (folder / "buckets" / bucket).mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("0.0.0.0", 0))
            port = free.getsockname()[1]
        account = {"ROOT_ACCESS_KEY": "e2e", "ROOT_SECRET_KEY": "e2e-secret"}
        with open(self.dir / f"s3-{bucket}.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen([self.settings["s3_server"], f"0.0.0.0:{port}", folder], stdout=log, stderr=log,
                                       env={**os.environ, **account})
        return process, f"http://{self.address}:{port}", folder / "buckets" / bucket

    @property
    def address(self):
        """Where pods reach programs of the tests."""
        return urllib.parse.urlparse(self._url).hostname

    def serve_files(self, folder):
        """A web server of a folder that pods can reach: (server to be shut down, URL)."""
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
        server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server, f"http://{self.address}:{server.server_port}"

    # ---- programs ----

    @staticmethod
    def _run(command, timeout=600, **more):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout, check=False, **more)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def kubectl(self, *arguments, **more):
        return self._run([self.state / "kubectl", *arguments], **more)

    def kubectl_bytes(self, *arguments, timeout=60):
        return subprocess.run([str(a) for a in (self.state / "kubectl", *arguments)], capture_output=True, timeout=timeout,
                              check=True).stdout

    def helm(self, *arguments):
        home = {k: str(self.dir / k) for k in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
        env = {**os.environ, **home, "HOME": str(self.dir), "KUBECONFIG": str(self.state / "admin.kubeconfig")}
        return self._run([self.state / "in", pathlib.Path(self.settings["kube_bin"]) / "helm", *arguments], env=env)

    def apply(self, text, namespace="default"):
        return self.kubectl("-n", namespace, "apply", "-f", "-", input=text)

    def kill_container(self, pod, name):
        """SIGKILL to the first process of a container, as the kernel's OOM killer would."""
        if self.host_processes:
            os.kill(int((self.state / "processes/pods" / pod["metadata"]["uid"] / f"{name}.pid").read_text()), signal.SIGKILL)
            return
        status = next(c for c in pod["status"]["containerStatuses"] if c["name"] == name)
        container = status["containerID"].removeprefix("containerd://")
        self._run(["ctr", "-a", self.state / "c/s", "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", container])

    def make_folder(self, name):
        """A folder of the node that pods may write to."""
        folder = self.dir / name
        folder.mkdir()
        if not self.host_processes:
            os.chown(folder, 65532, 65532)
        return folder

    # ---- API ----

    def open(self, method, path):
        request = urllib.request.Request(self._url + path, method=method, headers={"Authorization": "Bearer " + self._token})
        return urllib.request.urlopen(request, context=self._tls, timeout=300)

    def get(self, path):
        """The resource or list at this path; None for 404."""
        try:
            with self.open("GET", path) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def watch(self, path, name):
        return Watch(self, path, name)

    def wait(self, what, path, accept, seconds=180):
        """Reads the path until accept(resource) is true; the resource may be None while it is missing."""
        end, last = time.monotonic() + seconds, None
        while time.monotonic() < end:
            last = self.get(path)
            if accept(last):
                return last
            time.sleep(0.05)
        seen = json.dumps(at(last, "status") if last else last, indent=1)
        raise Timeout(f"{what}: not within {seconds} s; last seen at {path}: {seen[:4000]}")

    # ---- after a failure ----

    def diagnose(self):
        """What a person would ask for first."""
        print("\n===== cluster at the time of the failure =====", flush=True)
        for arguments in (("get", "gallerymodels,wandeployments,videojobs,pods,jobs,pvc", "-A", "-o", "wide"),
                          ("get", "wandeployments,videojobs", "-A", "-o", "yaml"),
                          ("describe", "pods", "-A"), ("get", "events", "-A", "--sort-by=.metadata.creationTimestamp")):
            self._print(arguments)
        with contextlib.suppress(OSError):
            for pod in self.get("/api/v1/pods")["items"]:
                name = pod["metadata"]["name"]
                for previous in ((), ("--previous",)):
                    self._print(("-n", pod["metadata"]["namespace"], "logs", name, "--all-containers", "--tail=120", *previous))
        print("===== end =====\n", flush=True)

    def _print(self, arguments):
        done = subprocess.run([str(self.state / "kubectl"), *arguments], capture_output=True, text=True, check=False, timeout=60)
        if done.returncode == 0 and done.stdout.strip():
            print(f"--- kubectl {' '.join(arguments)}\n{done.stdout[-12000:]}", flush=True)
