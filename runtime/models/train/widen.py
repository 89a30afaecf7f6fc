"""A wider VAE encoder that computes what the old one does.  usage: widen.py MODEL_DIR WORK_DIR FACTOR

Writes WORK_DIR/vae_wide.pt: the encoder FACTOR times as wide, the decoder as it was; train_encoder.py goes on from there.
Every channel is there FACTOR times. RMS norm does not notice: the sum of squares grows as the width does. What reads a
channel takes a random share of each copy, and the shares sum to one, so that the copies get different gradients and part.
"""
import sys

import torch
from safetensors.torch import load_file

import vae_fast


def shares(shape, factor, g):
    """[FACTOR, *shape] that sums to 1 over the copies."""
    s = torch.randn(factor, *shape, generator=g) * 0.5
    return s - s.mean(0) + 1 / factor


def more_inputs(w, factor, g):
    """[out, in, ...] -> [out, FACTOR*in, ...]; copy k of channel c is channel k*in + c."""
    tail = (1,) * (w.dim() - 2)
    parts = shares((w.shape[0], w.shape[1]), factor, g)
    return torch.cat([w * p.view(*p.shape, *tail) for p in parts], 1)


def more_outputs(w, factor):
    return w.repeat(factor, *(1,) * (w.dim() - 1))


def widened(old, factor, g):
    """State of the VAE -> state with the wider encoder."""
    new = {}
    for name, w in old.items():
        if not name.startswith("encoder."):
            new[name] = w
            continue
        if name.startswith("encoder.conv_out"):
            new[name] = more_inputs(w, factor, g) if w.dim() > 1 else w
        elif "to_qkv" in name:
            # One head over all channels: q.k grows FACTOR times, the scale 1/sqrt(width) shrinks only by its root.
            q, k, v = (more_outputs(p, factor) for p in w.chunk(3))
            w = torch.cat([q / factor ** 0.5, k, v])
            new[name] = more_inputs(w, factor, g) if w.dim() > 1 else w
        else:
            w = more_outputs(w, factor)
            inner = w.dim() > 1 and "gamma" not in name and not name.startswith("encoder.conv_in")
            new[name] = more_inputs(w, factor, g) if inner else w
    return new


if __name__ == "__main__":
    model, work, factor = sys.argv[1], sys.argv[2], int(sys.argv[3])
    vae_fast.patch()
    old = load_file(f"{model}/vae/diffusion_pytorch_model.safetensors")
    before, after = vae_fast.load(old), vae_fast.load(widened(old, factor, torch.Generator().manual_seed(3)))
    x = torch.rand(2, 3, 9, 48, 48) * 2 - 1
    with torch.no_grad():
        a, b = vae_fast.encode(before, x), vae_fast.encode(after, x)
    print(f"latents differ by {((a - b).norm() / a.norm()).item():.1e} of their length; parameters of the encoder "
          f"{sum(p.numel() for p in before.encoder.parameters())} -> {sum(p.numel() for p in after.encoder.parameters())}")
    torch.save(after.state_dict(), f"{work}/vae_wide.pt")
