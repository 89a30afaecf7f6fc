#!/usr/bin/env bash
# setup.sh DIR: a virtual environment in DIR with what the training scripts need. Nothing of it is needed to build, test
# or run the project. Without CUDA: torch's wheel, the two small CUDA wheels it calls while it loads (all three as
# cmake/libtorch.lock pins them, taken from what ./wan setup unpacked if that is there), and empty stand-ins for the
# 2 GB of CUDA libraries that it only links.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../../tests/tools/common.sh"
[ $# = 1 ] && [ "${1#-}" = "$1" ] || die "usage: runtime/models/train/setup.sh DIR   (DIR: where the virtual environment goes)"

packages=(diffusers==0.42.1 transformers==5.23.0 sentencepiece==0.2.3 safetensors==0.8.0 numpy==2.4.6 imageio==2.38.1
  pillow==13.0.0 ftfy==6.3.1 protobuf==7.36.2)
torch_needs=(filelock typing-extensions sympy networkx jinja2 fsspec psutil)  # its metadata asks for 2 GB more

python3 -m venv "$1"
site=$("$1/bin/python" -c 'import site; print(site.getsitepackages()[0])')
pip() { "$1/bin/python" -m pip --quiet --disable-pip-version-check "${@:2}"; }
pip "$1" install "${packages[@]}" "${torch_needs[@]}"
pip "$1" install --no-deps accelerate==1.15.0  # without torch's dependencies again
if [ -d "$(libtorch_dir)" ]; then
  libtorch_dir > "$site/libtorch.pth"
  torch=$(libtorch_dir)/torch
else
  pip "$1" install --no-deps --require-hashes -r "$WAN_ROOT/cmake/libtorch.lock"
  torch=$site/torch
fi
"$1/bin/python" "$here/cuda_stubs.py" "$torch/lib" "$1/lib/cuda-stubs"
# The loader takes libraries that are loaded already by their names, so the stand-ins come first.
cat > "$site/cuda_stubs_first.py" <<END
import ctypes, glob
for path in glob.glob("$(cd "$1" && pwd)/lib/cuda-stubs/*"):
    ctypes.CDLL(path)
END
echo "import cuda_stubs_first" > "$site/cuda_stubs_first.pth"
"$1/bin/python" -c 'import torch, diffusers, transformers; print("torch", torch.__version__, "diffusers", diffusers.__version__, "in", __import__("sys").prefix)'
