#!/usr/bin/env python3
"""run.py --bin BIN_DIR [--keep] [STORY|TEST...] : the end-to-end tests, on a real node in a cluster of their own.

Ends with 77 (skipped) and says why where no node can run: without root, or without the kernel's features for it.
"""
import argparse
import pathlib
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
    parser.add_argument("names", nargs="*", help="parts of story or test names")
    options = parser.parse_args()
    reason = clusters.reason_not_possible()
    if reason:
        print(f"SKIPPED: this machine cannot run a Kubernetes node: {reason}")
        return 77
    cluster = clusters.Cluster(options.bin.resolve(), options.keep)
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
