"""Render clips and store their latents.  usage: make_latents.py WORK_DIR SEED COUNT HxW [HxW ...] [--image [--still N]]

Chunks of 20 clips: lat/<HxW>_<seed>_<k>.pt = {z: float16 [n,16,5,h,w], attr: [...], named: [...]}.
--image: for image-to-video, in lat_i2v/, with the condition y (the first frame and grey frames through the encoder)
and the first frame itself (uint8 [n,3,H,W]); of what stays still N times as many as text-to-video has.
"""
import argparse
import os
import random

import torch

import data
import vae_fast

torch.set_num_threads(1)
BATCH = 4  # PyTorch uses a slow 3-D convolution for a batch of 1
CHUNK = 20
STILL = 4  # for image-to-video: what stays still must be learned, since text-to-video lets it spin


def chunk(vae, rng, H, W, image, still):
    motion_p = [still * p if m == "still" else p for m, p in zip(data.MOTIONS, data.MOTION_P)]
    out = dict(z=[], attr=[], named=[], y=[], first=[])
    with torch.inference_mode():
        for _ in range(CHUNK // BATCH):
            scs = [data.sample_scene(rng, W / H, motion_p)[1] for _ in range(BATCH)]
            if image:
                scs = [data.vary_start(rng, sc) if rng.random() < 0.6 else sc for sc in scs]
            x = torch.stack([data.render(sc, 17, H, W) for sc in scs])
            if image:  # images are bytes
                out["first"].append(((x[:, :, 0] + 1) * 127.5).round().to(torch.uint8))
                x[:, :, 0] = out["first"][-1].float() / 127.5 - 1
                grey = torch.zeros_like(x)
                grey[:, :, 0] = x[:, :, 0]
                out["y"].append(vae_fast.encode(vae, grey).half())
            out["z"].append(vae_fast.encode(vae, x).half())
            out["attr"] += [sc["attr"] for sc in scs]
            out["named"] += [sc["named"] for sc in scs]
    return {k: torch.cat(v) if v and torch.is_tensor(v[0]) else v for k, v in out.items() if v}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("sizes", nargs="+")
    parser.add_argument("--image", action="store_true")
    parser.add_argument("--still", type=float, default=STILL)
    args = parser.parse_args()
    work, seed, count, image = args.work, args.seed, args.count, args.image
    still = args.still if image else 1
    sizes = [tuple(map(int, s.split("x"))) for s in args.sizes]
    folder = f"{work}/lat_i2v" if image else f"{work}/lat"
    vae_fast.patch()
    vae = vae_fast.load(torch.load(f"{work}/vae_enc.pt")).eval()
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(seed)
    for k in range(count // CHUNK):
        H, W = sizes[k % len(sizes)]
        f = f"{folder}/{H}x{W}_{seed}_{k:03d}.pt"
        torch.save(chunk(vae, rng, H, W, image, still), f + ".tmp")
        os.replace(f + ".tmp", f)
    print("done", seed, flush=True)
