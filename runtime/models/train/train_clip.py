"""Train the tiny CLIP vision tower of the image-to-video model.  usage: train_clip.py WORK_DIR STEPS

The tower has the shape of Wan's (patch 14 of 224 pixels, 257 tokens, heads of 80, its second last layer is what the
transformer sees). Linear probes read shape, colour, background and size from every token of that layer, as in
train_t5.py; they are dropped and the tower is frozen.
"""
import os
import random
import sys
import time

import torch
import torch.nn.functional as F
from transformers import CLIPVisionConfig, CLIPVisionModel

import data

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
WIDTH, LAYERS = 80, 3
FIELDS = {"shape": data.SHAPES, "color": data.OBJ_COLORS, "bg": list(data.COLORS), "size": [None, "small", "big"]}
BATCH = 8


def build():
    torch.manual_seed(3)
    return CLIPVisionModel(CLIPVisionConfig(hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=LAYERS,
                                            num_attention_heads=WIDTH // 80, image_size=224, patch_size=14,
                                            hidden_act="gelu", projection_dim=WIDTH))


def pixels(image):
    """[B,3,H,W] in [-1,1] -> what the tower takes: squashed to 224 x 224, bicubic without antialiasing"""
    x = F.interpolate(image, (224, 224), mode="bicubic", align_corners=False) * 0.5 + 0.5
    return (x - MEAN) / STD


def features(tower, image):
    return tower(pixels(image), output_hidden_states=True).hidden_states[-2]


def sample(rng):
    while True:
        sc = data.sample_scene(rng)[1]
        if sc["attr"]["count"] == 1 and sc["attr"]["second"] is None:
            break
    a = sc["attr"]
    t0 = rng.randint(0, 16)
    return data.render(sc, 1, 96, 96, t0=t0)[:, 0], [FIELDS[k].index(a[k]) for k in FIELDS]


if __name__ == "__main__":
    work, steps = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    rng = random.Random(78)
    tower = build()
    probe = torch.nn.Linear(WIDTH, sum(map(len, FIELDS.values())))
    opt = torch.optim.AdamW(list(tower.parameters()) + list(probe.parameters()), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    t0 = time.time()
    for step in range(steps):
        for g in opt.param_groups:
            g["lr"] = 1e-3 * min(1, (step + 1) / 30) * max(0.03, min(1, 2 * (1 - step / steps)))
        xs, ls = zip(*[sample(rng) for _ in range(BATCH)])
        o, lab = probe(features(tower, torch.stack(xs))), torch.tensor(ls)
        loss, accs, k = 0, [], 0
        for i, (f, names) in enumerate(FIELDS.items()):
            lg, y = o[..., k:k + len(names)], lab[:, i:i + 1].expand(-1, o.shape[1])
            k += len(names)
            loss = loss + F.cross_entropy(lg.flatten(0, 1), y.flatten())
            accs.append((lg.argmax(-1) == y).float().mean().item())
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        opt.step()
        if step % 25 == 24:
            print(step + 1, f"{time.time() - t0:.0f}s loss {loss.item():.3f}", " ".join(f"{f} {a:.2f}" for f, a in zip(FIELDS, accs)), flush=True)
            torch.save(tower.state_dict(), f"{work}/clip.pt.tmp")
            os.replace(f"{work}/clip.pt.tmp", f"{work}/clip.pt")
