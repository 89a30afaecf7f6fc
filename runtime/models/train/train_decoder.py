"""Train the VAE's decoder on, the encoder frozen.  usage: train_decoder.py WORK_DIR STEPS DECAY_STEPS

The latents stay what they are, so the transformers go on with the new decoder as they are. It starts from WORK_DIR/vae.pt and
writes WORK_DIR/decoder.pt (`raw`, and `ema`, which is better); copy `ema` to vae.pt to go on or to export.

The loss is the logarithm of each clip's squared error, which is what PSNR averages, and a little of the absolute error.
Two lock-free single-thread workers share the weights. Convolutions use Muon, the rest AdamW. Over the last DECAY_STEPS of
each worker the learning rate falls to nothing; `touch WORK_DIR/finish` starts that at once. Where the processor has
products of bf16, the forward and backward use them: 0.6 s of a core for a step of train_encoder.py that takes 1.1 s without.
"""
import copy
import os
import random
import sys
import time
from typing import Callable, NamedTuple

import torch
import torch.multiprocessing as mp

import data
import vae_fast
from train_dit import Muon

LR = 4e-4
NOISE = 0.05  # of the latents
BATCH, FRAMES, CROP, POOL = 3, 17, 48, 160
KEEP = 0.995  # of the average of the weights
BF16 = "avx512_bf16" in open("/proc/cpuinfo").read()


def render(rng):
    size = rng.choice([96, 96, 96, 128])
    _, clip = data.sample_clip(rng, FRAMES, size, size)
    return ((clip + 1) * 127.5).round().to(torch.uint8)


def crop(rng, clip):
    """Of three places the one where most happens."""
    places = []
    for _ in range(3):
        y, x = rng.randint(0, clip.shape[2] - CROP), rng.randint(0, clip.shape[3] - CROP)
        window = clip[:, :, y:y + CROP, x:x + CROP]
        places.append((window[:, ::4, ::8, ::8].float().std((1, 2, 3)).sum().item(), window))
    window = max(places, key=lambda place: place[0])[1]
    if rng.random() < 0.5:
        window = window.flip(3)
    return window.transpose(2, 3) if rng.random() < 0.5 else window


def batch(rng, pool):
    return torch.stack([crop(rng, rng.choice(pool)) for _ in range(BATCH)]).float().div_(127.5).sub_(1)


def unseen_clips(count, size=96):
    """Of a seed that no training has."""
    rng = random.Random(99)
    return [data.sample_clip(rng, FRAMES, size, size)[1] for _ in range(count)]


@torch.no_grad()
def evaluate(model, count=16):
    """Mean and least PSNR over clips that no training sees."""
    found = []
    for x in unseen_clips(count):
        z = vae_fast.encode(model, torch.stack([x, x]))  # a batch of 1 is slow in PyTorch
        y = vae_fast.decode(model, z)[0].clamp(-1, 1)
        found.append(10 * torch.log10(4 / (y - x).square().mean()).item())
    return sum(found) / count, min(found)


class Goal(NamedTuple):
    """What is trained: WORK_DIR/<file>.pt is written, and every so many seconds it is said how well it does."""
    file: str
    lr: float
    report_every: int
    trained: Callable  # model -> its parameters that learn
    loss_of: Callable  # (model, clips, step) -> loss, PSNR of the clips, what else is to be said or ""


def reconstruction(y, x):
    """-> loss, PSNR"""
    y = y.float()
    error = (y - x).square().mean((1, 2, 3, 4))
    return (error + 1e-4).log().mean() + 0.5 * (y - x).abs().mean(), -10 * torch.log10(error.detach() / 4).mean().item()


def save(path, vae, averaged):
    torch.save(dict(raw=vae.state_dict(), ema=averaged.state_dict()), path + ".tmp")
    os.replace(path + ".tmp", path)


def run(worker, work, steps, decay, goal, vae, pool):
    torch.set_num_threads(1)
    torch.manual_seed(int(time.time()) + worker)
    rng = random.Random(int(time.time()) + worker)
    params = goal.trained(vae)
    kernels = [p for p in params if p.dim() >= 4 and p.shape[0] >= 8 and p.shape[1] > 3]
    others = [p for p in params if not any(p is k for k in kernels)]
    muon, adam = Muon(kernels, wd=0), torch.optim.AdamW(others, lr=goal.lr, betas=(0.9, 0.98), weight_decay=0)
    averaged = copy.deepcopy(vae)
    began = last = time.time()
    step, psnr, count, said = 0, 0.0, 0, ""
    while step < steps:
        if os.path.exists(f"{work}/finish"):
            steps = min(steps, step + decay)
        lr = goal.lr * min(1, (step + 1) / 30, (steps - step) / decay)
        adam.param_groups[0]["lr"] = lr
        with torch.autocast("cpu", torch.bfloat16, enabled=BF16):
            loss, found, more = goal.loss_of(vae, batch(rng, pool), step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        muon.step(lr)
        adam.step()
        for p in params:
            p.grad = None
        step, psnr, count, said = step + 1, psnr + found, count + 1, more or said
        if step % 10 == 0:
            pool[rng.randrange(len(pool))] = render(rng)
        if worker != 0:
            continue
        with torch.no_grad():
            torch._foreach_lerp_([p.data for p in goal.trained(averaged)], [p.detach() for p in params],
                                 1 - min(KEEP, (1 + step) / (12 + step)))
        if time.time() - last > goal.report_every or step == steps:
            last = time.time()
            mean, least = evaluate(averaged)
            print(f"t {last - began:.0f} step {step} lr {lr:.1e} crops {psnr / count:.2f} dB{said}, whole clips (average of the "
                  f"weights) {mean:.2f} dB, at least {least:.2f}", flush=True)
            psnr, count = 0.0, 0
            save(f"{work}/{goal.file}.pt", vae, averaged)


def train(work, steps, decay, goal, vae):
    print("before:", evaluate(vae), flush=True)
    rng = random.Random(5)
    pool = [render(rng) for _ in range(POOL)]
    mp.set_start_method("fork")
    vae.share_memory()
    workers = [mp.Process(target=run, args=(w, work, steps, decay, goal, vae, list(pool))) for w in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()


def decoder_loss(vae, x, step):
    with torch.no_grad():
        z = vae_fast.encode(vae, x)
    return *reconstruction(vae_fast.decode(vae, z + NOISE * torch.randn_like(z)), x), ""


if __name__ == "__main__":
    work, steps, decay = sys.argv[1], *map(int, sys.argv[2:4])
    torch.set_num_threads(1)
    vae_fast.patch()
    vae = vae_fast.load(torch.load(f"{work}/vae.pt"))
    learn = lambda model: [*model.decoder.parameters(), *model.post_quant_conv.parameters()]
    train(work, steps, decay, Goal("decoder", LR, 120, learn, decoder_loss), vae)
