"""Train a wider VAE encoder for a decoder that stays.  usage: train_encoder.py WORK_DIR STEPS DECAY_STEPS [both]

Starts from WORK_DIR/vae_wide.pt (widen.py) and writes WORK_DIR/encoder.pt (`raw`, and `ema`, which is better). The decoder and
with it what a latent means stay, so the text-to-video transformer, which sees no encoder, goes on as it is. With `both` the
decoder learns along, on the latents of the new encoder and on those of the old one (WORK_DIR/vae.pt), which that transformer
makes: it must show both.

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
    return (vae_fast.encode(vae, x)[:, :, 1:].float() - held).square().mean() * 100


def of_new_latents(vae, before, x):
    return train_decoder.reconstruction(vae_fast.decode(vae, vae_fast.encode(vae, x)), x)


def of_both_latents(vae, before, x):
    with torch.no_grad():
        old = vae_fast.encode(before, x)
    shown = vae_fast.decode(vae, torch.cat([vae_fast.encode(vae, x), old + train_decoder.NOISE * torch.randn_like(old)]))
    return train_decoder.reconstruction(shown, torch.cat([x, x]))


def with_condition(reconstruction, before):
    def loss_of(vae, x, step):
        loss, psnr = reconstruction(vae, before, x)
        if step % CONDITION_EVERY != 0:
            return loss, psnr, ""
        kept = condition_error(vae, before, x)
        return loss + kept, psnr, f", condition {kept.item():.3f}"
    return loss_of


if __name__ == "__main__":
    work, steps, decay, both = sys.argv[1], *map(int, sys.argv[2:4]), "both" in sys.argv[4:]
    torch.set_num_threads(1)
    vae_fast.patch()
    vae, before = (vae_fast.load(torch.load(f"{work}/{name}.pt")) for name in ("vae_wide", "vae"))
    before.requires_grad_(False)
    for part in (vae.decoder, vae.post_quant_conv):
        part.requires_grad_(both)
    learn = lambda model: list(model.parameters()) if both else [*model.encoder.parameters(), *model.quant_conv.parameters()]
    loss_of = with_condition(of_both_latents if both else of_new_latents, before)
    goal = train_decoder.Goal("encoder", train_decoder.LR, 300, learn, loss_of)
    train_decoder.train(work, steps, decay, goal, vae)
