#!/usr/bin/env python3
"""run.py --bin BIN_DIR [--keep] [--host-processes] [STORY|TEST...] : the end-to-end tests, in a cluster of their own.

On a real node; where none can run (no root, a kernel without the features), pods are host processes, and the first line
says so and why. Without the cluster's programs it ends with 77 (skipped).
"""
import argparse
import pathlib
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cluster as clusters
import fixture
import stories


def selected(names):
    """All tests in the order of STORIES; with names, those whose class or method contains one of them."""
    suite = unittest.TestSuite()
    for story in stories.STORIES:
        # In the order of the file, not of the alphabet.
        for name in (n for n in vars(story) if n.startswith("test_")):
            if not names or any(n in f"{story.__name__}.{name}" for n in names):
                suite.addTest(story(name))
    return suite


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=pathlib.Path, help="where wan-operator, wan-runtime, ... were built")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running and say where it is")
    parser.add_argument("--host-processes", action="store_true", help="do not use a real node even if one can run")
    parser.add_argument("names", nargs="*", help="parts of story or test names")
    options = parser.parse_args()
    if not (pathlib.Path(clusters.settings()["kube_bin"]) / "kube-apiserver").exists():
        print("SKIPPED: the cluster's programs are not built: run ./wan setup")
        return 77
    reason = "--host-processes" if options.host_processes else clusters.reason_not_possible()
    if reason:
        print(f"NO REAL NODE ({reason}): pods run as HOST PROCESSES, without images and isolation", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the cluster goes down
    cluster = clusters.Cluster(options.bin.resolve(), options.keep, host_processes=bool(reason))
    try:
        cluster.up()
        cluster.load_images()
        try:
            fixture.begin(cluster)
        except AssertionError:
            cluster.diagnose()
            raise
        result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout).run(selected(options.names))
        return 0 if result.wasSuccessful() else 1
    finally:
        cluster.down()


if __name__ == "__main__":
    sys.exit(main())
