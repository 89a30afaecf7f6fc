"""Train the image-to-video transformer, starting from the text-to-video one.

usage: train_i2v.py WORK_DIR TRANSFORMER.safetensors STILL_EVERY STEPS DECAY_STEPS [WORKERS] [resume.pt]

One step of STILL_EVERY is on the first frame alone (36 tokens, not 180). It teaches to copy the condition, which whole
clips take very long to: the text explains most of a flat first frame already. In turn with whole clips, because after
many still steps without a break the other frames are forgotten (README.md).

Bounded by steps, so that a machine that does other work, or pauses it, changes nothing but the time. Over the last
DECAY_STEPS the learning rate falls to nothing; `touch WORK_DIR/finish` starts that at once.

Needs lat_i2v/ (make_latents.py --image), clip.pt (train_clip.py), t5.pt, stats.pt and tokenizer/ in WORK_DIR.
The input is noise 16 + mask 4 + condition latents 16, as Wan 2.1: the mask is one where the frame is given, the
condition is the first frame and grey frames through the VAE encoder. The new input channels and the values that the
image tokens contribute start at zero, so training starts as the text-to-video model. With resume.pt the transformer is "-".
"""
import glob
import os
import random
import sys
import time

import torch
import torch.multiprocessing as mp
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file
from transformers import T5Tokenizer

import data
import train_clip
import train_dit
import wan_fast

BATCH, STILL_BATCH, LR, LR_RESUMED = 12, 24, 1.5e-3, 8e-4
MULTI = 0.2
TOKENS = 16  # of the 257 image tokens, drawn anew for every clip: about a quarter less work


def build(layers):
    torch.manual_seed(0)
    d = train_dit.HEADS * train_dit.HEAD_DIM
    return WanTransformer3DModel(patch_size=(1, 2, 2), num_attention_heads=train_dit.HEADS,
                                attention_head_dim=train_dit.HEAD_DIM, in_channels=36, out_channels=16,
                                text_dim=train_dit.TEXT, freq_dim=256, ffn_dim=train_dit.FFN,
                                num_layers=layers, image_dim=train_clip.WIDTH, added_kv_proj_dim=d)


def from_text_to_video(file):
    state = load_file(file)
    dit = build(train_dit.layers_of(state))
    w = torch.zeros_like(dit.patch_embedding.weight)
    w[:, :16] = state.pop("patch_embedding.weight")
    state["patch_embedding.weight"] = w
    extra = dit.load_state_dict(state, strict=False).unexpected_keys
    assert not extra, f"no image-to-video transformer has this: {extra[0]}"
    with torch.no_grad():
        for b in dit.blocks:
            b.attn2.add_v_proj.weight.zero_()
            b.attn2.add_v_proj.bias.zero_()
    return dit


def load(file, weights):
    """weights: "raw", which training goes on from, or "dit", their running average"""
    state = torch.load(file)[weights]
    dit = build(train_dit.layers_of(state))
    dit.load_state_dict(state)
    return dit


class Store:
    """Clips with their condition; new chunk files join as they appear."""

    def __init__(self, work, clip):
        self.work, self.clip, self.seen, self.items, self.tokens = work, clip, set(), [], {}

    def poll(self):
        for f in sorted(glob.glob(f"{self.work}/lat_i2v/*.pt")):
            if f not in self.seen:
                self.seen.add(f)
                d = torch.load(f, weights_only=False)
                self.items += list(zip(d["z"], d["y"], d["first"], d["attr"], d["named"]))
        return len(self.items)

    def image_tokens(self, k, first):
        if k not in self.tokens:  # made when first wanted
            with torch.no_grad():
                self.tokens[k] = train_clip.features(self.clip, first[None].float() / 127.5 - 1)[0].half()
        return self.tokens[k]

    def batch(self, rng, n, with_image=True):
        pick = []
        while len(pick) < n:
            k = rng.randrange(len(self.items))
            it = (*self.items[k], k)
            if (it[3]["count"] == 1 and it[3]["second"] is None) or rng.random() < MULTI:
                pick.append(it)
        z, y = (torch.stack([p[k] for p in pick]).float() for k in range(2))
        img = torch.stack([self.image_tokens(p[5], p[2])[rng.sample(range(257), TOKENS)] for p in pick]).float() \
            if with_image else torch.zeros(n, 1, train_clip.WIDTH)
        return z, y, img, ["" if rng.random() < 0.1 else data.make_prompt(rng, p[3], p[4]) for p in pick]


def condition(y):
    """[B,16,T,h,w] -> mask and condition [B,20,T,h,w]"""
    mask = torch.zeros(y.shape[0], 4, *y.shape[2:])
    mask[:, :, 0] = 1
    return torch.cat([mask, y], 1)


def frozen_parts(work):
    """-> text encoder, image encoder"""
    t5, clip = train_dit.build()[1].eval(), train_clip.build().eval()
    t5.load_state_dict(torch.load(f"{work}/t5.pt"))
    clip.load_state_dict(torch.load(f"{work}/clip.pt"))
    return t5, clip


def probes(work, batches):
    """Inputs as in training, in the same order every time: latents, timesteps, text and image tokens of BATCH clips."""
    (t5, clip), rng, normalised = frozen_parts(work), random.Random(7), train_dit.normaliser(work)
    torch.manual_seed(7)  # after the models, whose making draws numbers too
    tok, store = T5Tokenizer.from_pretrained(f"{work}/tokenizer"), Store(work, clip)
    store.poll()
    for _ in range(batches):
        z, y, img, prompts = store.batch(rng, BATCH)
        x0, y, s = normalised(z), normalised(y), train_dit.stratified_sigmas(BATCH)
        sv = s.view(-1, 1, 1, 1, 1)
        x = torch.cat([(1 - sv) * x0 + sv * torch.randn_like(x0), condition(y)], 1)
        with torch.no_grad():
            e = wan_fast.encode_text(tok, t5, prompts)
        yield x, s * 1000, e, img


def run(wid, work, still_every, steps, decay, dit, t5, store, ema):
    torch.set_num_threads(1)
    torch.manual_seed(300 + wid)
    rng = random.Random(400 + 2 * wid + steps)
    tok = T5Tokenizer.from_pretrained(f"{work}/tokenizer")
    wan_fast.use_fast(dit)
    normalised = train_dit.normaliser(work)
    named = list(dit.named_parameters())
    muon_p = [p for n, p in named if p.dim() == 2 and n.startswith("blocks.")]
    first_p = [p for n, p in named if n == "patch_embedding.weight"]
    adam_p = [p for n, p in named if not (p.dim() == 2 and n.startswith("blocks.")) and n != "patch_embedding.weight"]
    muon = train_dit.Muon(muon_p)
    adam = torch.optim.AdamW([dict(params=adam_p), dict(params=first_p)], lr=LR, betas=(0.9, 0.98), weight_decay=0.0)
    t0 = last = polled = time.time()
    step, acc = 0, [0.0, 0.0, 0]
    while step < steps:
        batch, frames = (STILL_BATCH, 1) if step % still_every == 0 else (BATCH, 5)
        if os.path.exists(f"{work}/finish"):
            steps = min(steps, step + decay)
        lr = LR * min(1, (step + 1) / 30, (steps - step) / decay)
        adam.param_groups[0]["lr"], adam.param_groups[1]["lr"] = lr, 4 * lr
        z, y, img, prompts = store.batch(rng, batch, frames > 1)
        x0, y, s = normalised(z[:, :, :frames]), normalised(y[:, :, :frames]), train_dit.stratified_sigmas(batch)
        sv = s.view(-1, 1, 1, 1, 1)
        noise = torch.randn_like(x0)
        with torch.no_grad():
            e = wan_fast.encode_text(tok, t5, prompts)
        v = wan_fast.forward(dit, torch.cat([(1 - sv) * x0 + sv * noise, condition(y)], 1), s * 1000, e, img)
        err = (v - (noise - x0)).square()
        # The first frame is known: its error is small, so it counts more.
        loss = err[:, :, :1].mean() * 0.6 + (err[:, :, 1:].mean() * 0.8 if frames > 1 else 0)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adam_p + first_p, 1.0)
        muon.step(lr * 1.5)
        adam.step()
        for _, p in named:
            p.grad = None
        step += 1
        if frames > 1:
            acc = [acc[0] + err[:, :, :1].mean().item(), acc[1] + err[:, :, 1:].mean().item(), acc[2] + 1]
        if wid == 0:
            keep = min(0.995, (1 + step) / (12 + step))
            with torch.no_grad():
                torch._foreach_lerp_(ema, [p.detach() for _, p in named], 1 - keep)
        if time.time() - polled > 20:
            polled = time.time()
            store.poll()
        if wid == 0 and acc[2] and time.time() - last > 60:
            last = time.time()
            print(f"t {last - t0:.0f} step {step} clips {len(store.items)} lr {lr:.1e} first frame {acc[0] / acc[2]:.4f} rest {acc[1] / acc[2]:.4f}", flush=True)
            acc = [0.0, 0.0, 0]
            save(work, dit, ema)
    if wid == 0:
        save(work, dit, ema)
        print("done", step, flush=True)


def save(work, dit, ema):
    ck = dict(dit=dict(zip([n for n, _ in dit.named_parameters()], [e.clone() for e in ema])), raw=dit.state_dict())
    torch.save(ck, f"{work}/i2v.pt.tmp")
    os.replace(f"{work}/i2v.pt.tmp", f"{work}/i2v.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    work, start, still_every, steps, decay = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    workers = int(sys.argv[6]) if len(sys.argv) > 6 else 2
    LR = LR if start != "-" else LR_RESUMED
    dit = from_text_to_video(start) if start != "-" else load(sys.argv[7], "raw")
    t5, clip = frozen_parts(work)
    ema = [p.detach().clone() for p in dit.parameters()]
    for m in (dit, t5, clip):
        m.share_memory()
    print("params", sum(p.numel() for p in dit.parameters()), flush=True)
    store = Store(work, clip)
    while not store.poll():
        time.sleep(2)
    mp.set_start_method("fork")
    ps = [mp.Process(target=run, args=(w, work, still_every, steps, decay, dit, t5, store, ema)) for w in range(workers)]
    for p in ps:
        p.start()
    for p in ps:
        p.join()
