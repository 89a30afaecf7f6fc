"""Synthetic world for wan-tiny: a prompt grammar and an anti-aliased renderer.

sample_scene(rng) -> (prompt, scene)      one random fully described scene
scene_for(...)    -> scene                 a scene from explicit attributes
render(scene, T, H, W, crop=...) -> float tensor [3, T, h, w] in [-1, 1]
"""
import math
import random

import torch

COLORS = {
    "red": (0.88, 0.10, 0.10), "orange": (1.00, 0.52, 0.05), "yellow": (0.98, 0.86, 0.12),
    "green": (0.12, 0.66, 0.20), "cyan": (0.10, 0.80, 0.82), "blue": (0.12, 0.26, 0.88),
    "purple": (0.50, 0.14, 0.70), "pink": (1.00, 0.46, 0.72), "white": (0.96, 0.96, 0.96),
    "black": (0.06, 0.06, 0.07), "gray": (0.55, 0.55, 0.56),
}
OBJ_COLORS = [c for c in COLORS if c != "gray"]
COLOR_WORDS = {
    "red": ["red"] * 6 + ["crimson", "scarlet", "bright red", "dark red"],
    "orange": ["orange"] * 6 + ["bright orange"],
    "yellow": ["yellow"] * 6 + ["golden", "bright yellow"],
    "green": ["green"] * 6 + ["bright green", "emerald"],
    "cyan": ["cyan"] * 5 + ["turquoise", "teal", "aqua"],
    "blue": ["blue"] * 6 + ["bright blue", "dark blue"],
    "purple": ["purple"] * 5 + ["violet"],
    "pink": ["pink"] * 5 + ["magenta"],
    "white": ["white"] * 6 + ["snow white"],
    "black": ["black"] * 6 + ["dark"],
    "gray": ["gray", "grey", "gray", "grey", "light gray"],
}
# which pairs are too close to be told apart well
CLOSE = [{"white", "gray"}, {"red", "pink"}, {"orange", "yellow"}, {"red", "orange"}, {"blue", "purple"}]
PLACES = {
    "blue": ["in the sky", "in the blue sky", "in the sea", "over the ocean", "under water"],
    "green": ["on grass", "on the grass", "over a meadow", "in a green field"],
    "black": ["in space", "at night", "in the night sky", "in the dark"],
    "white": ["in the snow", "on snow", "on paper"],
    "yellow": ["on sand", "in the desert"],
    "orange": ["at sunset"],
}
SHAPES = ["ball", "square", "triangle", "star", "heart", "ring"]
SHAPE_WORDS = {
    "ball": ["ball"] * 4 + ["circle"] * 2 + ["sphere", "disc", "dot", "round ball"],
    "square": ["square"] * 4 + ["box", "cube", "block"],
    "triangle": ["triangle"] * 4 + ["pyramid"],
    "star": ["star"], "heart": ["heart"] * 4 + ["love heart"],
    "ring": ["ring"] * 4 + ["donut", "hoop", "doughnut"],
}
MOTIONS = ["right", "left", "up", "down", "grow", "shrink", "spin", "bounce", "orbit", "fall",
           "still", "pulse", "sway"]
MOTION_P = [13, 13, 11, 8, 9, 9, 9, 10, 8, 7, 6, 5, 6]
_MOVE = [("moves", "moving")] * 4 + [("slides", "sliding"), ("travels", "travelling"), ("goes", "going"),
         ("drifts", "drifting"), ("glides", "gliding"), ("flies", "flying"), ("floats", "floating"),
         ("runs", "running")]
# motion -> list of ((third person, participle) verbs, complements)
VERBS = {
    "right": (_MOVE + [("rolls", "rolling")] * 2,
              ["to the right"] * 4 + ["right"] * 3 + ["rightward", "from left to right", "from left to right",
               "towards the right", "from the left to the right", "to the right side"]),
    "left": (_MOVE + [("rolls", "rolling")] * 2,
             ["to the left"] * 4 + ["left"] * 3 + ["leftward", "from right to left", "from right to left",
              "towards the left", "from the right to the left", "to the left side"]),
    "up": (_MOVE[:8] + [("rises", "rising"), ("flies", "flying"), ("floats", "floating"), ("climbs", "climbing")],
           ["up"] * 4 + ["upward", "upwards", "from bottom to top", "to the top", "towards the top"]),
    "down": (_MOVE[:8] + [("sinks", "sinking"), ("floats", "floating")],
             ["down"] * 4 + ["downward", "downwards", "from top to bottom", "to the bottom"]),
    "grow": ([("grows", "growing")] * 4 + [("expands", "expanding"), ("inflates", "inflating"),
              ("gets bigger", "getting bigger"), ("gets larger", "getting larger"),
              ("becomes bigger", "becoming bigger"), ("grows bigger", "growing bigger")], [""] * 6 + ["in size", "in place"]),
    "shrink": ([("shrinks", "shrinking")] * 4 + [("gets smaller", "getting smaller"),
                ("becomes smaller", "becoming smaller"), ("contracts", "contracting"),
                ("shrinks away", "shrinking away")], [""] * 6 + ["in size", "in place"]),
    "spin": ([("spins", "spinning")] * 3 + [("rotates", "rotating")] * 3 + [("turns", "turning"), ("twirls", "twirling")],
             [""] * 4 + ["around", "in place", "clockwise", "quickly"]),
    "bounce": ([("bounces", "bouncing")] * 5 + [("jumps", "jumping"), ("hops", "hopping")],
               [""] * 4 + ["up and down"] * 3 + ["on the ground", "on the floor"]),
    "orbit": ([("orbits", "orbiting"), ("circles", "circling")] +
              [("moves", "moving"), ("goes", "going"), ("flies", "flying")], None),
    "fall": ([("falls", "falling")] * 4 + [("drops", "dropping")] * 2,
             [""] * 3 + ["down"] * 3 + ["to the ground", "from the sky", "from above", "to the floor"]),
    "still": ([("stays", "staying"), ("stands", "standing"), ("sits", "sitting"), ("remains", "remaining"),
               ("rests", "resting"), ("is", "being")], ["still"] * 4 + ["in place", "motionless", "without moving"]),
    "pulse": ([("pulses", "pulsing"), ("pulsates", "pulsating"), ("beats", "beating"), ("throbs", "throbbing")],
              [""] * 4 + ["in place", "gently"]),
    "sway": ([("sways", "swaying"), ("swings", "swinging"), ("moves", "moving"), ("slides", "sliding"),
              ("rocks", "rocking")], ["from side to side"] * 3 + ["side to side", "left and right", "back and forth"]),
}
NUM = {1: ["one"], 2: ["two", "two", "2", "a pair of"], 3: ["three", "three", "3"]}
SIZES = {"small": ["small", "small", "little", "tiny"], "big": ["big", "big", "large", "huge"]}
FLUFF_ADJ = ["shiny", "cute", "smooth", "beautiful", "simple", "nice", "glossy", "soft", "cartoon", "lovely", "colorful"]
PREFIX = ["a video of ", "an animation of ", "a clip of ", "video of ", "a short video of ", "animation: ",
          "a scene with ", "an animated clip showing ", "this is ", "there is ", "please show ", "show me ",
          "a movie of ", "a cartoon of ", "we see "]
SUFFIX = [", high quality", ", smooth motion", ", 3d render", ", simple animation", ", cartoon style",
          ", minimalist", ", best quality", ", soft light", ", flat design", ", 4k", " in the video"]
THIRD_PLURAL = {"is": "are", "goes": "go", "flies": "fly", "gets bigger": "get bigger", "gets larger": "get larger",
                "gets smaller": "get smaller", "becomes bigger": "become bigger", "becomes smaller": "become smaller",
                "grows bigger": "grow bigger", "shrinks away": "shrink away", "rises": "rise", "bounces": "bounce",
                "rotates": "rotate", "pulses": "pulse", "pulsates": "pulsate", "circles": "circle",
                "moves": "move", "slides": "slide", "glides": "glide", "inflates": "inflate"}


def _plural_verb(v):
    return THIRD_PLURAL.get(v, v[:-1])


def _plural(s):
    return {"box": "boxes", "round ball": "round balls"}.get(s, s + "s")


def _an(s):
    return ("an " if s[:1].lower() in "aeiou" else "a ") + s


# ----------------------------------------------------------------------------- scenes
def contrast_ok(a, b):
    return a != b and {a, b} not in CLOSE


def sample_scene(rng, aspect=1.0, weights=MOTION_P):
    """Draw attributes, the prompt that describes them, and the scene. `weights`: of MOTIONS."""
    motion = rng.choices(MOTIONS, weights)[0]
    shape = rng.choice(SHAPES)
    if motion == "spin":
        shape = rng.choice(["square", "triangle", "star", "heart", "square", "triangle", "star", "heart", "ring", "ball"])
    color = rng.choice(OBJ_COLORS)
    bg_named = rng.random() < 0.9
    while True:
        bg = rng.choice(list(COLORS)) if bg_named else rng.choice(["gray", "gray", "white", "blue", "black"])
        if contrast_ok(color, bg):
            break
    count = rng.choices([1, 2, 3], [84, 11, 5])[0]
    second = None
    if count == 1 and rng.random() < 0.10:
        while True:
            c2, s2 = rng.choice(OBJ_COLORS), rng.choice(SHAPES)
            if contrast_ok(c2, bg) and c2 != color and s2 != shape:
                break
        second = (c2, s2)
        motion = rng.choice(["still", "still", "spin", "grow", "shrink", "up", "down", "bounce", "fall", "pulse"])
    size = rng.choices([None, "small", "big"], [76, 12, 12])[0] if second is None else None
    speed = None
    if motion in ("right", "left", "up", "down") and rng.random() < 0.12:
        speed = rng.choice(["slow", "fast"])
    scene = scene_for(rng, motion, shape, color, bg, count, second, size, speed, aspect)
    scene["named"] = bg_named
    return make_prompt(rng, scene["attr"], bg_named), scene


def make_prompt(rng, a, bg_named=True):
    # subject
    def noun(color, shape, plural=False):
        w = rng.choice(SHAPE_WORDS[shape])
        w = _plural(w) if plural else w
        parts = []
        if a["size"]:
            parts.append(rng.choice(SIZES[a["size"]]))
        if rng.random() < 0.08:
            parts.append(rng.choice(FLUFF_ADJ))
        parts.append(rng.choice(COLOR_WORDS[color]))
        parts.append(w)
        return " ".join(parts)

    plural = a["count"] > 1 or a["second"] is not None
    tag_style = rng.random() < 0.12
    if a["second"] is not None:
        n1, n2 = noun(a["color"], a["shape"]), noun(*a["second"])
        join = rng.choice([" and ", " and ", " and ", " next to ", " beside "])
        subj = f"{_an(n1)}{join}{_an(n2)}"
    elif a["count"] > 1:
        subj = rng.choice(NUM[a["count"]]) + " " + noun(a["color"], a["shape"], True)
    else:
        n = noun(a["color"], a["shape"])
        subj = n if tag_style or rng.random() < 0.08 else rng.choice([_an(n)] * 6 + ["the " + n, "one " + n])
    # verb phrase
    m = a["motion"]
    vs, comps = VERBS[m]
    v3, ving = rng.choice(vs)
    if m == "orbit":
        comp = rng.choice(["around the center", "around", "the center"]) if v3 in ("orbits", "circles") else \
            rng.choice(["in a circle", "in a circle", "in circles", "around in a circle", "around the center"])
    else:
        comp = rng.choice(comps)
    if a["motion"] == "still" and rng.random() < 0.2:
        comp = "still"
    adv = ""
    if a["speed"]:
        adv = rng.choice({"slow": ["slowly", "slowly", "gently"], "fast": ["quickly", "fast", "rapidly"]}[a["speed"]])
    form = rng.random()
    if tag_style:
        vp = ving
    elif form < 0.5:
        vp = _plural_verb(v3) if plural else v3
    elif form < 0.72:
        vp = ving
    elif form < 0.9:
        vp = ("are " if plural else "is ") + ving
    else:
        vp = "that " + (_plural_verb(v3) if plural else v3)
    if m == "still" and rng.random() < 0.25:
        vp, comp = "", rng.choice(["", "not moving", "static"])
    vp = " ".join(x for x in ((adv, vp, comp) if adv and rng.random() < 0.3 and form < 0.5 else (vp, comp, adv)) if x)
    # background
    bgp = ""
    bgw = rng.choice(COLOR_WORDS[a["bg"]])
    if bg_named:
        r = rng.random()
        word = rng.choice(["background"] * 8 + ["backdrop", "wall", "screen"])
        if r < 0.08 and a["bg"] in PLACES:
            bgp = rng.choice(PLACES[a["bg"]])
        elif r < 0.14:
            bgp = "on " + bgw
        else:
            prep = rng.choice(["on", "on", "on", "against", "over", "with", "in front of", "across"])
            bgp = f"{prep} {_an(bgw + ' ' + word)}"
    # order
    r = rng.random()
    if tag_style:
        items = [subj, vp]
        if bg_named:
            items.append(f"{bgw} background")
        if rng.random() < 0.3:
            rng.shuffle(items)
        p = ", ".join(x for x in items if x)
    elif bgp and r < 0.15:
        p = f"{bgp}, {subj} {vp}"
    elif bgp and r < 0.27:
        p = f"{subj} {bgp} {vp}"
    elif bgp and r < 0.33:
        p = f"{subj} {vp}. The background is {bgw}"
    elif bgp and r < 0.37:
        p = f"{subj} {vp}, {bgw} background"
    else:
        p = f"{subj} {vp} {bgp}"
    if rng.random() < 0.18:
        p = rng.choice(PREFIX) + p
    if rng.random() < 0.08:
        p += rng.choice(SUFFIX)
    p = " ".join(p.split())
    if rng.random() < 0.5:
        p = p[0].upper() + p[1:]
    if rng.random() < 0.35:
        p += "."
    return p


def _jit(rng, c, s=0.015):
    return tuple(min(1.0, max(0.0, x + rng.uniform(-s, s))) for x in c)


def scene_for(rng, motion, shape, color, bg, count=1, second=None, size=None, speed=None, aspect=1.0):
    """aspect = W / H.  Lengths are in units of the shorter side; origin at the centre, y down."""
    hw, hh = (aspect / 2, 0.5) if aspect >= 1 else (0.5, 0.5 / aspect)  # half extents
    attr = dict(motion=motion, shape=shape, color=color, bg=bg, count=count, second=second, size=size, speed=speed)
    multi = count > 1 or second is not None
    r = {None: rng.uniform(0.165, 0.20), "small": rng.uniform(0.095, 0.115), "big": rng.uniform(0.255, 0.285)}[size]
    if multi:
        r *= 0.82 if count < 3 else 0.66
    n = 2 if second is not None else count
    gap = 0.25 if n == 2 else 0.31
    if n == 3 and size == "big":
        gap = 0.36
    # a line of objects: along y for horizontal motion, else along x
    offs = [(i - (n - 1) / 2) * 2 * gap if n == 2 else (i - 1) * gap for i in range(n)] if n > 1 else [0.0]
    horizontal = motion in ("right", "left", "sway")
    objs = []
    jx, jy = rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05)
    phase = rng.uniform(-0.1, 0.1)
    base_rot = rng.uniform(-0.12, 0.12) if shape in ("square", "triangle", "star", "heart") else 0.0
    amp = {None: rng.uniform(0.26, 0.30), "slow": rng.uniform(0.13, 0.16), "fast": rng.uniform(0.34, 0.38)}[speed]
    for i, o in enumerate(offs):
        ox, oy = (0.0, o) if horizontal else (o, 0.0)
        sh, co = (shape, color) if not (second and i == 1) else (second[1], second[0])
        objs.append(dict(shape=sh, color=_jit(rng, COLORS[co]), r=r, x=ox, y=oy))
    return dict(attr=attr, objs=objs, motion=motion, amp=amp, jx=jx, jy=jy, phase=phase, rot=base_rot, r=r,
                hw=hw, hh=hh, bg=_jit(rng, COLORS[bg]), multi=multi, n=n, grad=rng.uniform(0.75, 1.0),
                turn=rng.uniform(0.62, 0.75))


def vary_start(rng, sc):
    """A scene for image-to-video: what the first frame shows must not give the motion away, so that the prompt has to.

    Straight motions start anywhere that leaves them room, and objects may be larger or smaller than in text-to-video.
    """
    m, r = sc["motion"], sc["r"]
    if sc["multi"]:
        return sc
    if m in ("right", "left", "up", "down"):
        half, side = (sc["hw"], sc["hh"]) if m in ("right", "left") else (sc["hh"], sc["hw"])
        sign = 1 if m in ("right", "down") else -1
        reach = half - 0.8 * r
        start = rng.uniform(-reach, max(-reach, reach - 0.30))
        way = min(2 * sc["amp"] * rng.uniform(0.8, 1.1), reach - start)
        sc["line"] = (sign * start, sign * (start + way))
        sc["jx"] = sc["jy"] = rng.uniform(-1, 1) * min(0.2, side - r - 0.05)
    elif m == "grow":
        sc["objs"][0]["r"] = sc["r"] = r * rng.uniform(0.95, 1.35)
    elif m == "shrink":
        sc["objs"][0]["r"] = sc["r"] = r * rng.uniform(0.70, 1.05)
    elif m in ("spin", "still", "pulse"):
        room = max(0.0, min(0.25, min(sc["hw"], sc["hh"]) - 1.35 * r))
        sc["jx"], sc["jy"] = rng.uniform(-room, room), rng.uniform(-room, room)
    return sc


def tracks(sc, o, t):
    """t in [0,1] -> x, y, radius, angle, squash for one object (tensors over time)."""
    m, r = sc["motion"], o["r"]
    one = torch.ones_like(t)
    x, y = (o["x"] + (sc["jx"] if not sc["multi"] else 0)) * one, (o["y"] + (sc["jy"] if not sc["multi"] else 0)) * one
    rad, ang, sq = r * one, sc["rot"] * one, one.clone()
    ax = min(sc["amp"] + (sc["hw"] - 0.5), sc["hw"] - 0.8 * r)
    ay = min(sc["amp"] + (sc["hh"] - 0.5), sc["hh"] - 0.8 * r)
    if "line" in sc:
        a, b = sc["line"]
        if m in ("right", "left"):
            x = a + (b - a) * t
        else:
            y = a + (b - a) * t
    elif m in ("right", "left"):
        s = 1 if m == "right" else -1
        x = s * ax * (2 * t - 1)
    elif m in ("up", "down"):
        s = 1 if m == "down" else -1
        y = s * ay * (2 * t - 1)
    elif m == "grow":
        rad = r * (0.45 + 1.0 * t)
    elif m == "shrink":
        rad = r * (1.45 - 1.0 * t)
    elif m == "spin":
        ang = ang + sc["turn"] * 2 * math.pi * t
        if o["shape"] == "ring":
            ang = sc["rot"] * one
    elif m == "bounce":
        floor = sc["hh"] - 0.06 - r
        h = min(0.48, floor + sc["hh"] - r - 0.04)
        ph = (2 * t + 0.5) % 1.0
        hop = 4 * ph * (1 - ph)
        y = floor - h * hop
        sq = 1 - 0.22 * torch.exp(-((hop / 0.18) ** 2))
        y = y + r * (1 - sq)
    elif m == "orbit":
        R = min(0.27, sc["hw"] - r - 0.03)
        a = 2 * math.pi * t * 0.94 + sc["phase"] - math.pi / 2
        ox = torch.tensor(o["x"]).atan2(torch.tensor(1e-6)) * 2 if sc["n"] == 2 else torch.tensor(o["x"] * 2 * math.pi / 0.93)
        a = a + (ox if sc["n"] > 1 else 0)
        x, y = R * a.cos(), R * a.sin()
        rad = rad * 0.85
    elif m == "fall":
        top, floor = -sc["hh"] + r * 0.9, sc["hh"] - 0.05 - r
        u = (t / 0.85).clamp(max=1.0)
        y = top + (floor - top) * u * u
    elif m == "pulse":
        rad = r * (1 + 0.32 * (2 * math.pi * 2 * t).sin())
    elif m == "sway":
        x = (0.24 + (sc["hw"] - 0.5) * 0.5) * (2 * math.pi * t).sin()
    return x, y, rad, ang, sq


def _sdf(shape, u, v):
    """Signed distance (approximate) in units of the object radius."""
    if shape == "ball":
        return (u * u + v * v).sqrt() - 1.0
    if shape == "ring":
        return ((u * u + v * v).sqrt() - 0.74).abs() - 0.27
    if shape == "square":
        dx, dy = u.abs() - 0.72, v.abs() - 0.72
        return (dx.clamp(min=0) ** 2 + dy.clamp(min=0) ** 2).sqrt() + torch.maximum(dx, dy).clamp(max=0) - 0.12
    if shape == "triangle":
        v = v - 0.22
        return torch.maximum(u.abs() * 0.8660 - v * 0.5, v) - 0.60
    if shape == "star":
        a = torch.atan2(u, -v)
        rr = (u * u + v * v).sqrt()
        k = 2 * math.pi / 5
        a = (a + k / 2).remainder(k) - k / 2
        px, py = rr * a.sin().abs(), rr * a.cos()
        # edge from the tip (0, 1.12) to the notch (0.5*sin36, 0.5*cos36)
        ex, ey = 0.54 * math.sin(k / 2), 0.54 * math.cos(k / 2) - 1.12
        L = math.hypot(ex, ey)
        return -(px * ey - (py - 1.12) * ex) / L
    if shape == "heart":
        x, y = u.abs() * 0.60, -v * 0.60 + 0.56
        d1 = ((x - 0.25) ** 2 + (y - 0.75) ** 2).sqrt() - math.sqrt(2) / 4
        mm = (0.5 * (x + y)).clamp(min=0)
        d2 = torch.sqrt(torch.minimum(x ** 2 + (y - 1.0) ** 2, (x - mm) ** 2 + (y - mm) ** 2)) * torch.sign(x - y)
        return torch.where(x + y > 1.0, d1, d2) / 0.60
    raise ValueError(shape)


def render(sc, T=17, H=128, W=128, crop=None, t0=0, t_total=17):
    """-> [3,T,h,w] in [-1,1]; crop=(y,x,h,w) renders only that window; frames t0..t0+T of t_total."""
    y0, x0, h, w = crop or (0, 0, H, W)
    S = min(H, W)
    ys = ((torch.arange(h) + y0 + 0.5) - H / 2) / S
    xs = ((torch.arange(w) + x0 + 0.5) - W / 2) / S
    Y, X = ys.view(1, h, 1), xs.view(1, 1, w)
    t = (torch.arange(T) + t0).float() / (t_total - 1)
    fy, fx = (Y / sc["hh"] + 1) / 2, (X / sc["hw"] + 1) / 2  # 0 top/left .. 1 bottom/right
    f = (0.75 * fy + 0.25 * fx).unsqueeze(0)
    vig = (1 - 0.20 * ((2 * fx - 1) ** 4 + (2 * fy - 1) ** 4) / 2).unsqueeze(0)
    g = sc["grad"]
    bg = torch.tensor(sc["bg"]).view(3, 1, 1, 1)
    img = ((bg + (1 - bg) * 0.16 * g * (1 - f) - bg * 0.18 * g * f) * vig).expand(3, T, h, w).contiguous()
    for o in sc["objs"]:
        x, y, rad, ang, sq = tracks(sc, o, t)
        # window that the object and its shadow can touch over the whole clip
        m = rad * 1.75
        x1, x2 = int(((x - m).min() * S + W / 2 - x0).floor()), int(((x + m).max() * S + W / 2 - x0).ceil())
        y1, y2 = int(((y - m).min() * S + H / 2 - y0).floor()), int(((y + m).max() * S + H / 2 - y0).ceil())
        x1, x2, y1, y2 = max(x1, 0), min(x2, w), max(y1, 0), min(y2, h)
        if x1 >= x2 or y1 >= y2:
            continue
        XX, YY = X[:, :, x1:x2], Y[:, y1:y2]
        x, y, rad, ang, sq = (q.view(T, 1, 1) for q in (x, y, rad, ang, sq))
        ca, sa = ang.cos(), ang.sin()
        px, py = (XX - x) * (sq / rad) + 0 * YY, (YY - y) / (rad * sq) + 0 * XX
        qx, qy = px - 0.16, py - 0.20  # the shadow is a soft offset copy
        sh = torch.sigmoid(_sdf(o["shape"], qx * ca + qy * sa, qy * ca - qx * sa) * -9.0).mul_(-0.38).add_(1)
        a = (0.5 - _sdf(o["shape"], px * ca + py * sa, py * ca - px * sa) * (rad * S)).clamp_(0, 1)
        light = (-0.45 * px - 0.75 * py).clamp_(-1, 1)
        lo, hi = light.clamp(max=0) * 0.30 + 1, light.clamp(min=0) * 0.28
        if o["shape"] == "ball":
            hi = 1 - (1 - hi) * (1 - torch.exp(-((px + 0.38) ** 2 + (py + 0.42) ** 2) / 0.06) * 0.55)
        sh *= 1 - a
        for c in range(3):  # col = colour lit by (lo, hi); img = mix(img * shadow, col, a)
            k = o["color"][c]
            col = k * lo + (1 - k) * hi
            v = img[c, :, y1:y2, x1:x2]
            v.mul_(sh).add_(col.mul_(a))
    return img.clamp_(0, 1).mul_(2).sub_(1)


def sample_clip(rng, T=17, H=128, W=128):
    p, sc = sample_scene(rng, W / H)
    return p, render(sc, T, H, W)


def sample_crop(rng, T, size, H=128, W=128):
    """A random window for VAE training, usually near an object."""
    _, sc = sample_scene(rng, W / H)
    t0 = rng.randint(0, 17 - T)
    o = rng.choice(sc["objs"])
    x, y, *_ = tracks(sc, o, torch.tensor([(t0 + T / 2) / 16.0]))
    S = min(H, W)
    cy = int(y.item() * S + H / 2 - size / 2 + rng.uniform(-0.4, 0.4) * size)
    cx = int(x.item() * S + W / 2 - size / 2 + rng.uniform(-0.4, 0.4) * size)
    cy, cx = min(max(cy, 0), H - size), min(max(cx, 0), W - size)
    return render(sc, T, H, W, (cy, cx, size, size), t0)


if __name__ == "__main__":
    import sys
    import time
    import numpy as np
    import imageio.v3 as iio
    rng = random.Random(0)
    rows, s = [], time.time()
    for i in range(14):
        p, v = sample_clip(rng)
        print(p)
        rows.append(torch.cat([v[:, k] for k in (0, 4, 8, 12, 16)], 2))
    print("ms/clip", (time.time() - s) / 14 * 1e3)
    im = torch.cat([torch.cat(rows[:7], 1), torch.cat(rows[7:], 1)], 2)
    iio.imwrite(sys.argv[1], ((im.permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).numpy())
