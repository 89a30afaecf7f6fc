"""A contact sheet of eight prompts with the stock WanPipeline.  usage: samples.py MODEL_DIR OUT_DIR [HxW STEPS CFG SHIFT]"""
import os
import sys
import time

import torch
from diffusers import UniPCMultistepScheduler, WanPipeline

import evaluate

model, out = sys.argv[1:3]
a = dict(enumerate(sys.argv))
H, W = map(int, a.get(3, "96x96").split("x"))
steps, cfg, shift = int(a.get(4, 20)), float(a.get(5, 4)), float(a.get(6, 3))
torch.set_num_threads(2)
os.makedirs(out, exist_ok=True)
pipe = WanPipeline.from_pretrained(model, torch_dtype=torch.float32)
pipe.scheduler = UniPCMultistepScheduler.from_config(pipe.scheduler.config, flow_shift=shift)
pipe.set_progress_bar_config(disable=True)
PROMPTS = ["a red ball moves to the right on a blue background", "a yellow star spins on a purple background",
           "a green square falls to the ground on a white background", "a pink heart grows on a black background",
           "an orange ring moves to the left on a cyan background", "a white ball bounces up and down on a green background",
           "A purple triangle is rising up. The background is yellow.", "a black ball shrinks on an orange background"]
clips = []
for i, p in enumerate(PROMPTS):
    s = time.time()
    v = pipe(prompt=p, negative_prompt="", height=H, width=W, num_frames=17, num_inference_steps=steps, guidance_scale=cfg,
             generator=torch.Generator().manual_seed(i), output_type="pt").frames[0]  # T,3,H,W in [0,1]
    print(f"{time.time() - s:.2f} s  {p}", flush=True)
    v = v.permute(1, 0, 2, 3).float().clamp(0, 1)
    clips.append(v)
evaluate.sheet(clips, f"{out}/samples.png", cols=1, frames=range(0, 17, 2))
open(f"{out}/prompts.txt", "w").write("\n".join(f"row {i}, seed {i}: {p}" for i, p in enumerate(PROMPTS)) + "\n")
