"""Train a wider VAE encoder for a decoder that stays.  usage: train_encoder.py WORK_DIR STEPS DECAY_STEPS

Starts from WORK_DIR/vae_wide.pt (widen.py) and writes WORK_DIR/encoder.pt (`raw`, and `ema`, which is better). The decoder and
with it what a latent means stay, so the text-to-video transformer, which sees no encoder, goes on as it is.

The loss is train_decoder.py's. One step of four looks at a picture and empty frames, the condition of image-to-video, where the
latents behind the first are held where they were: the transformer knows them and no decoder tells what they should be.
"""
import sys

import torch

import train_decoder
import vae_fast

CONDITION_EVERY = 4


def condition_error(vae, before, x):
    """Squared distance from the old latents of a picture and empty frames, the first latent left out, in units of 0.1."""
    x = torch.cat([x[:, :, :1], torch.zeros_like(x[:, :, 1:9])], 2)
    with torch.no_grad():
        held = vae_fast.encode(before, x)[:, :, 1:]
    return (vae_fast.encode(vae, x)[:, :, 1:] - held).square().mean() * 100


def encoder_loss(before):
    def loss_of(vae, x, step):
        loss, psnr = train_decoder.reconstruction(vae_fast.decode(vae, vae_fast.encode(vae, x)), x)
        if step % CONDITION_EVERY != 0:
            return loss, psnr, ""
        kept = condition_error(vae, before, x)
        return loss + kept, psnr, f", condition {kept.item():.3f}"
    return loss_of


if __name__ == "__main__":
    work, steps, decay = sys.argv[1], *map(int, sys.argv[2:4])
    torch.set_num_threads(1)
    vae_fast.patch()
    vae, before = (vae_fast.load(torch.load(f"{work}/{name}.pt")) for name in ("vae_wide", "vae"))
    before.requires_grad_(False)
    for part in (vae.decoder, vae.post_quant_conv):
        part.requires_grad_(False)
    learn = lambda model: [*model.encoder.parameters(), *model.quant_conv.parameters()]
    goal = train_decoder.Goal("encoder", train_decoder.LR, 300, learn, encoder_loss(before))
    train_decoder.train(work, steps, decay, goal, vae)
