#!/usr/bin/env python3
"""tidy.py BUILD_DIR [SECONDS] : clang-tidy over our sources (not the tests), a file per core, skipping what passed unchanged.

With SECONDS it starts no file after that time: the most recently committed come first, the others when nothing newer
waits (passes are kept), and it says how many it left. A file's key is the content of every header of ours that it includes, of itself, of .clang-tidy, and its flags.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("WAN_CACHE", pathlib.Path.home() / ".cache/wan")) / "tidy"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def closure(path, seen):
    """Our own files that `path` includes, itself included; includes are written from the root."""
    if path in seen or not path.is_file():
        return
    seen.add(path)
    for name in INCLUDE.findall(path.read_text()):
        closure(ROOT / name, seen)


def key(entry):
    files = set()
    closure(pathlib.Path(entry["file"]), files)
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    flags = [word for word in shlex.split(entry["command"]) if not word.startswith("/") and str(ROOT) not in word]
    digest.update(" ".join(flags).encode())
    for file in sorted(files):
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()


def tidy(entry, build):
    run = subprocess.run(["clang-tidy-19", "--quiet", "-p", build, entry["file"]], capture_output=True, text=True)
    return run.returncode, run.stdout


def newest_first():
    """Path -> how many commits ago it was last touched; uncommitted ones are not in it."""
    log = subprocess.run(["git", "log", "--format=", "--name-only"], cwd=ROOT, capture_output=True, text=True).stdout
    return {name: age for age, name in reversed(list(enumerate(filter(None, log.splitlines()))))}


def main():
    build = sys.argv[1]
    budget = float(sys.argv[2]) if len(sys.argv) > 2 else float("inf")
    entries = json.load(open(os.path.join(build, "compile_commands.json")))
    ours = tuple(str(ROOT / folder) + "/" for folder in ("base", "operator", "runtime"))
    entries = [e for e in entries if e["file"].startswith(ours)]
    CACHE.mkdir(parents=True, exist_ok=True)
    todo = [(e, CACHE / key(e)) for e in entries]
    ages = newest_first()
    todo = [(e, stamp) for e, stamp in todo if not stamp.exists()]
    todo.sort(key=lambda item: ages.get(str(pathlib.Path(item[0]["file"]).relative_to(ROOT)), -1))
    print(f"clang-tidy: {len(entries)} files, {len(todo)} to check", flush=True)
    failed, started, shown, left = 0, time.monotonic(), 0.0, 0

    def timely(entry):
        return tidy(entry, build) if time.monotonic() - started < budget else None

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {pool.submit(timely, e): (e, stamp) for e, stamp in todo}
        for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
            entry, stamp = futures[future]
            outcome = future.result()
            if outcome is None:
                left += 1
                continue
            code, output = outcome
            if code == 0:
                stamp.touch()
            else:
                failed += 1
                print(output, flush=True)
            elapsed = time.monotonic() - started
            if elapsed - shown > 20:
                shown = elapsed
                print(f"clang-tidy: {done}/{len(todo)}, at most {min(elapsed / done * (len(todo) - done), budget - elapsed):.0f} s left",
                      flush=True)
    if left:
        print(f"clang-tidy: {left} files left for later runs after {budget:.0f} s; WAN_LONG=1 checks all")
    if failed:
        print(f"clang-tidy: {failed} files with findings", file=sys.stderr)
    return 1 if failed else 0


sys.exit(main())
