"""The scratch files that training goes on from, out of a finished model.  usage: unpack.py MODEL_DIR WORK_DIR

vae_enc.pt and vae.pt, stats.pt (of the latents), t5.pt, tokenizer/, and dit.pt, which train_dit.py takes to resume; a
transformer of fewer blocks than train_dit.py builds is given the missing ones, which add nothing at first. Of an
image-to-video model i2v.pt, which train_i2v.py takes to resume, and clip.pt.
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import load_file

import train_clip
import train_dit
import train_i2v

model, work = sys.argv[1:3]
os.makedirs(work, exist_ok=True)
vae = load_file(f"{model}/vae/diffusion_pytorch_model.safetensors")
for name in ("vae_enc.pt", "vae.pt"):
    torch.save(vae, f"{work}/{name}")
config = json.load(open(f"{model}/vae/config.json"))
torch.save({k: torch.tensor(config[f"latents_{k}"]) for k in ("mean", "std")}, f"{work}/stats.pt")
dit, t5 = train_dit.build()
text = load_file(f"{model}/text_encoder/model.safetensors")
text["encoder.embed_tokens.weight"] = text["shared.weight"]
t5.load_state_dict(text)
torch.save(t5.state_dict(), f"{work}/t5.pt")
transformer = load_file(f"{model}/transformer/diffusion_pytorch_model.safetensors")
if json.load(open(f"{model}/transformer/config.json"))["in_channels"] == 16:
    dit.load_state_dict(train_dit.grown(transformer, train_dit.LAYERS))
    torch.save(dict(dit=dit.state_dict(), raw_dit=dit.state_dict(), t5=t5.state_dict(), raw_t5=t5.state_dict()), f"{work}/dit.pt")
else:
    torch.save(dict(dit=transformer, raw=transformer), f"{work}/i2v.pt")
    tower = load_file(f"{model}/image_encoder/model.safetensors")
    torch.save({k.removeprefix("vision_model."): v for k, v in tower.items()}, f"{work}/clip.pt")
shutil.copytree(f"{model}/tokenizer", f"{work}/tokenizer", dirs_exist_ok=True)
