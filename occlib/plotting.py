"""Every figure of the notebooks and of `occlib reconstruct`.

Functions that return a `Figure` are handed to `picture` in a notebook, which stores it small and with the
words that say what is to be seen. Those that return (H, W, 3) arrays in [0, 1] are panels of such figures.
"""

import io
from collections.abc import Sequence

import cv2
import matplotlib
import matplotlib.patches
import matplotlib.ticker
import numpy as np
import torch
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from PIL import Image

from occlib.data.sample import PART_COLORS as PART_BYTES
from occlib.data.sample import PARTS, Sample
from occlib.images import to_bytes
from occlib.morphable import MorphableModel
from occlib.rendering import Camera, render, rotation_matrix, shade

MASK_COLOR = np.array([213, 94, 0]) / 255  # vermilion of Okabe & Ito's colour-blind safe palette
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#E69F00", "#009E73", "#CC79A7"  # of the same palette
PART_COLORS = np.array(PART_BYTES) / 255
"""(7, 3): the colour of each of PARTS, RGB in [0, 1]."""
VIEWS = ("clean", "occluded", "mask", "parts", "contours")
"""What is shown of a sample, by name."""
TURN = np.radians(45)
SOFT_LIGHT = torch.tensor([[2.4, 0.25, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
"""White light, mostly from all around, some from the front and from above."""


def picture(figure: Figure, alt: str, *, photo: bool = False, dpi: int = 80):
    """A figure as a notebook shows and stores it: with an alt text, as PNG or, made of photos, as JPEG. It is empty
    afterwards: a figure refers to itself, and what it holds would stay in memory for long."""
    from IPython.display import Image as Shown

    data = encoded(figure_pixels(figure, dpi=dpi), "jpeg" if photo else "png")
    figure.clear()
    return Shown(data, format="jpeg" if photo else "png", alt=alt)


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    """(H, W, 3) uint8 RGB as the bytes of a "png" or "jpeg" file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, quality=85, optimize=True)
    return stream.getvalue()


def _show(axis, image: np.ndarray) -> None:
    """An image (H, W, 3) in [0, 1], or of bytes, on an axis as bytes: a figure keeps it, and floats take eight times
    as much."""
    axis.imshow(to_bytes(image))


def stages(reconstruction) -> Figure:
    """The road of one photo in a row, see `stage_panels`."""
    return image_row(stage_panels(reconstruction))


def stage_panels(reconstruction) -> dict[str, np.ndarray]:
    """Title -> (S, S, 3) in [0, 1]: photo, what is occluded, contours, complete face, fitted face, the face turned
    to both sides."""
    aligned = reconstruction.aligned / 255.0
    return {
        "aligned photo": aligned,
        "occluded": mask_overlay(aligned, reconstruction.mask),
        "contours": contour_panel(reconstruction.contours, reconstruction.hole),
        "complete face": reconstruction.complete / 255.0,
        "face over photo": over(reconstruction.render(), aligned),
        "turned right": turned_face(reconstruction, -TURN),
        "turned left": turned_face(reconstruction, TURN),
    }


def image_row(panels: dict[str, np.ndarray], *, width: float = 2.2) -> Figure:
    """Images (H, W, 3) in [0, 1], or of bytes, side by side under their titles; `width` inches each."""
    figure = Figure(figsize=(width * len(panels), width + 0.3), layout="constrained")
    for axis, (title, image) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
        _show(axis, image)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    return figure


def mask_overlay(image: np.ndarray, mask: np.ndarray, color=MASK_COLOR) -> np.ndarray:
    """(H, W, 3) image in [0, 1] with `color` laid over it where (H, W) mask is 1."""
    share = 0.6 * mask[..., None]
    return (1 - share) * image + share * color


def over(rendering, image: np.ndarray) -> np.ndarray:
    """Rendering (of one face) laid over an (H, W, 3) image in [0, 1] of the same size."""
    color = rendering.image[0].permute(1, 2, 0).cpu().numpy()
    alpha = rendering.alpha[0, 0, :, :, None].cpu().numpy()
    return color + (1 - alpha) * image


def turned_face(reconstruction, yaw: float, *, size: int = 256) -> np.ndarray:
    """The head in its photo's light, turned by `yaw` radians, on white, (size, size, 3) in [0, 1]."""
    vertices, faces, colors = (
        torch.from_numpy(array)
        for array in (reconstruction.vertices, reconstruction.faces, reconstruction.colors)
    )
    lighting = reconstruction.coefficients.lighting.cpu()
    return mesh_portrait(
        vertices[None], faces, colors[None], angles=(0.0, yaw, 0.0), lighting=lighting, size=size
    )


def portrait(
    model: MorphableModel,
    *,
    identity=None,
    expression=None,
    texture=None,
    colors: torch.Tensor | None = None,
    angles: Sequence[float] = (0.0, 0.0, 0.0),
    lighting: torch.Tensor = SOFT_LIGHT,
    size: int = 160,
) -> np.ndarray:
    """One head of the model on white, (size, size, 3) in [0, 1], at the same scale for every head.

    identity, expression, texture: (K,) coefficients in standard deviations, short ones filled up with zeros.
    colors: (V, 3) in [0, 1] instead of the texture's albedo. angles: pitch, yaw, roll in radians.
    lighting: (1, 9).
    """
    vertices = model.shape(_row(identity, model.n_identity), _row(expression, model.n_expression))
    albedo = model.albedo(_row(texture, model.n_texture)) if colors is None else colors[None]
    return mesh_portrait(
        vertices, model.faces, albedo.clamp(0, 1), angles=angles, lighting=lighting, size=size
    )


@torch.no_grad()
def mesh_portrait(
    vertices, faces, albedo, *, angles=(0.0, 0.0, 0.0), lighting=SOFT_LIGHT, size=160
) -> np.ndarray:
    """A head (1, V, 3) in mm with albedo (1, V, 3) on white, (size, size, 3) in [0, 1], 265 mm wide, in the middle."""
    k = size / 265
    rotation = rotation_matrix(vertices.new_tensor([[float(angle) for angle in angles]]))[0]
    across = vertices[0] @ rotation[0]  # x of the turned head
    pose = vertices.new_tensor([[*angles, k, 0.5 * size - k * (across.min() + across.max()) / 2, 0.46 * size]])
    return over(render(vertices, faces, albedo, lighting, Camera(pose, size), size), np.ones((size, size, 3)))


def _row(coefficients, width: int) -> torch.Tensor:
    """(K,) or nothing -> (1, width), filled up with zeros."""
    row = torch.zeros(1, width)
    if coefficients is not None:
        given = torch.as_tensor(coefficients, dtype=torch.float32).flatten()
        row[0, : len(given)] = given
    return row


def heat(values: torch.Tensor, maximum: float) -> torch.Tensor:
    """Values (...) in [0, maximum] as colours (..., 3) of cividis, made for colour-blind readers too."""
    colors = matplotlib.colormaps["cividis"]((values / maximum).clamp(0, 1).numpy())
    return torch.from_numpy(colors[..., :3]).float()


def heat_row(panels: dict[str, np.ndarray], maximum: float, label: str, *, width: float = 2.2) -> Figure:
    """`image_row` for pictures that were coloured by `heat`, with the bar that says what the colours mean."""
    figure = image_row(panels, width=width)
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, maximum), "cividis")
    figure.colorbar(scale, ax=figure.axes, label=label, shrink=0.8)
    return figure


def image_table(
    rows: dict[str, Sequence[np.ndarray]], columns: Sequence[str], *, width: float = 1.5
) -> Figure:
    """Images (H, W, 3) in [0, 1], or of bytes, in rows and columns with their names; `width` inches each."""
    first = next(iter(rows.values()))[0]
    height = width * first.shape[0] / first.shape[1]
    figure = Figure(figsize=(width * len(columns) + 0.6, height * len(rows) + 0.3), layout="constrained")
    table = figure.subplots(len(rows), len(columns), squeeze=False)
    for axes, (name, images) in zip(table, rows.items()):
        axes[0].set_ylabel(name, fontsize=9)
        for axis, image in zip(axes, images):
            _show(axis, image)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    for axis, title in zip(table[0], columns):
        axis.set_title(title, fontsize=9)
    return figure


def contour_view(photo: np.ndarray, hole: np.ndarray, contours: np.ndarray) -> np.ndarray:
    """A photo (S, S, 3) in [0, 1] with its hole (S, S) bool dark, and contours (S, S) in [0, 1] over both:
    white in the hole, blue around it."""
    lines = np.where(hole[..., None], 1.0, matplotlib.colors.to_rgb(BLUE))
    ground = np.where(hole[..., None], 0.12, 0.4 + 0.6 * photo)
    return ground + contours[..., None] * (lines - ground)


def part_colors(labels: np.ndarray) -> np.ndarray:
    """Parse labels (H, W) in the colours of PART_COLORS, (H, W, 3)."""
    return PART_COLORS[labels]


def sample_views(sample: Sample) -> dict[str, np.ndarray]:
    """VIEWS of a sample, (S, S, 3) in [0, 1] each. "parts" are those of the occluded photo."""
    pictures = (
        sample.clean / 255, sample.image / 255, _grey(sample.mask / 255), part_colors(sample.parsing),
        _grey(sample.contours / 255),
    )  # fmt: skip
    return dict(zip(VIEWS, pictures, strict=True))


def sample_table(samples: Sequence[Sample], *, width: float = 1.5) -> Figure:
    """Samples in rows, VIEWS in columns, with the name of the occluder and the share of the face it hides."""
    rows = {
        f"{number + 1}: {sample.occluder or 'nothing'}\n{sample.coverage:.0%}": list(
            sample_views(sample).values()
        )
        for number, sample in enumerate(samples)
    }
    return image_table(rows, VIEWS, width=width)


def contact_sheet(
    samples: Sequence[Sample], *, columns: int = 4, side: int = 256, gap: int = 6
) -> np.ndarray:
    """Samples as tiles on white, (H, W, 3) uint8: clean and occluded photo `side` pixels wide, and below
    them mask, parts and contours two thirds as wide."""
    small = 2 * side // 3
    tiles = []
    for sample in samples:
        views = [(255 * view).round().astype(np.uint8) for view in sample_views(sample).values()]
        above = [_resized(view, side) for view in views[:2]]
        below = [_resized(view, small, labels=name == "parts") for name, view in zip(VIEWS[2:], views[2:])]
        rest = np.full((small, 2 * side - 3 * small, 3), 255, np.uint8)
        tiles.append(np.vstack([np.hstack(above), np.hstack([*below, rest])]))
    height, width = tiles[0].shape[:2]
    lines = -(-len(tiles) // columns)
    sheet = np.full((lines * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def truth(sample: Sample, *, width: float = 1.9) -> Figure:
    """All that is known about one sample of the world, in two rows, with a legend of the labels."""
    head = np.isfinite(sample.depth)
    near, far = sample.depth[head].min(), sample.depth[head].max()
    closeness = torch.from_numpy(np.where(head, far - sample.depth, 0))
    relief = np.where(head[..., None], heat(closeness, far - near).numpy(), 0)
    bare = (sample.normals == 0).all(-1, keepdims=True)
    panels = {
        "image": sample.image / 255, "clean": sample.clean / 255, "mask": _grey(sample.mask / 255),
        "shadow": _grey(sample.shadow / 255), "contours": _grey(sample.contours / 255),
        "parsing": part_colors(sample.parsing), "parts": part_colors(sample.parts),
        "landmarks": sample.clean / 255, "depth (bright = near)": relief,
        "normals": np.where(bare, 0, (sample.normals + 1) / 2),
    }  # fmt: skip
    figure = Figure(figsize=(5 * width, 2 * (width + 0.25) + 0.35), layout="constrained")
    for axis, (title, image) in zip(figure.subplots(2, 5).flatten(), panels.items()):
        _show(axis, image)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
        if title == "landmarks":
            axis.scatter(*(sample.landmarks - 0.5).T, s=5, color=ORANGE)
    _part_legend(figure)
    return figure


def close_up(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The part of a photo (H, W, 3) around a face with points (K, 2) in pixels: a square 1.7 times as wide as
    they reach, cut at the photo's edges."""
    middle, reach = (points.max(0) + points.min(0)) / 2, 0.85 * np.ptp(points, axis=0).max()
    left, top = np.maximum(middle - reach, 0).astype(int)
    right, bottom = np.ceil(middle + reach).astype(int)
    return photo[top:bottom, left:right]


def parse_views(photo: np.ndarray, found) -> dict[str, np.ndarray]:
    """A photo (H, W, 3) uint8 and what its `Parse` says, (H, W, 3) in [0, 1] each: the labels over the photo,
    the face mask (white = occluded), and the confidence from 0 to 1 by `heat`."""
    image = photo / 255
    colored = 0.25 * image + 0.75 * part_colors(found.labels)
    return {
        "photo": image,
        "parse map": np.where(found.labels[..., None] > 0, colored, image),
        "face mask": _grey(found.mask),
        "confidence": heat(torch.from_numpy(found.confidence), 1.0).numpy(),
    }


def parse_table(photos: dict[str, tuple], *, width: float = 1.6) -> Figure:
    """Name -> (photo, its `Parse`) in rows, `parse_views` in columns, with a legend of the labels;
    background is not coloured."""
    rows = {name: parse_views(photo, found) for name, (photo, found) in photos.items()}
    columns = list(next(iter(rows.values())))
    figure = image_table({name: list(views.values()) for name, views in rows.items()}, columns, width=width)
    figure.set_figheight(figure.get_figheight() + 0.3)
    _part_legend(figure, first=1)
    return figure


def _part_legend(figure: Figure, first: int = 0) -> None:
    """Below the figure: which of PARTS, from number `first` on, has which of PART_COLORS."""
    handles = [
        matplotlib.patches.Patch(facecolor=color, edgecolor="0.5", label=part)
        for part, color in zip(PARTS[first:], PART_COLORS[first:], strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)


def strips(values: dict[str, Sequence[float]], xlabel: str) -> Figure:
    """A row of dots for each name, the largest on average on top, and a bar where their mean is."""
    values = dict(sorted(values.items(), key=lambda item: np.mean(item[1])))
    figure = Figure(figsize=(5.6, 0.22 * len(values) + 0.7), layout="constrained")
    axis = figure.subplots()
    for row, (name, found) in enumerate(values.items()):
        axis.scatter(found, [row] * len(found), s=12, color=BLUE, alpha=0.6, linewidths=0)
        axis.scatter([np.mean(found)], [row], s=90, marker="|", color=ORANGE, linewidths=2.5)
    names = [f"{name} ({len(found)})" for name, found in values.items()]
    axis.set(xlabel=xlabel, yticks=range(len(values)), yticklabels=names)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3, axis="x")
    return figure


def _grey(image: np.ndarray) -> np.ndarray:
    """(H, W) -> (H, W, 3)."""
    return np.repeat(image[..., None], 3, axis=-1)


def _resized(image: np.ndarray, side: int, *, labels: bool = False) -> np.ndarray:
    """A square uint8 image (side, side, 3), averaged over what becomes a pixel, or its nearest pixel."""
    if len(image) == side:
        return image
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_NEAREST if labels else cv2.INTER_AREA)


def modes(model: MorphableModel, part: str, count: int = 4, *, sd: float = 2.0, yaw: float = 0.0) -> Figure:
    """The mean face, and the first `count` directions of one part ("identity", ...) to both sides of it."""
    rows = {}
    for name, amount in {f"{-sd:+g} SD": -sd, "mean": 0.0, f"{sd:+g} SD": sd}.items():
        directions = amount * torch.eye(count)
        rows[name] = [
            portrait(model, **{part: direction}, angles=(0.0, yaw, 0.0)) for direction in directions
        ]
    return image_table(rows, [f"{part} {number + 1}" for number in range(count)])


def coverage_view(steps, at: int, truth: np.ndarray) -> Figure:
    """Step number `at` of `occlib.evaluation.synthesis.errors_by_coverage`: what is seen, what each method makes
    of it, and the true photo (S, S, 3) uint8; below, the errors of all steps with this one marked."""
    step = steps[at]
    panels = {f"{step.coverage:.0%} hidden": step.photo, **step.completed, "the photo": truth}
    figure = Figure(figsize=(1.75 * len(panels), 4.3), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.15))
    for axis, (title, image) in zip(above.subplots(1, len(panels)), panels.items()):
        axis.imshow(image)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    axis = below.subplots()
    for name, color, dashes in zip(step.errors, (BLUE, ORANGE, GREEN, PINK), ("-", "--", "-.", ":")):
        found = [other.errors[name] for other in steps]
        axis.plot([other.coverage for other in steps], found, color=color, linestyle=dashes, label=name)
        axis.plot(step.coverage, found[at], "o", color=color)
    axis.axvline(step.coverage, color="gray", linewidth=1)
    axis.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0))
    axis.set(xlabel="how much of the face is hidden", ylabel="error in the hole, of 255", ylim=(0, None))
    axis.legend(fontsize=8)
    axis.grid(alpha=0.3)
    return figure


def curves(x, lines: dict[str, np.ndarray], xlabel: str, ylabel: str, *, log: bool = False) -> Figure:
    """Lines, name -> (n,), over a common axis `x` (n,), told apart by colour and by dash."""
    figure = Figure(figsize=(5.6, 2.8), layout="constrained")
    axis = figure.subplots()
    styles = zip((BLUE, ORANGE, GREEN, PINK, "black"), ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))))
    for (name, y), (color, dashes) in zip(lines.items(), styles):
        axis.plot(x, np.asarray(y), color=color, linestyle=dashes, label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    axis.legend(fontsize=8)
    axis.grid(alpha=0.3)
    return figure


def loss_curves(history, *, log: bool = True) -> Figure:
    """The terms of a fit's loss, step by step, and where its levels begin. history: `FitStep`s."""
    names = dict.fromkeys(name for step in history for name in step.losses)
    lines = {name: [step.losses.get(name, np.nan) for step in history] for name in names}
    figure = curves(range(len(history)), lines, "step", "weighted loss", log=log)
    for number in range(1, len(history)):
        if history[number].level != history[number - 1].level:
            figure.axes[0].axvline(number, color="gray", linewidth=1)
            figure.axes[0].text(
                number, 1.01, " finer", transform=figure.axes[0].get_xaxis_transform(), fontsize=8
            )
    return figure


def toy_faces(faces: dict[str, np.ndarray]) -> Figure:
    """Faces of five points (right eye, left eye, nose, right and left mouth corner), (5, 2) each, y up."""
    figure = Figure(figsize=(1.5 * len(faces), 1.9), layout="constrained")
    for axis, (name, points) in zip(figure.subplots(1, len(faces), squeeze=False)[0], faces.items()):
        axis.plot(*points[[0, 1, 4, 3, 0]].T, color=BLUE, alpha=0.4)
        axis.plot(*points[[0, 2, 1]].T, color=BLUE, alpha=0.4)
        axis.scatter(*points.T, color=BLUE, s=14)
        axis.set(aspect="equal", xlim=(-5.5, 5.5), ylim=(-6.5, 4.5), xticks=[], yticks=[])
        axis.set_title(name, fontsize=9)
    return figure


def triangle_colors(pix_to_face: torch.Tensor) -> np.ndarray:
    """Which triangle (H, W) is behind each pixel, as distinct colours (H, W, 3); white where none is."""
    palette = matplotlib.colormaps["viridis"]((pix_to_face.numpy() * 0.618) % 1)[..., :3]
    return np.where((pix_to_face >= 0).numpy()[..., None], palette, 1.0)


def sphere_normals(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Normals (size, size, 3) of a sphere that fills the picture, and where it is seen (size, size) bool."""
    y, x = torch.meshgrid(torch.linspace(1, -1, size), torch.linspace(-1, 1, size), indexing="ij")
    square = 1 - x.square() - y.square()
    return torch.stack([x, y, square.clamp(min=0).sqrt()], -1), square > 0


def lit_sphere(lighting: torch.Tensor, size: int = 96) -> np.ndarray:
    """A white ball under spherical-harmonics light (9,) or (27,), (size, size, 3) in [0, 1]."""
    normals, seen = sphere_normals(size)
    shading = shade(normals[None], torch.as_tensor(lighting, dtype=torch.float32)[None])[0]
    return np.where(seen[..., None].numpy(), shading.numpy(), 1.0)


def signed_sphere(values: torch.Tensor, seen: torch.Tensor) -> np.ndarray:
    """Values (H, W) on a ball in [-1, 1] as colours: purple below zero, white at zero, orange above."""
    colors = matplotlib.colormaps["PuOr_r"]((values.numpy() + 1) / 2)[..., :3]
    return np.where(seen[..., None].numpy(), colors, 1.0)


def landmark_table(
    faces: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], *, columns: int = 4, width: float = 2.2
) -> Figure:
    """Photos (H, W, 3) uint8 under their names, with detected and projected landmarks (K, 2) in pixels."""
    count = -(-len(faces) // columns)
    figure = Figure(figsize=(width * columns, (width + 0.2) * count + 0.2), layout="constrained")
    table = figure.subplots(count, columns, squeeze=False).flatten()
    for axis in table:
        axis.axis("off")
    for axis, (name, (photo, detected, projected)) in zip(table, faces.items()):
        axis.imshow(photo)
        axis.scatter(
            *detected.T, s=9, facecolors="none", edgecolors="white", linewidths=0.8, label="detected"
        )
        axis.scatter(*projected.T, s=4, color=ORANGE, label="projected")
        axis.set_title(name, fontsize=8)
    labels = table[0].get_legend_handles_labels()
    figure.legend(
        *labels, loc="outside lower center", ncols=2, fontsize=8, facecolor="0.3", labelcolor="white"
    )
    return figure


def figure_pixels(figure: Figure, *, dpi: int = 100) -> np.ndarray:
    """A figure as (H, W, 3) uint8 RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    FigureCanvasBase(figure)  # another canvas takes the place of the one with the drawing, which can go
    return pixels


def contour_panel(contours: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Contours (S, S) in [0, 1] and a hole (S, S) bool as a panel (S, S, 3): lines white around the hole,
    orange in it, on dark grey; two pixels wide, since a panel is shown small."""
    panel = np.zeros((*hole.shape, 3))
    for area, ground, ink in ((~hole, (0.0,) * 3, (1.0,) * 3), (hole, (0.25,) * 3, ORANGE)):
        lines = cv2.dilate((contours * area).astype(np.float32), np.ones((2, 2)))[area, None]
        panel[area] = (1 - lines) * ground + lines * matplotlib.colors.to_rgb(ink)
    return panel
