#!/usr/bin/env python3
"""agent.py STATE_DIR --bin BIN_DIR [--map PATH=FOLDER...] : node1 of the cluster whose up.sh state is STATE_DIR; its pods
are host processes. See README.md; for tests only."""
import argparse
import http.server
import itertools
import os
import pathlib
import ssl
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from api import MERGE_PATCH, Api, now
from pod import Pod
from services import Services

NODE = "node1"
LOG_PORT = 10250


class Node:
    def __init__(self, state, bin_dir, image_paths):
        env = dict(word.split("=", 1) for word in (state / "env").read_text().replace("export ", "").split())
        self.url, self.ca = env["KUBE_URL"], env["KUBE_CA"]
        self.api = Api(self.url, self.ca, env["KUBE_TOKEN"])
        self.dir, self.bin, self.image_paths = state / "processes", bin_dir, image_paths
        self.dir.mkdir(exist_ok=True)
        self.pods, self.lock, self._addresses = {}, threading.Lock(), itertools.count(2)

    def new_address(self):
        n = next(self._addresses)
        return f"127.64.{n // 250}.{n % 250 + 1}"

    @staticmethod
    def entrypoint(image):
        """The image's name ends in operator or runtime; so does its program's."""
        return "wan-" + image.split("@")[0].rsplit("/", 1)[-1].split(":")[0]

    def register(self):
        self.api.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {
            "name": NODE, "labels": {"kubernetes.io/hostname": NODE, "wan.gallery/test-node": "host-processes"}}})
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
        room = {"cpu": str(os.cpu_count()), "memory": f"{memory}Ki", "pods": "110"}
        ready = {"type": "Ready", "status": "True", "reason": "HostProcesses", "message": "pods run as host processes",
                 "lastHeartbeatTime": now(), "lastTransitionTime": now()}
        self.api.call("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": {
            "capacity": room, "allocatable": room, "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NODE}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": LOG_PORT}},
            "nodeInfo": {"machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": os.uname().release, "osImage": "host",
                         "containerRuntimeVersion": "host-processes://1", "kubeletVersion": "v0.0.0", "kubeProxyVersion": "",
                         "operatingSystem": "linux", "architecture": "amd64"}}}, MERGE_PATCH)

    def renew(self):
        """The node's lease: without it the node controller would call the node lost."""
        leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        spec = {"holderIdentity": NODE, "leaseDurationSeconds": 40, "renewTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())}
        if self.api.call("PATCH", f"{leases}/{NODE}", {"spec": spec}, MERGE_PATCH) is None:
            self.api.call("POST", leases, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NODE}, "spec": spec})

    # ---- pods ----

    def pod_changed(self, pod):
        uid = pod["metadata"]["uid"]
        with self.lock:
            running = self.pods.get(uid)
            if running is None and not pod["metadata"].get("deletionTimestamp"):
                running = self.pods[uid] = Pod(self, pod)
                running.start()
            elif running is None:
                self.api.call("DELETE", f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}",
                              {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})
        if running is not None and pod["metadata"].get("deletionTimestamp"):
            running.pod = pod
            running.stop()

    def pod_removed(self, pod):
        with self.lock:
            running = self.pods.pop(pod["metadata"]["uid"], None)
        if running is not None:
            running.pod["metadata"]["deletionGracePeriodSeconds"] = 0
            running.stop()

    def endpoints(self, namespace, selector):
        with self.lock:
            pods = list(self.pods.values())
        return [(p.address, p.pod) for p in pods if p.namespace == namespace and p.is_ready() and
                selector.items() <= p.pod["metadata"].get("labels", {}).items()]

    def log_of(self, namespace, name, container):
        with self.lock:
            return next((p.dir / f"{container}.log" for p in self.pods.values() if (p.namespace, p.name) == (namespace, name)), None)


def serve_logs(node, state):
    """What kubectl logs asks a kubelet for; only the API server's certificate opens it."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            url = urllib.parse.urlparse(self.path)
            parts = url.path.strip("/").split("/")
            file = node.log_of(*parts[1:]) if parts[0] == "containerLogs" and len(parts) == 4 else None
            query = urllib.parse.parse_qs(url.query)
            # One file holds all of a container's lives.
            if file is None or not file.exists() or query.get("previous") == ["true"]:
                self.send_error(404)
                return
            lines = file.read_bytes().splitlines(keepends=True)
            tail = query.get("tailLines")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"".join(lines[-int(tail[0]):] if tail else lines))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", LOG_PORT), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(state / "pki/node-server.crt", state / "pki/node-server.key")
    tls.load_verify_locations(state / "pki/ca.crt")
    tls.verify_mode = ssl.CERT_REQUIRED
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=pathlib.Path)
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--map", action="append", default=[], metavar="PATH=FOLDER")
    options = parser.parse_args()
    node = Node(options.state.resolve(), options.bin.resolve(), dict(pair.split("=", 1) for pair in options.map))
    serve_logs(node, options.state)
    node.register()
    node.renew()
    node.api.follow("/api/v1/pods", f"fieldSelector=spec.nodeName%3D{NODE}", node.pod_changed, node.pod_removed)
    services = Services(node.endpoints)
    node.api.follow("/api/v1/services", "limit=500", services.changed, services.removed)
    print("ready: pods run as host processes, without isolation", flush=True)
    while True:
        time.sleep(10)
        try:
            node.renew()
        except OSError as error:
            print(f"lease: {error}", flush=True)


if __name__ == "__main__":
    main()
