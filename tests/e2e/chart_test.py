#!/usr/bin/env python3
"""What the chart renders, without a cluster: helm template, read back as JSON by kubectl."""
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cluster as clusters

CHART = clusters.ROOT / "charts/wan-gallery"
BIN = pathlib.Path(clusters.settings()["kube_bin"])


def run(*command, text=None):
    done = subprocess.run([str(c) for c in command], input=text, capture_output=True, text=True, check=False,
                          env={**os.environ, "KUBECONFIG": "/dev/null"})
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout


def objects(*options):
    """The rendered objects."""
    rendered = run(BIN / "helm", "template", "wan-gallery", CHART, "--namespace", "wan-system", *options)
    # kubectl knows no dry run without a server but this one.
    text = run(BIN / "kubectl", "annotate", "--local", "-f", "-", "-o", "json", "read-by=chart-test", text=rendered)
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found.append(value)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def of_kind(kind, *options):
    return [o for o in objects(*options) if o["kind"] == kind]


def stored_parameters(model):
    """Of all parts of a model directory."""
    count = 0
    for file in model.rglob("*.safetensors"):
        with file.open("rb") as weights:
            header = json.loads(weights.read(struct.unpack("<Q", weights.read(8))[0]))
        count += sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return count


def rules(*options):
    return [(o, rule) for o in objects(*options) if o["kind"] in ("Role", "ClusterRole") for rule in o["rules"]]


class Chart(unittest.TestCase):
    def test_lint_finds_nothing(self):
        run(BIN / "helm", "lint", "--strict", "--quiet", CHART)

    def test_no_rule_has_a_wildcard(self):
        for role, rule in rules():
            for words in rule.values():
                self.assertNotIn("*", words, role["metadata"]["name"])

    def test_secrets_are_created_and_only_the_own_key_is_read(self):
        for role, rule in rules():
            if "secrets" not in rule["resources"]:
                continue
            if rule["verbs"] != ["create"]:
                self.assertEqual((role["kind"], rule["verbs"], rule["resourceNames"]), ("Role", ["get"], ["wan-operator-key"]))

    def test_no_rule_reaches_what_lets_one_become_another(self):
        for role, rule in rules():
            for resource in ("pods/exec", "nodes/proxy", "serviceaccounts/token", "roles", "clusterroles", "rolebindings",
                             "clusterrolebindings", "persistentvolumes"):
                self.assertNotIn(resource, rule["resources"], role["metadata"]["name"])
            if "namespaces" in rule["resources"]:
                self.assertLessEqual(set(rule["verbs"]), {"get", "list", "watch"})
            if "pods" in rule["resources"]:
                # patch marks pods that are drained; what a pod runs cannot be changed by it.
                self.assertLessEqual(set(rule["verbs"]), {"get", "list", "watch", "patch"})
            for verb in ("impersonate", "escalate", "bind"):
                self.assertNotIn(verb, rule["verbs"])

    def test_of_the_custom_resources_only_finished_videojobs_are_touched_beside_their_status(self):
        for role, rule in rules():
            if "wan.gallery" in rule["apiGroups"] and not role["metadata"]["name"].endswith("-edit"):
                for resource in rule["resources"]:
                    # A VideoJob's finalizers are patched, and it is deleted at its own ttlSecondsAfterFinished.
                    further = {"patch", "delete"} if resource == "videojobs" else set()
                    if "/" not in resource:
                        self.assertLessEqual(set(rule["verbs"]), {"get", "list", "watch"} | further, resource)

    def test_with_watched_namespaces_the_cluster_role_reads_the_gallery_only(self):
        options = ("--set", "watchNamespaces={red,blue}", "--set", "rbac.aggregate=false")
        (cluster_role,) = of_kind("ClusterRole", *options)
        self.assertEqual({r for rule in cluster_role["rules"] for r in rule["resources"]}, {"gallerymodels", "gallerymodels/status"})
        self.assertEqual({r["metadata"]["namespace"] for r in of_kind("Role", *options)}, {"wan-system", "red", "blue"})
        (deployment,) = of_kind("Deployment", *options)
        self.assertLessEqual({"--namespace=red", "--namespace=blue"}, set(deployment["spec"]["template"]["spec"]["containers"][0]["args"]))

    def test_the_operator_pod_is_restricted(self):
        (deployment,) = of_kind("Deployment")
        pod = deployment["spec"]["template"]["spec"]
        self.assertEqual(pod["securityContext"], {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532,
                                                  "seccompProfile": {"type": "RuntimeDefault"}})
        self.assertEqual(pod["containers"][0]["securityContext"],
                         {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})

    def test_the_gallery_says_how_many_parameters_the_built_in_models_have(self):
        built_in = [m for m in of_kind("GalleryModel") if m["metadata"]["name"].startswith("wan-tiny")]
        self.assertEqual(len(built_in), 2)
        for model in built_in:
            have = stored_parameters(clusters.ROOT / "runtime/models" / model["metadata"]["name"])
            self.assertEqual(model["spec"]["parameters"], f"{have / 1e6:.1f}M", model["metadata"]["name"])

    def test_the_definitions_stay_when_the_release_goes_unless_told_otherwise(self):
        kept = of_kind("CustomResourceDefinition")
        self.assertEqual({c["spec"]["names"]["kind"] for c in kept}, {"GalleryModel", "WanDeployment", "VideoJob"})
        for definition in kept:
            self.assertEqual(definition["metadata"]["annotations"]["helm.sh/resource-policy"], "keep")
        for definition in of_kind("CustomResourceDefinition", "--set", "crds.keep=false"):
            self.assertNotIn("helm.sh/resource-policy", definition["metadata"]["annotations"])
        self.assertEqual(of_kind("CustomResourceDefinition", "--set", "crds.enabled=false"), [])

    def test_pictures_come_from_public_addresses_alone_unless_told_otherwise(self):
        def arguments(*options):
            (deployment,) = of_kind("Deployment", *options)
            return [a for a in deployment["spec"]["template"]["spec"]["containers"][0]["args"] if "picture" in a]
        self.assertEqual(arguments(), [])
        self.assertEqual(arguments("--set", "pictureNetworks={10.1.0.0/16,fd00::/8}"), ["--picture-networks=10.1.0.0/16,fd00::/8"])

    def test_a_digest_wins_over_a_tag(self):
        digest = "sha256:" + "0" * 64
        (deployment,) = of_kind("Deployment", "--set", f"image.operator.digest={digest},image.operator.tag=v1")
        self.assertEqual(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "ghcr.io/wan-gallery/operator@" + digest)

    def test_unknown_and_wrong_values_are_refused(self):
        for wrong in ("operatr.replicas=1", "operator.replicas=-1", "image.pullPolicy=Sometimes", "watchNamespaces={Big}",
                      "pictureNetworks={example.com}", "image.operator.digest=abc"):
            with self.subTest(wrong), self.assertRaisesRegex(AssertionError, "values don't meet the specifications"):
                objects("--set", wrong)

    def test_every_object_has_the_standard_labels(self):
        for found in objects():
            for label in ("name", "instance", "version", "managed-by", "part-of"):
                self.assertIn("app.kubernetes.io/" + label, found["metadata"]["labels"], found["metadata"]["name"])


class Kustomization(unittest.TestCase):
    def test_it_renders_the_same_objects_as_the_chart(self):
        rendered = run(BIN / "kubectl", "kustomize", clusters.ROOT / "manifests")
        for found in objects():
            self.assertIn(f"name: {found['metadata']['name']}\n", rendered)
        self.assertNotIn("helm.sh/", rendered.replace("helm.sh/resource-policy", ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
