"""Write the diffusers directory of the image-to-video model.  usage: export_i2v.py WORK_DIR TEXT_TO_VIDEO_DIR OUT_DIR

Text encoder, tokenizer, VAE and scheduler are those of the text-to-video model. The transformer is stored in fp16, as the VAE is:
with fp32 it would be over 16 MB.
"""
import json
import os
import shutil
import sys

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanImageToVideoPipeline
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, CLIPImageProcessor, UMT5EncoderModel

import train_clip
import train_i2v


def published_names(out):
    """What the published Wan 2.1 directories have: the tower's keys under vision_model, the processor's usual class."""
    f = f"{out}/image_encoder/model.safetensors"
    state = load_file(f)
    save_file({k if k.startswith("vision_model.") else f"vision_model.{k}": v.clone() for k, v in state.items()}, f,
              metadata={"format": "pt"})
    f = f"{out}/model_index.json"
    index = json.load(open(f))
    index["image_processor"][1] = "CLIPImageProcessor"
    with open(f, "w") as o:
        json.dump(index, o, indent=2)
        o.write("\n")


def export(work, base, out):
    dit, tower = train_i2v.load(f"{work}/i2v.pt", "dit"), train_clip.build()
    tower.load_state_dict(torch.load(f"{work}/clip.pt"))
    pipe = WanImageToVideoPipeline(
        tokenizer=AutoTokenizer.from_pretrained(f"{base}/tokenizer"),
        text_encoder=UMT5EncoderModel.from_pretrained(f"{base}/text_encoder", torch_dtype=torch.float32).eval(),
        image_encoder=tower.eval(), image_processor=CLIPImageProcessor(size={"shortest_edge": 224}, crop_size=224),
        transformer=dit.half().eval(), vae=AutoencoderKLWan.from_pretrained(f"{base}/vae", torch_dtype=torch.float16).eval(),
        scheduler=UniPCMultistepScheduler.from_pretrained(f"{base}/scheduler"))
    shutil.rmtree(out, ignore_errors=True)
    pipe.save_pretrained(out)
    shutil.copy(f"{base}/tokenizer/spiece.model", f"{out}/tokenizer/spiece.model")
    published_names(out)
    settings = json.load(open(f"{base}/generation_config.json"))
    settings["task"], settings["guidanceScale"] = "image-to-video", 1.7
    with open(f"{out}/generation_config.json", "w") as f:
        json.dump(settings, f, indent=2)
        f.write("\n")


if __name__ == "__main__":
    export(*sys.argv[1:4])
    sizes = {os.path.join(r, f): os.path.getsize(os.path.join(r, f)) for r, _, fs in os.walk(sys.argv[3]) for f in fs}
    for f, n in sizes.items():
        if n > 100000:
            print(f"{os.path.relpath(f, sys.argv[3])} {n / 1e6:.2f} MB")
    print(f"total {sum(sizes.values()) / 1e6:.2f} MB")
