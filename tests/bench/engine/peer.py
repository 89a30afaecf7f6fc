"""peer.py ROW DIR fp32|bf16 SIZE... : the same row as wan-engine-bench, by diffusers and transformers; also the whole
pipeline (rows first-step and job)."""
import sys
import tempfile
import time

import torch

ROW, MODEL, PRECISION, SIZES = sys.argv[1], sys.argv[2], sys.argv[3], [int(s) for s in sys.argv[4:]]
DTYPE = torch.bfloat16 if PRECISION == "bf16" else torch.float32
SEED, TIMESTEP, TEXT_ROWS = 7, 500, 512


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(SEED), dtype=torch.float32)


def dit():
    from diffusers import WanTransformer3DModel
    frames, height, width, rows = SIZES
    model = WanTransformer3DModel.from_pretrained(MODEL, subfolder="transformer", torch_dtype=DTYPE)
    latents = noise(model.config.in_channels, frames, height, width)[None].to(DTYPE)
    text = torch.zeros(1, TEXT_ROWS, model.config.text_dim)
    text[0, :rows] = noise(rows, model.config.text_dim)
    time_step = torch.tensor([TIMESTEP])
    return lambda: model(latents, time_step, text.to(DTYPE), return_dict=False)[0]


def text():
    from transformers import UMT5EncoderModel
    model = UMT5EncoderModel.from_pretrained(MODEL, subfolder="text_encoder", torch_dtype=DTYPE)
    ids = torch.zeros(1, TEXT_ROWS, dtype=torch.long)
    mask = torch.zeros(1, TEXT_ROWS, dtype=torch.long)
    ids[0, : SIZES[0]] = torch.tensor([10 + 7 * i for i in range(SIZES[0])])
    mask[0, : SIZES[0]] = 1
    return lambda: model(ids, mask).last_hidden_state[0, : SIZES[0]]


def vae_decode():
    from diffusers import AutoencoderKLWan
    model = AutoencoderKLWan.from_pretrained(MODEL, subfolder="vae", torch_dtype=DTYPE)
    z = noise(model.config.z_dim, *SIZES)[None].to(DTYPE)
    return lambda: model.decode(z, return_dict=False)[0]


def vae_encode():
    from diffusers import AutoencoderKLWan
    model = AutoencoderKLWan.from_pretrained(MODEL, subfolder="vae", torch_dtype=DTYPE)
    video = noise(3, *SIZES)[None].clamp(-1, 1).to(DTYPE)
    mean, std = (torch.tensor(v).view(1, -1, 1, 1, 1) for v in (model.config.latents_mean, model.config.latents_std))
    return lambda: (model.encode(video, return_dict=False)[0].mean.float() - mean) / std


def pipeline(on_step):
    from diffusers import WanPipeline
    from diffusers.utils import export_to_video
    pipe = WanPipeline.from_pretrained(MODEL, torch_dtype=DTYPE)
    pipe.set_progress_bar_config(disable=True)
    clip = pipe("a red ball moves right", negative_prompt="", height=96, width=96, num_frames=17, num_inference_steps=20,
                guidance_scale=4.0, generator=torch.Generator("cpu").manual_seed(SEED), callback_on_step_end=on_step)
    with tempfile.TemporaryDirectory() as folder:
        export_to_video(clip.frames[0], folder + "/clip.mp4", fps=16)


def say_first_step(_pipe, step, _timestep, tensors):
    if step == 0:
        print("first step", flush=True)
    return tensors


def main():
    if ROW in ("first-step", "job"):
        return pipeline(say_first_step)
    with torch.inference_mode():
        run = {"dit": dit, "text": text, "vae-decode": vae_decode, "vae-encode": vae_encode}[ROW]()
        print("ready", float(torch.linalg.vector_norm(run().double())), flush=True)
        for _ in sys.stdin:
            started = time.monotonic()
            run()
            print(time.monotonic() - started, flush=True)


main()
