"""Empty stand-ins for the CUDA libraries that torch's Linux wheel links but never calls on a CPU.

usage: cuda_stubs.py TORCH_LIB_DIR OUT_DIR

The real ones are 2 GB of wheels. A stand-in defines every symbol that torch wants from it, with the version the
linker asks for, and ends the process should one ever be called.
"""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

REAL = ("libcudart.so", "libcupti.so")  # small, and called while torch is loaded
WANTED = re.compile(r"NEEDED.*\[(lib(?:cu|nv|nccl)\S*\.so\.\d+)\]")
UNDEFINED = re.compile(r" (?:FUNC|OBJECT|NOTYPE) +(?:GLOBAL|WEAK) +\S+ +UND (\w+)(?:@(\S+))?")
# Symbols without a version name no library; the prefix does.
PREFIX = {"nccl": "libnccl", "nvshmem": "libnvshmem_host", "cusolver": "libcusolver", "cuFile": "libcufile",
          "cusparseLt": "libcusparseLt", "cu": "libcuda"}
PREFIX_END = {"nvshmem": "", "cuFile": ""}  # others are followed by a capital or an underscore


def readelf(flag, path):
    return subprocess.run(["readelf", flag, "--wide", path], capture_output=True, text=True, check=True).stdout


def owner(name, version, libraries):
    if version in libraries:
        return version
    if version and version != "NVSHMEM":
        return None
    for prefix, stem in PREFIX.items():
        if re.match(prefix + PREFIX_END.get(prefix, "[A-Z_]"), name):
            return next((l for l in libraries if l.startswith(stem + ".so")), None)
    return None


def wanted(torch_lib):
    """library -> symbol -> version or None"""
    files = sorted(torch_lib.glob("*.so*"))
    found = collections.defaultdict(dict)
    for f in files:
        for lib in WANTED.findall(readelf("-d", f)):
            if not lib.startswith(REAL):
                found[lib]
    for f in files:
        for name, version in UNDEFINED.findall(readelf("--dyn-syms", f)):
            lib = owner(name, version, found)
            if lib:
                found[lib][name] = version or None
    return found


def build(lib, symbols, out):
    with tempfile.TemporaryDirectory() as d:
        source, script = pathlib.Path(d, "stub.c"), pathlib.Path(d, "stub.map")
        source.write_text("".join(f"void {s}(void) {{ __builtin_trap(); }}\n" for s in symbols))
        versions = {v for v in symbols.values() if v}
        command = ["cc", "-shared", "-fPIC", "-w", "-fno-builtin", f"-Wl,-soname,{lib}", "-o", out / lib, source]
        if versions:
            script.write_text(f"{versions.pop()} {{ global: *; }};\n")
            command.append(f"-Wl,--version-script={script}")
        subprocess.run(command, check=True)


if __name__ == "__main__":
    torch_lib, out = map(pathlib.Path, sys.argv[1:3])
    out.mkdir(parents=True, exist_ok=True)
    for lib, symbols in wanted(torch_lib).items():
        build(lib, symbols, out)
        print(f"{lib}: {len(symbols)} symbols")
