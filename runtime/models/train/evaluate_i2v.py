"""Image-to-video: does the clip start with the given image, and does it move as the prompt says?

usage: evaluate_i2v.py MODEL_DIR OUT_PREFIX [N=26] [SET=0] [STEPS=20] [CFG=4] [SHIFT=3]
       evaluate_i2v.py --calibrate N SET     the same detectors on ground-truth renders
The clips come from the stock WanImageToVideoPipeline in fp32, one image and one sample per prompt. The image is the
first frame of a scene that starts anywhere (data.vary_start); the rest of that scene is not used.
"""
import random
import sys
import time

import torch
from PIL import Image

import data
import evaluate

torch.set_num_threads(2)


def cases(n, seed):
    """-> [(prompt, attributes, scene)]"""
    rng = random.Random(5000 + seed)
    return [(p, a, data.vary_start(rng, data.scene_for(rng, a["motion"], a["shape"], a["color"], a["bg"])))
            for p, a in evaluate.eval_prompts(n, seed)]


def image_of(scene, size=96):
    x = ((data.render(scene, 1, size, size)[:, 0] + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(x.permute(1, 2, 0).numpy())


def psnr(a, b):
    return 10 * torch.log10(1 / (a - b).square().mean()).item()


def generate(pipe, prompt, image, seed, steps, cfg, size=96):
    """-> [3,17,H,W] in [0,1]"""
    v = pipe(image=image, prompt=prompt, negative_prompt="", height=size, width=size, num_frames=17,
             num_inference_steps=steps, guidance_scale=cfg, generator=torch.Generator().manual_seed(seed),
             max_sequence_length=512, output_type="pt").frames[0]
    return v.permute(1, 0, 2, 3).float().clamp(0, 1)


def pixels(image):
    return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(image.height, image.width, 3).permute(2, 0, 1) / 255


def load(model, shift):
    from diffusers import UniPCMultistepScheduler, WanImageToVideoPipeline
    pipe = WanImageToVideoPipeline.from_pretrained(model, torch_dtype=torch.float32)
    pipe.scheduler = UniPCMultistepScheduler.from_config(pipe.scheduler.config, flow_shift=shift)
    pipe.set_progress_bar_config(disable=True)
    return pipe


if __name__ == "__main__":
    arg = dict(enumerate(sys.argv))
    if sys.argv[1] == "--calibrate":
        evaluate.score([(p, a, evaluate.measure((data.render(sc, 17, 96, 96) + 1) / 2))
                        for p, a, sc in cases(int(sys.argv[2]), int(arg.get(3, 0)))])
        sys.exit()
    n, seed, steps, cfg, shift = int(arg.get(3, 26)), int(arg.get(4, 0)), int(arg.get(5, 20)), float(arg.get(6, 4)), float(arg.get(7, 3))
    pipe, t0 = load(sys.argv[1], shift), time.time()
    rows, first, clips = [], [], []
    for i, (p, a, sc) in enumerate(cases(n, seed)):
        image = image_of(sc)
        v = generate(pipe, p, image, 1000 * seed + i, steps, cfg)
        first.append(psnr(v[:, 0], pixels(image)))
        rows.append((p, a, evaluate.measure(v)))
        clips.append(torch.cat([pixels(image)[:, None], v], 1))
    print(f"{time.time() - t0:.0f} s for {n} clips; set {seed}, steps {steps}, guidance {cfg}, shift {shift}")
    print(f"first frame against the image: {sum(first) / n:.2f} dB mean, {min(first):.2f} dB least")
    evaluate.score(rows)
    evaluate.sheet(clips[:28], sys.argv[2] + ".png", frames=(0, 1, 5, 9, 13, 17))
