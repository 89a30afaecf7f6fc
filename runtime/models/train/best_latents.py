"""What the decoder could do with better latents.  usage: best_latents.py MODEL_DIR CLIPS STEPS

Takes some of the 16 clips that train_decoder.py measures (CLIPS: "0,3,7,12"), starts from what the encoder says of them and
moves the latents down the gradient of the error, decoder and encoder untouched. The difference is what the encoder loses.
"""
import sys

import torch
from safetensors.torch import load_file

import train_decoder
import vae_fast


if __name__ == "__main__":
    model, wanted, steps = sys.argv[1], [int(i) for i in sys.argv[2].split(",")], int(sys.argv[3])
    vae_fast.patch()
    vae = vae_fast.load(load_file(f"{model}/vae/diffusion_pytorch_model.safetensors"))
    vae.requires_grad_(False)
    drawn = train_decoder.unseen_clips(max(wanted) + 1)
    x = torch.stack([drawn[i] for i in wanted])
    first = vae_fast.encode(vae, x)
    z = first.clone().requires_grad_(True)
    adam = torch.optim.Adam([z], betas=(0.9, 0.95))
    for step in range(steps + 1):
        adam.param_groups[0]["lr"] = 0.03 * min(1, (steps - step) / (0.4 * steps) + 0.02)
        y = vae_fast.decode(vae, z)
        if step % 10 == 0:
            error = (y.detach().clamp(-1, 1) - x).square().mean((1, 2, 3, 4))
            psnr = -10 * torch.log10(error / 4)
            print(f"step {step}: {psnr.mean():.2f} dB ({', '.join(f'{p:.2f}' for p in psnr)}), latents moved by "
                  f"{((z.detach() - first).norm() / first.norm()).item():.3f} of their length", flush=True)
        adam.zero_grad()
        (y - x).square().mean((1, 2, 3, 4)).log().sum().backward()
        adam.step()
