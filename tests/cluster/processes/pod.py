"""One pod as host processes, in a thread: what kubelet does with it, as far as this project's pods need it."""
import base64
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

from api import MERGE_PATCH, now

TICK = 0.1
ANY_ADDRESS = re.compile(r"\b0\.0\.0\.0\b")
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Run in the child: no process outlives the agent."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Failed(Exception):
    """A pod cannot go on; the text says why."""


class Container:
    """A container's process, its restarts, probes and status."""

    def __init__(self, pod, spec):
        self.pod, self.spec, self.name = pod, spec, spec["name"]
        self.log = pod.dir / f"{self.name}.log"
        self.message = pod.dir / f"{self.name}.message"
        self.process, self.started, self.started_at = None, 0.0, None
        self.restarts, self.not_before = 0, 0.0
        self.last, self.ended = None, None  # terminated states: before the restart, and now
        self.startup_done = self.ready = False
        self.due, self.misses = {}, {}

    def start(self):
        self.message.write_bytes(b"")
        command = self.pod.command(self.spec)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            env=self.pod.environment(self.spec), cwd=self.pod.dir, start_new_session=True,
                                            preexec_fn=die_with_parent)
        (self.pod.dir / f"{self.name}.pid").write_text(str(self.process.pid))
        self.started, self.started_at, self.ended = time.monotonic(), now(), None
        self.startup_done = "startupProbe" not in self.spec
        self.ready = self.startup_done and "readinessProbe" not in self.spec
        self.due = {k: time.monotonic() + self.spec[k].get("initialDelaySeconds", 0)
                    for k in ("startupProbe", "readinessProbe", "livenessProbe") if k in self.spec}
        self.misses = dict.fromkeys(self.due, 0)

    def poll(self):
        """Collects an ended process; returns True when it ended just now."""
        if self.process is None or self.process.poll() is None:
            return False
        code = self.process.returncode
        self.ended = {"exitCode": code if code >= 0 else 128 - code, "reason": "Completed" if code == 0 else "Error",
                      "startedAt": self.started_at, "finishedAt": now(), "message": self.message.read_text()[:4096]}
        self.process, self.ready = None, False
        return True

    def restart_later(self):
        self.last = self.ended
        self.restarts += 1
        self.not_before = time.monotonic() + min(2 ** (self.restarts - 1) - 1, 60)

    def kill(self, how=signal.SIGKILL):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, how)

    def probe(self):
        """Runs the probes that are due."""
        names = ["readinessProbe", "livenessProbe"] if self.startup_done else ["startupProbe"]
        for name in names:
            if self.process is None or name not in self.due or time.monotonic() < self.due[name]:
                continue
            probe = self.spec[name]
            self.due[name] = time.monotonic() + probe.get("periodSeconds", 10)
            self._judge(name, probe, self.pod.answers(probe["httpGet"], self.spec, probe.get("timeoutSeconds", 1)))

    def _judge(self, name, probe, good):
        self.misses[name] = 0 if good else self.misses[name] + 1
        if good and name == "startupProbe":
            self.startup_done = True
            self.ready = "readinessProbe" not in self.spec
        if name == "readinessProbe" and (good or self.misses[name] >= probe.get("failureThreshold", 3)):
            self.ready = good
        if not good and name != "readinessProbe" and self.misses[name] >= probe.get("failureThreshold", 3):
            self.kill()

    def status(self):
        if self.process is not None:
            state = {"running": {"startedAt": self.started_at}}
        elif self.ended is not None and not self.not_before > time.monotonic():
            state = {"terminated": self.ended}
        elif self.restarts:
            state = {"waiting": {"reason": "CrashLoopBackOff", "message": "restarting after a failure"}}
        else:
            state = {"waiting": {"reason": "PodInitializing"}}
        return {"name": self.name, "image": self.spec["image"], "imageID": self.spec["image"], "ready": self.ready,
                "started": self.process is not None and self.startup_done, "restartCount": self.restarts, "state": state,
                "lastState": {"terminated": self.last} if self.last else {}}


class Pod(threading.Thread):
    def __init__(self, node, pod):
        super().__init__(daemon=True)
        self.node, self.api, self.pod, self.address = node, node.api, pod, node.new_address()
        self.namespace, self.name, self.uid = (pod["metadata"][k] for k in ("namespace", "name", "uid"))
        self.path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"
        self.dir = node.dir / "pods" / self.uid
        self.dir.mkdir(parents=True)
        self.volumes, self.written, self.started_at = {}, None, now()
        self.init = [Container(self, c) for c in pod["spec"].get("initContainers", [])]
        self.containers = [Container(self, c) for c in pod["spec"]["containers"]]
        self.stopping = threading.Event()
        self.phase, self.trouble = "Pending", ""

    # ---- life ----

    def run(self):
        try:
            self._prepare_volumes()
            if self._run_init():
                self._run_containers()
        except Failed as failure:
            self.phase, self.trouble = "Failed", str(failure)
        except OSError as error:
            self.phase, self.trouble = "Failed", f"host process: {error}"
        self._report()
        self.stopping.wait()
        self._stop_all()
        self.api.call("DELETE", self.path, {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}})
        shutil.rmtree(self.dir, ignore_errors=True)

    def stop(self):
        self.stopping.set()

    def _run_init(self):
        """One after the other; False if the pod is to stop."""
        for container in self.init:
            while container.ended is None or container.ended["exitCode"] != 0:
                if self.stopping.is_set():
                    return False
                self._advance(container, self.pod["spec"].get("restartPolicy", "Always") != "Never")
                if self.phase == "Failed":
                    raise Failed(f"init container {container.name} failed")
                time.sleep(TICK)
        return True

    def _run_containers(self):
        restart = self.pod["spec"].get("restartPolicy", "Always")
        while not self.stopping.is_set():
            for container in self.containers:
                if container.ended is None or container.not_before:
                    self._advance(container, restart == "Always" or (restart == "OnFailure" and not self._succeeded(container)))
            if all(c.process is None and c.ended and not c.not_before for c in self.containers):
                self.phase = "Succeeded" if all(map(self._succeeded, self.containers)) else "Failed"
                return
            self.phase = "Running"
            self._report()
            time.sleep(TICK)

    @staticmethod
    def _succeeded(container):
        return container.ended is not None and container.ended["exitCode"] == 0

    def _advance(self, container, restart):
        """Starts the container if it is time, notices its end, probes it."""
        if container.process is None and time.monotonic() >= container.not_before and (container.ended is None or container.not_before):
            container.not_before = 0.0
            container.start()
        if container.poll():
            if restart and not (container in self.init and self._succeeded(container)):
                container.restart_later()
            elif container in self.init and not self._succeeded(container):
                self.phase = "Failed"
        container.probe()
        self._report()

    def _stop_all(self):
        grace = time.monotonic() + (self.pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        for container in self.init + self.containers:
            container.kill(signal.SIGTERM)
        while time.monotonic() < grace and any(c.process and c.process.poll() is None for c in self.init + self.containers):
            time.sleep(TICK)
        for container in self.init + self.containers:
            container.kill()
            if container.process:
                container.process.wait()

    # ---- what a container sees ----

    def _prepare_volumes(self):
        for volume in self.pod["spec"].get("volumes", []):
            folder = self.dir / "volumes" / volume["name"]
            folder.mkdir(parents=True)
            self.volumes[volume["name"]] = self._fill(volume, folder)

    def _fill(self, volume, folder):
        """The host folder that stands for the volume."""
        if "persistentVolumeClaim" in volume:
            return self._claim(volume["persistentVolumeClaim"]["claimName"])
        sources = volume["projected"]["sources"] if "projected" in volume else [volume]
        for source in sources:
            for kind in ("secret", "configMap"):
                if kind in source:
                    self._write_keys(kind, source[kind], folder)
            if "serviceAccountToken" in source:
                (folder / source["serviceAccountToken"]["path"]).write_text(self.token())
        return folder

    def _claim(self, claim):
        path = f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims/{claim}"
        while not self.stopping.is_set():
            found = self.api.call("GET", path)
            if found and found.get("status", {}).get("phase") == "Bound":
                volume = self.api.call("GET", f"/api/v1/persistentvolumes/{found['spec']['volumeName']}")
                return pathlib.Path(volume["spec"]["hostPath"]["path"])
            self.trouble = f"claim {claim} is not bound"
            self._report()
            time.sleep(TICK)
        raise Failed("stopped")

    def _write_keys(self, kind, source, folder):
        name = source.get("secretName") or source["name"]
        optional = source.get("optional", False)
        data = self._data(kind, name, optional)
        wanted = source.get("items") or [{"key": key, "path": key} for key in data]
        for item in wanted:
            if item["key"] in data or not optional:
                (folder / item["path"]).write_bytes(data[item["key"]])

    def _data(self, kind, name, optional=False):
        found = self.api.call("GET", f"/api/v1/namespaces/{self.namespace}/{kind.lower()}s/{name}")
        if found is None and optional:
            return {}
        if found is None:
            raise Failed(f"{kind} {name} is missing")
        data = found.get("data") or {}
        return {k: base64.b64decode(v) if kind == "secret" else v.encode() for k, v in data.items()}

    def token(self):
        account = self.pod["spec"].get("serviceAccountName", "default")
        answer = self.api.call("POST", f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token",
                               {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
        return answer["status"]["token"]

    def _own_kubeconfig(self):
        """In a cluster a client finds its account under a fixed path; a host process is given a kubeconfig."""
        file = self.dir / "kubeconfig"
        file.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "pod",
            "clusters": [{"name": "pod", "cluster": {"server": self.node.url, "certificate-authority": self.node.ca}}],
            "users": [{"name": "pod", "user": {"token": self.token()}}],
            "contexts": [{"name": "pod", "context": {"cluster": "pod", "user": "pod"}}]}))
        return str(file)

    def paths(self, spec):
        """(path in the container, path on the host), longest first."""
        pairs = [(m["mountPath"], str(self.volumes[m["name"]] / m.get("subPath", ""))) for m in spec.get("volumeMounts", [])]
        message = next(c for c in self.init + self.containers if c.spec is spec).message
        pairs += [(spec.get("terminationMessagePath", "/dev/termination-log"), str(message)), *self.node.image_paths.items()]
        return sorted(pairs, key=lambda pair: -len(pair[0]))

    def translate(self, text, spec):
        pairs = dict(reversed(self.paths(spec)))
        inside = "|".join(re.escape(path) for path, _ in self.paths(spec))  # longest first; one pass
        text = re.sub(rf"(?<![\w.-])({inside})(?=$|[/:,@ ])", lambda found: pairs[found[1]], text)
        return ANY_ADDRESS.sub(self.address, text)

    def command(self, spec):
        words = list(spec.get("command") or [self.node.entrypoint(spec["image"])]) + list(spec.get("args") or [])
        environment = self.environment(spec)
        words = [re.sub(r"\$\((\w+)\)", lambda m: environment.get(m[1], m[0]), word) for word in words]
        program = self.node.bin / pathlib.Path(words[0]).name
        if not program.exists():
            raise Failed(f"{program} does not exist; a node of host processes runs only programs of {self.node.bin}")
        return [str(program), *(self.translate(word, spec) for word in words[1:])]

    def environment(self, spec):
        env = {"PATH": f"{self.node.bin}:{os.environ['PATH']}", "HOME": str(self.dir), "HOSTNAME": self.name}
        if self.pod["spec"].get("automountServiceAccountToken", True):
            env["KUBECONFIG"] = self._own_kubeconfig()
        for entry in spec.get("env", []):
            env[entry["name"]] = self.translate(self._value(entry), spec)
        return env

    def _value(self, entry):
        if "valueFrom" not in entry:
            return entry.get("value", "")
        source = entry["valueFrom"]
        for kind in ("secret", "configMap"):
            if f"{kind}KeyRef" in source:
                return self._data(kind, source[f"{kind}KeyRef"]["name"])[source[f"{kind}KeyRef"]["key"]].decode()
        field = source["fieldRef"]["fieldPath"]
        if field == "status.podIP":
            return self.address
        value = self.pod
        for key in field.split("."):
            value = value[key]
        return value

    def answers(self, http, spec, seconds):
        port = http["port"]
        if isinstance(port, str):
            port = next(p["containerPort"] for p in spec["ports"] if p.get("name") == port)
        try:
            with urllib.request.urlopen(f"http://{self.address}:{port}{http.get('path', '/')}", timeout=seconds) as answer:
                return 200 <= answer.status < 400
        except (urllib.error.URLError, OSError):
            return False

    # ---- status ----

    def is_ready(self):
        return self.phase == "Running" and all(c.ready for c in self.containers) and not self.stopping.is_set()

    def _report(self):
        initialized = all(map(self._succeeded, self.init))
        facts = {"PodScheduled": True, "Initialized": initialized, "ContainersReady": self.is_ready(), "Ready": self.is_ready()}
        status = {"phase": self.phase, "hostIP": "127.0.0.1", "podIP": self.address, "podIPs": [{"ip": self.address}],
                  "startTime": self.started_at, "message": self.trouble or None,
                  "containerStatuses": [c.status() for c in self.containers],
                  "initContainerStatuses": [c.status() for c in self.init],
                  "conditions": [{"type": t, "status": "True" if v else "False"} for t, v in facts.items()]}
        if status == self.written:
            return
        self.written = json.loads(json.dumps(status))
        for one in status["conditions"]:
            one["lastTransitionTime"] = now()
        self.api.call("PATCH", self.path + "/status", {"metadata": {"uid": self.uid}, "status": status}, MERGE_PATCH)
