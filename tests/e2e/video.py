"""What a clip of one coloured shape on a plain background shows, measured from its decoded pixels."""
import json
import math
import statistics
import subprocess

COLORS = {
    "red": (0.88, 0.10, 0.10), "orange": (1.00, 0.52, 0.05), "yellow": (0.98, 0.86, 0.12),
    "green": (0.12, 0.66, 0.20), "cyan": (0.10, 0.80, 0.82), "blue": (0.12, 0.26, 0.88),
    "purple": (0.50, 0.14, 0.70), "pink": (1.00, 0.46, 0.72), "white": (0.96, 0.96, 0.96),
    "black": (0.06, 0.06, 0.07), "gray": (0.55, 0.55, 0.56),
}


def probe(path):
    """The first video stream as ffprobe describes it, frames counted."""
    out = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_streams", "-of",
                          "json", path], check=True, capture_output=True, text=True, timeout=60).stdout
    return json.loads(out)["streams"][0]


def decode(path):
    """The frames as lists of rows of (r, g, b) in 0..1."""
    stream = probe(path)
    width, height = stream["width"], stream["height"]
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True,
                         capture_output=True, timeout=60).stdout
    size = width * height * 3
    assert raw and len(raw) % size == 0, f"{len(raw)} bytes are no frames of {width}x{height}"
    values = [byte / 255 for byte in range(256)]
    pixels = list(zip(*[iter([values[byte] for byte in raw])] * 3))
    rows = [pixels[i:i + width] for i in range(0, len(pixels), width)]
    return [rows[i:i + height] for i in range(0, len(rows), height)]


def median_color(pixels):
    return tuple(statistics.median(p[c] for p in pixels) for c in range(3))


def nearest(rgb):
    """The colour name whose hue and lightness are closest; hue counts more."""
    def distance(name):
        known = COLORS[name]
        mean, known_mean = sum(rgb) / 3, sum(known) / 3
        hue = sum(((rgb[c] - mean) - (known[c] - known_mean)) ** 2 for c in range(3))
        return 2.0 * hue + 0.6 * (mean - known_mean) ** 2
    return min(COLORS, key=distance)


def squared_distance(p, q):
    return sum((a - b) ** 2 for a, b in zip(p, q))


def psnr(frame, other):
    """In dB, of two pictures of one size."""
    pairs = [(p, q) for row, other_row in zip(frame, other, strict=True) for p, q in zip(row, other_row, strict=True)]
    return 10 * math.log10(3 * len(pairs) / max(sum(squared_distance(p, q) for p, q in pairs), 1e-9))


def background_rows(frames):
    """The background's colour in each row: the median of the columns at the left and right edge, over all frames."""
    width = len(frames[0][0])
    columns = [*range(1, 5), *range(width - 5, width - 1)]
    return [median_color([frame[y][x] for frame in frames for x in columns]) for y in range(len(frames[0]))]


def shape_mask(frame, rows):
    """(x, y) of the pixels that clearly differ from the background."""
    return [(x, y) for y, row in enumerate(frame) for x, p in enumerate(row) if squared_distance(p, rows[y]) > 0.28 ** 2]


def centroid(mask, width, height):
    """In units of the shorter side, from the picture's middle."""
    side = min(width, height)
    return (sum(x for x, _ in mask) / len(mask) - width / 2) / side, (sum(y for _, y in mask) / len(mask) - height / 2) / side


def direction(centers):
    """right, left, up, down, or still: from the first two frames to the last two."""
    dx = (centers[-1][0] + centers[-2][0] - centers[0][0] - centers[1][0]) / 2
    dy = (centers[-1][1] + centers[-2][1] - centers[0][1] - centers[1][1]) / 2
    if abs(dx) > 0.2 and abs(dx) > 1.5 * abs(dy):
        return "right" if dx > 0 else "left"
    if abs(dy) > 0.2:
        return "down" if dy > 0 else "up"
    return "still"


def measure(path):
    """{"background", "color", "direction", "growth"} of a clip; the last is the area at the end over that at the start."""
    frames = decode(path)
    frames = [frames[i] for i in (0, 1, len(frames) // 2, -2, -1)]  # all that the findings need
    height, width = len(frames[0]), len(frames[0][0])
    rows = background_rows(frames)
    masks = [shape_mask(frame, rows) for frame in frames]
    background = median_color(rows[height // 4:3 * height // 4])
    if any(not mask for mask in masks):
        return {"background": nearest(background), "color": None, "direction": None, "growth": None}
    inside = [frame[y][x] for frame, mask in zip(frames, masks) for x, y in mask]
    # A shape's soft shadow and edge lie nearer to the background than its body.
    far = [squared_distance(p, background) for p in inside]
    limit = 0.8 * statistics.median(far)
    body = [p for p, d in zip(inside, far) if d >= limit]
    return {"background": nearest(background), "color": nearest(median_color(body)),
            "direction": direction([centroid(mask, width, height) for mask in masks]),
            "growth": (len(masks[-1]) + len(masks[-2])) / (len(masks[0]) + len(masks[1]))}
