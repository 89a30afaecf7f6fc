"""Train a wider VAE encoder for a decoder that stays.  usage: train_encoder.py WORK_DIR FACTOR STEPS DECAY_STEPS

Starts from WORK_DIR/vae_wide.pt (widen.py) and writes WORK_DIR/encoder.pt (`raw`, and `ema`, which is better). The decoder and
with it what a latent means stay, so the text-to-video transformer, which sees no encoder, goes on as it is.

The loss is train_decoder.py's. One step of four looks at a picture and empty frames, the condition of image-to-video, where the
latents behind the first are held where they were: the transformer knows them and no decoder tells what they should be.
"""
import copy
import os
import random
import sys
import time

import torch
import torch.multiprocessing as mp
from diffusers import AutoencoderKLWan

import train_decoder
import vae_fast
import widen
from train_dit import Muon

LR = 4e-4
CONDITION_EVERY = 4


def trained(model):
    return [*model.encoder.parameters(), *model.quant_conv.parameters()]


def save(work, vae, averaged):
    torch.save(dict(raw=vae.state_dict(), ema=averaged.state_dict()), f"{work}/encoder.pt.tmp")
    os.replace(f"{work}/encoder.pt.tmp", f"{work}/encoder.pt")


def log_error(y, x):
    error = (y - x).square().mean((1, 2, 3, 4))
    return (error + 1e-4).log().mean() + 0.5 * (y - x).abs().mean(), -10 * torch.log10(error.detach() / 4).mean().item()


def condition_error(vae, before, x):
    """Squared distance from the old latents of a picture and empty frames, the first latent left out, in units of 0.1."""
    x = torch.cat([x[:, :, :1], torch.zeros_like(x[:, :, 1:9])], 2)
    with torch.no_grad():
        held = vae_fast.encode(before, x)[:, :, 1:]
    return (vae_fast.encode(vae, x)[:, :, 1:] - held).square().mean() * 100


def run(worker, work, steps, decay, vae, before, pool):
    torch.set_num_threads(1)
    torch.manual_seed(int(time.time()) + worker)
    rng = random.Random(int(time.time()) + worker)
    params = trained(vae)
    kernels = [p for p in params if p.dim() >= 4 and p.shape[0] >= 8 and p.shape[1] > 3]
    others = [p for p in params if not any(p is k for k in kernels)]
    muon, adam = Muon(kernels, wd=0), torch.optim.AdamW(others, lr=LR, betas=(0.9, 0.98), weight_decay=0)
    averaged = copy.deepcopy(vae)
    began = last = time.time()
    step, psnr, held, count = 0, 0.0, 0.0, 0
    while step < steps:
        if os.path.exists(f"{work}/finish"):
            steps = min(steps, step + decay)
        lr = LR * min(1, (step + 1) / 30, (steps - step) / decay)
        adam.param_groups[0]["lr"] = lr
        x = train_decoder.batch(rng, pool)
        loss, found = log_error(vae_fast.decode(vae, vae_fast.encode(vae, x)), x)
        if step % CONDITION_EVERY == 0:
            kept = condition_error(vae, before, x)
            held = kept.item()
            loss = loss + kept
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        muon.step(lr)
        adam.step()
        for p in params:
            p.grad = None
        step, psnr, count = step + 1, psnr + found, count + 1
        if step % 10 == 0:
            pool[rng.randrange(len(pool))] = train_decoder.render(rng)
        if worker != 0:
            continue
        with torch.no_grad():
            keep = min(train_decoder.KEEP, (1 + step) / (12 + step))
            torch._foreach_lerp_([p.data for p in trained(averaged)], [p.detach() for p in params], 1 - keep)
        if time.time() - last > 300 or step == steps:
            last = time.time()
            mean, least = train_decoder.evaluate(averaged)
            print(f"t {last - began:.0f} step {step} lr {lr:.1e} crops {psnr / count:.2f} dB, condition {held:.3f}, whole clips "
                  f"(average of the weights) {mean:.2f} dB, at least {least:.2f}", flush=True)
            psnr, count = 0.0, 0
            save(work, vae, averaged)


if __name__ == "__main__":
    work, factor, steps, decay = sys.argv[1], *map(int, sys.argv[2:5])
    torch.set_num_threads(1)
    vae_fast.patch()
    vae, before = widen.build(factor), AutoencoderKLWan(base_dim=8, z_dim=16)
    vae.load_state_dict(torch.load(f"{work}/vae_wide.pt"))
    before.load_state_dict(torch.load(f"{work}/vae.pt"))
    before.requires_grad_(False)
    for part in (vae.decoder, vae.post_quant_conv):
        part.requires_grad_(False)
    print("before:", train_decoder.evaluate(vae), flush=True)
    rng = random.Random(5)
    pool = [train_decoder.render(rng) for _ in range(train_decoder.POOL)]
    mp.set_start_method("fork")
    vae.share_memory()
    workers = [mp.Process(target=run, args=(w, work, steps, decay, vae, before, list(pool))) for w in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
