#!/usr/bin/env python3
"""check_layout.py : the dependency direction, the includes that only some folders may have, and the size of files.

The folders are layers: a folder may include itself and what its row names. Run by ctest (suite base).
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# folder -> the folders of ours that it may include (itself always; base everywhere but in base's own lower parts).
ALLOWED = {
    "base": [],
    "operator/api": ["base"],
    "operator/kube": ["base", "operator/api"],
    "operator/cache": ["base", "operator/api", "operator/kube"],
    "operator/controller": ["base", "operator/api", "operator/kube", "operator/cache"],
    "operator/reconcile": ["base", "operator/api"],
    "operator/dispatch": ["base", "operator/api"],
    "operator/execute": ["base", "operator/api", "operator/kube", "operator/cache", "operator/controller",
                         "operator/reconcile", "operator/dispatch"],
    "operator": ["base", "operator/api", "operator/kube", "operator/cache", "operator/controller",
                 "operator/reconcile", "operator/dispatch", "operator/execute"],
    "runtime/gallery": ["base"],
    "runtime/weights": ["base", "runtime/gallery"],
    "runtime/tokenizer": ["base", "runtime/gallery"],
    "runtime/scheduler": ["base", "runtime/gallery"],
    "runtime/device": ["base", "runtime/gallery"],
    "runtime/media": ["base", "runtime/gallery"],
    "runtime/model": ["base", "runtime/gallery", "runtime/weights", "runtime/device"],
    "runtime/pipeline": ["base", "runtime/gallery", "runtime/weights", "runtime/tokenizer", "runtime/model",
                         "runtime/scheduler", "runtime/device", "runtime/media"],
    "runtime/verify": ["base", "runtime/gallery", "runtime/weights", "runtime/tokenizer", "runtime/model", "runtime/scheduler",
                       "runtime/device", "runtime/media", "runtime/pipeline"],
    "runtime/jobs": ["base", "runtime/gallery", "runtime/pipeline"],
    "runtime/service": ["base", "runtime/gallery", "runtime/pipeline", "runtime/jobs"],
    "runtime/cli": ["base", "runtime/gallery", "runtime/pipeline", "runtime/jobs", "runtime/service", "runtime/device", "runtime/verify"],
    "runtime": ["base", "runtime/cli"],
}
# Outside these folders the include is an error.
TENSOR_FOLDERS = {"runtime/weights", "runtime/model", "runtime/scheduler", "runtime/device", "runtime/pipeline",
                  "runtime/verify"}
# Seen through these headers alone.
PIPELINE_SEAM = {"runtime/pipeline/generator.h", "runtime/pipeline/generation.h", "runtime/pipeline/inspection.h",
                 "runtime/pipeline/memory_need.h", "runtime/pipeline/random_model.h", "runtime/pipeline/video_size.h"}
NO_ASIO = {"runtime/weights", "runtime/model", "runtime/scheduler", "operator/reconcile", "operator/api"}
SOFT_CAP, MODEL_CAP = 500, 800

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


def room(path):
    """The longest row of ALLOWED that holds `path`."""
    parts = path.split("/")[:-1]
    for length in range(len(parts), 0, -1):
        if "/".join(parts[:length]) in ALLOWED:
            return "/".join(parts[:length])
    return None


def check_include(path, here, ours, theirs):
    if ours:
        target = room(ours)
        if target is None or not (ROOT / ours).is_file():
            return f'"{ours}" is not a header of ours: write it from the root'
        if target != here and target not in ALLOWED[here]:
            return f"{here} may not include {target} ({ours})"
        if here in ("runtime/jobs", "runtime/service", "runtime/cli") and target == "runtime/pipeline" and ours not in PIPELINE_SEAM:
            return f"{here} sees the pipeline through {sorted(PIPELINE_SEAM)} only, not {ours}"
        return None
    if theirs.startswith(("ATen/", "c10/", "torch/")) and here not in TENSOR_FOLDERS:
        return f"{theirs}: tensors are computed in {sorted(TENSOR_FOLDERS)} only"
    if theirs.startswith("boost/beast"):
        if not path.startswith("base/net/"):
            return f"{theirs}: Beast stays inside base/net"
        if path.endswith(".h") and not path.endswith("_impl.h"):
            return f"{theirs}: no public header includes Beast"
    if theirs.startswith("boost/asio") and here in NO_ASIO:
        return f"{theirs}: {here} does no I/O"
    if theirs.startswith("libav") and here != "runtime/media":
        return f"{theirs}: FFmpeg lives in runtime/media alone"
    return None


def check_file(path):
    problems = []
    here = room(path)
    lines = (ROOT / path).read_text().splitlines()
    cap = MODEL_CAP if here == "runtime/model" else SOFT_CAP
    if len(lines) > cap:
        problems.append(f"{path}: {len(lines)} lines; the cap is {cap}: split it by idea")
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match and (message := check_include(path, here, *match.groups())):
            problems.append(f"{path}:{number}: {message}")
    return problems


def main():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "base", "operator", "runtime"],
                            cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    sources = [p for p in listed if p.endswith((".cc", ".h")) and (ROOT / p).exists()]
    if not sources:
        sys.exit("no sources found")
    problems = [p for s in sources for p in (check_file(s) if room(s) else [f"{s}: not in a folder of the design"])]
    print("\n".join(problems) if problems else f"{len(sources)} files follow the dependency direction")
    return 1 if problems else 0


sys.exit(main())
