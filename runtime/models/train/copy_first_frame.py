"""One block more at the front, whose self-attention looks at the same place of the first frame.

usage: copy_first_frame.py WORK_DIR     adds it to WORK_DIR/i2v.pt

Queries and keys are the same for every token but for the rotary embedding, so their product is largest where height and
width are equal; one pair of dimensions that the embedding hardly turns tells keys of the given frame (mask 1) from the
others. What is found there adds nothing at first (the output projection is zero), so the model computes what it did
before; but a gradient step need not discover where to look, only what to take over.

That is worth a block because training alone did not find it: a linear map of the first frame's latent at the same place
predicts the later latents of a still clip with a quarter of the squared error that the model had after 2,000 steps.
"""
import sys

import torch

import train_dit
import train_i2v
import wan_fast

HEAD = train_dit.HEAD_DIM
HEIGHT, WIDTH = HEAD - 4 * (HEAD // 6), HEAD - 2 * (HEAD // 6)  # where the embedding's parts for height and width begin
GIVEN = HEIGHT - 2  # the slowest pair of the part for time
PLACE, FARTHER, MASK = 8 ** 0.5, 4 ** 0.5, 8 ** 0.5  # of the norm 32 that a head has on average
SHARPNESS = 2.5


class Stop(Exception):
    pass


@torch.no_grad()
def attention_inputs(dit, work, batches=8):
    """What the first self-attention sees on training batches, and whether each token is of the given frame: [N,d], [N]"""
    seen = []

    def keep(attn, inputs):
        seen.append(inputs[0])
        raise Stop
    wan_fast.use_fast(dit)
    hook = dit.blocks[0].attn1.register_forward_pre_hook(keep)
    for x, t, e, img in train_i2v.probes(work, batches):
        try:
            wan_fast.forward(dit, x, t, e, img)
        except Stop:
            pass
    hook.remove()
    x = torch.stack(seen)
    given = torch.zeros(x.shape[:3])
    given[:, :, :x.shape[2] // 5] = 1
    return x.flatten(0, 2), given.flatten()


@torch.no_grad()
def look_at_first_frame(attn, x, given):
    ones = torch.ones(len(x), 1)
    target = (2 * given - 1) * MASK
    fit = torch.linalg.lstsq(torch.cat([x, ones], 1), target[:, None]).solution[:, 0]
    print(f"a token of the given frame is told with an error of {((torch.cat([x, ones], 1) @ fit - target) / MASK).square().mean().sqrt():.3f}")
    for projection in (attn.to_q, attn.to_k):
        projection.weight.zero_()
        projection.bias.zero_()
        for start in range(0, len(projection.bias), HEAD):
            for part in (HEIGHT, WIDTH):
                projection.bias[start + part], projection.bias[start + part + 2] = PLACE, FARTHER
    attn.to_q.bias[GIVEN::HEAD] = MASK
    attn.to_k.weight[GIVEN::HEAD], attn.to_k.bias[GIVEN::HEAD] = fit[:-1], fit[-1]
    for norm in (attn.norm_q, attn.norm_k):
        norm.weight.fill_(SHARPNESS)
    attn.to_v.weight.copy_(torch.eye(len(attn.to_v.bias)))
    attn.to_v.bias.zero_()


if __name__ == "__main__":
    torch.set_num_threads(2)
    work = sys.argv[1]
    state = torch.load(f"{work}/i2v.pt")["dit"]
    state = train_dit.grown(state, train_dit.layers_of(state) + 1, new={0})
    dit = train_i2v.build(train_dit.layers_of(state))
    dit.load_state_dict(state)
    look_at_first_frame(dit.blocks[0].attn1, *attention_inputs(dit, work))
    torch.save(dict(dit=dit.state_dict(), raw=dit.state_dict()), f"{work}/i2v.pt")
