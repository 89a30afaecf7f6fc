#!/usr/bin/env python3
"""run.py BIN MODELS PEER_PYTHON [FILTER] : the engine's rows against diffusers, on this machine, now.

Each row starts both programs with the same weights, noise and number of threads, and asks them in turn; medians, the
ratio (above 1: ours is faster) and the peak of anonymous memory are printed. The peer runs in the better of its dtypes,
ours in what the engine takes by itself on this machine.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
TINY = HERE.parents[2] / "runtime/models/wan-tiny"
AGREE = {"fp32": 1e-3, "bf16": 5e-2}


class Program:
    """One side of a row: started, warm, and asked for one run at a time."""

    def __init__(self, command, environment, patience=None):
        """`patience`: seconds until it must be ready; else it is ended, and that is a RuntimeError."""
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.peak = 0
        threading.Thread(target=self.watch, daemon=True).start()
        self.errors = []
        self.reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True)
        self.reader.start()
        limit = threading.Timer(patience, self.process.kill) if patience else None
        if limit:
            limit.start()
        began = time.monotonic()
        try:
            self.figure = float(self.answer().split()[1])
        finally:
            if limit:
                limit.cancel()
        self.seconds_to_ready = time.monotonic() - began

    def watch(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status")
        while self.process.poll() is None:
            try:
                line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
            except (OSError, StopIteration):
                return
            self.peak = max(self.peak, int(line.split()[1]) * 1024)
            time.sleep(0.01)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.reader.join()
            raise RuntimeError("".join(self.errors[-3:]).strip() or f"exit {self.process.returncode}")
        return line

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.answer())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    def __init__(self, binaries, models, python, threads, times):
        self.binaries, self.models, self.python, self.times = binaries, models, python, times
        say = lambda *words: subprocess.run([binaries / "wan-engine-bench", *words], check=True, capture_output=True, text=True).stdout
        self.large = say("precision").strip()  # what large models are computed in
        self.peaks = {precision: float(say("peak", str(threads), precision)) for precision in AGREE}
        self.environment = dict(os.environ, OMP_NUM_THREADS=str(threads), HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TQDM_DISABLE="1")

    def model(self, name, *flags):
        directory = self.models / name
        if not directory.exists():
            print(f"making {name} (random weights) ...", file=sys.stderr, flush=True)
            subprocess.run([self.binaries / "wan-runtime", "make-random", directory, *flags], check=True)
        return directory

    def start(self, program, row, directory, precision, sizes, patience=None):
        sizes = [str(size) for size in sizes]
        return Program([*program, row, str(directory), precision, *sizes], self.environment, patience)

    def ours(self, *arguments):
        return self.start([self.binaries / "wan-engine-bench"], *arguments)

    def peer(self, *arguments):
        return self.start([self.python, HERE / "peer.py"], *arguments)

    def best_dtype(self, row, directory, sizes):
        """The type that the peer is faster in. bf16 takes minutes where the CPU has no instructions for it: twice the
        time that fp32 needs to be ready, with one run, is enough to see that."""
        fp32 = self.peer(row, directory, "fp32", sizes)
        try:
            bf16 = self.peer(row, directory, "bf16", sizes, 2 * fp32.seconds_to_ready)
        except RuntimeError:
            fp32.close()
            return "fp32"
        # In turn, and the best of each: a single run on a busy machine has chosen the slower one.
        seconds = [(bf16.run(), fp32.run()) for _ in range(3)]
        precision = "bf16" if min(run[0] for run in seconds) < min(run[1] for run in seconds) else "fp32"
        fp32.close()
        bf16.close()
        return precision

    def component(self, title, row, directory, sizes, trial=None, times=None, operations=None, large=False):
        """`trial`: smaller sizes on which the peer's type is chosen, for rows that take minutes; `times`: fewer runs;
        `operations`: how much arithmetic it is, where that is most of the work; `large`: part of a large model, only cut
        short."""
        precision = self.best_dtype(row, directory, trial or sizes)
        our_precision = self.large if large else "fp32"
        ours = self.ours(row, directory, our_precision, sizes)
        peer = self.peer(row, directory, precision, sizes)
        seconds = [], []
        for _ in range(min(times or self.times, self.times)):
            seconds[0].append(ours.run())
            seconds[1].append(peer.run())
        apart = abs(ours.figure - peer.figure) / abs(peer.figure)
        if not apart <= max(AGREE[precision], AGREE[our_precision]):
            raise RuntimeError(f"{title}: the two do not compute the same: {ours.figure} and {peer.figure}")
        ours.close()
        peer.close()
        show(title, *map(statistics.median, seconds), ours.peak, peer.peak, our_precision, precision)
        peaks = [self.peaks[our_precision], self.peaks[precision]]
        if operations and all(peaks):
            shares = [100 * operations / statistics.median(list_) / peak for list_, peak in zip(seconds, peaks)]
            print(f"    of what the processor can multiply and add: ours {shares[0]:.0f} %, diffusers {shares[1]:.0f} %", flush=True)

    def whole(self, title, row):
        """A process from its start: to the first step, or to the written file."""
        output = self.models / "clip.mp4"
        commands = [[self.binaries / "wan-runtime", "generate", "--model", TINY, "--prompt", "a red ball moves right",
                     "--json", "-o", output], [self.python, HERE / "peer.py", row, TINY, "fp32"]]
        seconds = [], []
        for _ in range(self.times):
            for command, list_ in zip(commands, seconds):
                list_.append(self.until(command, "first" if row == "first-step" else None))
        show(title, *map(statistics.median, seconds), 0, 0, "fp32", "fp32")

    def until(self, command, event):
        started = time.monotonic()
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stdout:
            if event and is_first_step(line):
                process.kill()
                break
        process.wait()
        return time.monotonic() - started


def is_first_step(line):
    return "first step" in line or ('"Denoise"' in line and '"step":1' in line.replace(" ", ""))


def show(title, ours, peer, our_peak, peer_peak, our_precision, precision):
    memory = f"{our_peak / 2**20:7.0f} {peer_peak / 2**20:7.0f} MiB" if our_peak else ""
    print(f"{title:58} {ours:9.3f} s ({our_precision}) {peer:9.3f} s ({precision})  {peer / ours:5.2f} x  {memory}", flush=True)


def forward_operations(dim, ffn, layers, tokens, text):
    """One forward of the transformer; a multiply-add is two."""
    matrices = 2 * tokens * (6 * dim * dim + 2 * dim * ffn)  # q, k, v, out; q, out of the cross-attention; feed-forward
    return layers * (matrices + 4 * tokens * (tokens + text) * dim)


def rows(bench):
    fp32 = ("--dtype", "fp32")
    t2v = lambda: bench.model("t2v-1.3b-3-layers", "--variant", "t2v-1.3b", "--layers", "3", *fp32)
    big = lambda: bench.model("t2v-14b-1-layer", "--variant", "t2v-14b", "--layers", "1", *fp32)
    return {
        "start": lambda title: bench.whole(title, "first-step"),
        "text": lambda title: bench.component(title, "text", t2v(), [30], large=True),
        "dit-tiny": lambda title: bench.component(title, "dit", TINY, [5, 12, 12, 9]),
        "dit-768": lambda title: bench.component(title, "dit", t2v(), [3, 32, 32, 30], operations=forward_operations(1536, 8960, 3, 768, 31), large=True),
        "dit-4096": lambda title: bench.component(title, "dit", t2v(), [4, 64, 64, 30], operations=forward_operations(1536, 8960, 3, 4096, 31), large=True),
        "dit-14b": lambda title: bench.component(title, "dit", big(), [3, 32, 32, 30], operations=forward_operations(5120, 13824, 1, 768, 31), large=True),
        "vae-decode": lambda title: bench.component(title, "vae-decode", t2v(), [3, 32, 32], trial=[2, 8, 8], times=2),
        "vae-encode": lambda title: bench.component(title, "vae-encode", t2v(), [9, 256, 256], trial=[5, 64, 64], times=2),
        "job": lambda title: bench.whole(title, "job"),
    }


TITLES = {
    "start": "start of the process to the first step, wan-tiny",
    "text": "UMT5-XXL, 3 of 24 layers, 30 tokens",
    "dit-tiny": "transformer, wan-tiny, 180 tokens",
    "dit-768": "transformer, 1.3B, 3 of 30 layers, 768 tokens",
    "dit-4096": "transformer, 1.3B, 3 of 30 layers, 4096 tokens",
    "dit-14b": "transformer, 14B, 1 of 40 layers, 768 tokens",
    "vae-decode": "VAE decode, 256x256, 9 frames",
    "vae-encode": "VAE encode, 256x256, 9 frames",
    "job": "the whole built-in job, prompt to mp4",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("python")
    parser.add_argument("filter", nargs="?", default="")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    if not any(options.filter in name for name in TITLES):
        parser.error(f"ROW: '{options.filter}' is in no row's name; rows: {' '.join(TITLES)}")
    options.models.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.binaries, options.models, options.python, len(os.sched_getaffinity(0)), options.times)
    for precision, peak in bench.peaks.items():
        if peak:
            print(f"multiply-adds in {precision}, no memory touched: {peak / 1e9:.0f} GFLOP/s", flush=True)
    print(f"{'':58} {'ours':>11} {'diffusers':>18}           ratio   peak anonymous memory")
    failed = False
    for name, run in rows(bench).items():
        if options.filter not in name:
            continue
        try:
            run(TITLES[name])
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            print(f"{TITLES[name]:58} failed: {error}", flush=True)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
