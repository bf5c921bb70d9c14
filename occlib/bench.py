"""`occlib bench`: how fast the renderer, a step of the fit, the synthetic world and the course's explorer are here,
beside PyTorch3D's CPU path.

PyTorch3D tests every pixel against every triangle, so it is timed few times. The fastest run counts, of ours
and of theirs; ours with one thread or with all, whichever serves better: on a busy machine two threads wait
for one another.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from occlib.data import World
from occlib.data.shards import stream
from occlib.morphable import Coefficients, MorphableModel
from occlib.reconstruction.losses import LAMBDA_PIXEL, pixel_loss, prior_loss
from occlib.rendering import (
    Camera,
    Fragments,
    antialias,
    interpolate,
    rasterize,
    render,
    shade,
    vertex_normals,
)
from occlib.rendering.rasterizer import rasterize_pytorch3d
from occlib.rendering.shading import shade_pixels

SIZE = 224
"""Side of every image here, in pixels; one image a batch."""
MEAN_LIGHT = (2.8, 0.0, 0.8, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Report:
    """A table with a title and notes below it; `str` makes it fit to print."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple]
    notes: list[str]

    def __str__(self) -> str:
        cells = [self.columns, *([_cell(x) for x in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0]), *(x.rjust(w) for x, w in zip(row[1:], widths[1:], strict=True))]
            )
            for row in cells
        ]
        lines.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join([self.title, "", *lines, "", *self.notes, ""])


def _cell(value) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


# --- the rasteriser
# ---------------------------------------------------------------------------------------------------


def bench_raster(resolutions: tuple[int, ...] = (21, 41, 76)) -> Report:
    """Forward and backward of the rasteriser at about 5,000, 20,000 and 70,000 triangles, and how alike both
    are.

    resolutions: of `closed_mesh`, which has 12 n^2 triangles.
    """
    rows = []
    for resolution in resolutions:
        vertices, faces = closed_mesh(resolution)
        ndc = (
            Camera(torch.tensor([[0.1, 0.4, 0.05, 0.85, SIZE / 2, SIZE / 2]]), SIZE)
            .ndc(vertices)
            .requires_grad_()
        )
        weights = torch.randn(1, SIZE, SIZE, 1, 4, generator=torch.Generator().manual_seed(0))

        def draw(rasterizer, ndc=ndc, faces=faces, weights=weights):
            fragments = rasterizer(ndc, faces, SIZE)
            loss = (fragments.bary_coords * weights[..., :3]).sum() + (
                fragments.zbuf * weights[..., 3]
            ).sum() / 1000
            return fragments.pix_to_face, torch.autograd.grad(loss, ndc)[0]

        draw(rasterize)  # compiles, and learns the mesh's topology
        ours, (pixels, gradient), _ = _with_best_threads(
            lambda draw=draw: _fastest(lambda: draw(rasterize), 1.5)
        )
        theirs, (their_pixels, their_gradient) = _fastest(lambda: draw(rasterize_pytorch3d), 2.0)
        difference = ((gradient - their_gradient).norm() / their_gradient.norm()).item()
        differing = int((pixels != their_pixels).sum())
        rows.append((len(faces), 1e3 * ours, 1e3 * theirs, theirs / ours, differing, difference))
    errors = translation_gradient_errors()
    return Report(
        f"Rasteriser, forward + backward, {SIZE} x {SIZE} pixels, batch 1, CPU",
        ("triangles", "ours, ms", "PyTorch3D, ms", "ratio", "differing pixels", "gradient difference"),
        rows,
        [
            "bar: ratio >= 1000 at 5k and 20k, <= 2 differing pixels, gradient difference <= 1e-3",
            "gradient of moving a face, with antialias, against differences of an 8x supersampled render:",
            f"{100 * np.mean(errors):.1f} % off in the mean of {len(errors)} poses, "
            f"{100 * max(errors):.1f} % at most (bar: 5 %)",
        ],
    )


def closed_mesh(resolution: int) -> tuple[Tensor, Tensor]:
    """A closed surface of a head's size, without poles: vertices (1, V, 3) mm, faces (12 n^2, 3).

    It is a cube of n x n squares a side, blown up to an ellipsoid.
    """
    n = resolution
    grid = np.tan(np.linspace(-np.pi / 4, np.pi / 4, n + 1))  # squares of about the same size on the sphere
    u, v = (x.ravel() for x in np.meshgrid(grid, grid, indexing="ij"))
    corner = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    square = np.concatenate(
        [
            np.stack([corner, corner + n + 1, corner + n + 2], 1),
            np.stack([corner, corner + n + 2, corner + 1], 1),
        ]
    )
    sides = [
        np.roll(np.stack([sign * u, v, np.full_like(u, sign)], 1), axis, 1)
        for axis in range(3)
        for sign in (1, -1)
    ]
    points = np.concatenate(sides)
    faces = np.concatenate([square + side * len(u) for side in range(6)])
    _, first, which = np.unique(points.round(6), axis=0, return_index=True, return_inverse=True)
    points = points[first] / np.linalg.norm(points[first], axis=1, keepdims=True) * [75, 105, 90]
    return torch.tensor(points[None], dtype=torch.float32), torch.tensor(which.ravel()[faces])


def translation_gradient_errors(yaws: tuple[float, ...] = (-0.6, -0.3, 0.0, 0.4, 0.8)) -> list[float]:
    """How far off the gradient of moving a face is, relative to its length, for each of several poses.

    The loss is the squared distance between the rendered mean face and the same face two pixels away. The
    truth comes from a render with 8 x 8 samples a pixel and no antialias, moved by one sample either way.
    """
    model = MorphableModel.load()
    vertices, faces = (
        model.shape(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression)),
        model.faces,
    )
    albedo, lighting = model.albedo(torch.zeros(1, model.n_texture)), torch.tensor([MEAN_LIGHT])

    @torch.no_grad()
    def supersampled(pose: Tensor) -> Tensor:
        camera = Camera(pose, SIZE)
        fragments = rasterize(camera.ndc(vertices), faces, 8 * SIZE)
        normals = interpolate(fragments, camera.rotate(vertex_normals(vertices, faces)))
        colours = interpolate(fragments, albedo) * shade(
            torch.nn.functional.normalize(normals, dim=-1), lighting
        )
        return torch.nn.functional.avg_pool2d(colours.permute(0, 3, 1, 2), 8)

    errors = []
    for yaw in yaws:
        pose = torch.tensor([[0.1, yaw, 0.05, 0.62, SIZE / 2, 98.0]])
        target = supersampled(pose + torch.tensor([[0, 0, 0, 0, 1.6, -1.2]]))
        moved = pose.clone().requires_grad_()
        image = render(vertices, faces, albedo, lighting, Camera(moved, SIZE), SIZE).image
        (image - target).square().sum().backward()
        truth = []
        for axis in (4, 5):
            step = torch.zeros_like(pose)
            step[0, axis] = 1 / 8
            up, down = ((supersampled(pose + sign * step) - target).square().sum() for sign in (1, -1))
            truth.append((up - down) * 4)
        truth = torch.stack(truth)
        errors.append(((moved.grad[0, 4:] - truth).norm() / truth.norm()).item())
    return errors


def _fastest(function: Callable, seconds: float = 0.0) -> tuple[float, object]:
    """Seconds of the fastest call among as many as fit into `seconds`, one at least; and what it returned."""
    times = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def _with_best_threads(measure: Callable[[], tuple[float, object]]) -> tuple[float, object, int]:
    """The better of `measure` with one thread and with all, and the number of threads it had."""
    default = torch.get_num_threads()
    try:
        results = []
        for threads in {1, default}:
            torch.set_num_threads(threads)
            results.append((*measure(), threads))
        return min(results, key=lambda result: result[0])
    finally:
        torch.set_num_threads(default)


# --- a step of the fit
# ------------------------------------------------------------------------------------------------


class _Step:
    """One step of analysis by synthesis on all 239 numbers: shape, normals, raster, shading, antialias, Eq.
    11, prior.

    The stages are named, so that a step can be run whole or one stage at a time with a clock beside it.
    """

    def __init__(self, model: MorphableModel, rasterizer: Callable[..., Fragments]):
        self.model, self.rasterizer = model, rasterizer
        coefficients = Coefficients.neutral(1)
        coefficients.lighting = torch.tensor([MEAN_LIGHT])
        coefficients.pose = torch.tensor([[0.05, 0.2, 0.02, 0.75, SIZE / 2, SIZE / 2]])
        self.vector = coefficients.vector().requires_grad_()
        self.optimiser = torch.optim.Adam([self.vector], lr=1e-3)
        self.photo = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
        # (name, what it takes, what it makes, how)
        names = ("identity", "expression", "texture", "lighting", "pose")
        self.stages = [
            ("coefficients", ("vector",), names, self._coefficients),
            ("shape", ("identity", "expression"), ("vertices",), lambda a, b: (model.shape(a, b),)),
            ("albedo", ("texture",), ("albedo",), lambda t: (model.albedo(t),)),
            ("normals", ("vertices",), ("normals",), lambda v: (vertex_normals(v, model.faces),)),
            ("camera", ("vertices", "normals", "pose"), ("ndc", "turned"), self._camera),
            ("raster", ("ndc",), ("zbuf", "bary"), self._raster),
            ("shading", ("ndc", "zbuf", "bary", "albedo", "turned", "lighting"), ("pixels",), self._shading),
            ("antialias", ("ndc", "zbuf", "bary", "pixels"), ("image",), self._antialias),
            ("losses", ("image", "identity", "expression", "texture"), ("loss",), self._losses),
        ]

    def _coefficients(self, vector):
        parts = Coefficients.from_vector(vector)
        return parts.identity, parts.expression, parts.texture, parts.lighting, parts.pose

    def _camera(self, vertices, normals, pose):
        camera = Camera(pose, SIZE)
        return camera.ndc(vertices), camera.rotate(normals)

    def _raster(self, ndc):
        fragments = self.rasterizer(ndc, self.model.faces, SIZE)
        self.pix_to_face = fragments.pix_to_face
        return fragments.zbuf, fragments.bary_coords

    def _fragments(self, ndc, zbuf, bary):
        return Fragments(self.pix_to_face, zbuf, bary, ndc, self.model.faces)

    def _shading(self, ndc, zbuf, bary, albedo, normals, lighting):
        return (shade_pixels(self._fragments(ndc, zbuf, bary), albedo, normals, lighting)[0],)

    def _antialias(self, ndc, zbuf, bary, pixels):
        return (antialias(pixels.permute(0, 3, 1, 2), self._fragments(ndc, zbuf, bary)),)

    def _losses(self, image, *coefficients):
        loss = LAMBDA_PIXEL * pixel_loss(self.photo, image[:, :3], image[:, 3:].detach())
        return (loss.sum() + 1e-4 * prior_loss(*coefficients).sum(),)

    def whole(self) -> None:
        values = {"vector": self.vector}
        for _, takes, makes, stage in self.stages:
            values.update(zip(makes, stage(*(values[name] for name in takes)), strict=True))
        self.optimiser.zero_grad()
        values["loss"].backward()
        self.optimiser.step()

    def split(self) -> dict[str, tuple[float, float]]:
        """Seconds forward and backward of every stage; the optimiser's count as forward."""
        values, tape, seconds = {"vector": self.vector}, [], {}
        for name, takes, makes, stage in self.stages:
            inputs = [values[x].detach().requires_grad_() for x in takes]
            start = time.perf_counter()
            outputs = stage(*inputs)
            seconds[name] = time.perf_counter() - start
            values.update(zip(makes, outputs, strict=True))
            tape.append((name, takes, makes, inputs, outputs))
        gradients = {"loss": torch.ones(())}
        for name, takes, makes, inputs, outputs in reversed(tape):
            reached = [(y, gradients[x]) for x, y in zip(makes, outputs, strict=True) if x in gradients]
            start = time.perf_counter()
            found = torch.autograd.grad(
                [y for y, _ in reached], inputs, [g for _, g in reached], allow_unused=True
            )
            seconds[name] = seconds[name], time.perf_counter() - start
            for x, gradient in zip(takes, found, strict=True):
                if gradient is not None:
                    gradients[x] = gradients[x] + gradient if x in gradients else gradient
        start = time.perf_counter()
        self.vector.grad = gradients["vector"]
        self.optimiser.step()
        seconds["Adam"] = time.perf_counter() - start, 0.0
        return seconds


def bench_fit() -> Report:
    """A step of the fit: what its parts take, what bounds it, and the same step through PyTorch3D's
    rasteriser."""
    model = MorphableModel.load()
    bases = (model.identity_basis, model.expression_basis, model.albedo_basis)
    step = _Step(model, rasterize)
    step.whole()

    def measure():
        whole, _ = _fastest(step.whole, 2.0)
        parts = min((step.split() for _ in range(30)), key=_total)
        reading, _ = _fastest(lambda: [basis.sum() for basis in bases], 0.3)
        return whole, (parts, reading)

    ours, (parts, reading), threads = _with_best_threads(measure)
    theirs, _ = _fastest(_Step(model, rasterize_pytorch3d).whole)

    rows = [
        (name, 1e3 * forward, 1e3 * backward, f"{100 * (forward + backward) / _total(parts):.0f} %")
        for name, (forward, backward) in parts.items()
    ]
    read = 2 * sum(basis.numel() * basis.element_size() for basis in bases)  # forward and backward
    return Report(
        f"A step of the fit: {len(model.regions):,} vertices, {len(model.faces):,} triangles, "
        f"{SIZE} x {SIZE} pixels, batch 1, CPU, {threads} thread{'s' * (threads > 1)}",
        ("part", "forward, ms", "backward, ms", "share"),
        rows,
        [
            f"the whole step: {1e3 * ours:.1f} ms",
            f"the same through PyTorch3D's CPU rasteriser: {1e3 * theirs:,.0f} ms, "
            f"{theirs / ours:,.0f} times as long (bar: 500)",
            f"floor of any step: reading the bases forward and backward, {read / 1e6:.1f} MB at "
            f"{read / (2 * reading) / 1e9:.1f} GB/s: {2e3 * reading:.1f} ms; the step takes "
            f"{ours / (2 * reading):.1f} times that",
            "bound by memory: shape, albedo; by loops over triangles and pixels: raster, shading, normals,",
            "antialias; by what torch takes for a call: camera, losses, Adam",
        ],
    )


def _total(parts: dict[str, tuple[float, float]]) -> float:
    return sum(forward + backward for forward, backward in parts.values())


# --- the synthetic world
# ---------------------------------------------------------------------------------------------------


def bench_world(size: int = 256, count: int = 100) -> Report:
    """Complete samples of the world a second, with one process and with one a core, and how long PyTorch3D's CPU
    rasteriser takes for the head alone."""
    rates = {workers: _sample_rate(World(seed=0, size=size), count * workers, workers) for workers in (1, os.cpu_count())}
    cores, rate = max(rates.items())
    model = MorphableModel.load()
    pose = torch.tensor([[0.0, 0.2, 0.0, 0.85 * size / SIZE, size / 2, size / 2]])
    ndc = Camera(pose, size).ndc(model.shape(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression)))
    theirs, _ = _fastest(lambda: rasterize_pytorch3d(ndc, model.faces, size))
    return Report(
        f"The synthetic world, {size} x {size} pixels, CPU, processes of one thread",
        ("processes", "samples/s", "ms a sample"),
        [(workers, speed, 1e3 / speed) for workers, speed in rates.items()],
        [
            f"{cores} processes make {rate / rates[1]:.2f} times as many samples as one",
            f"the head alone, {len(model.faces):,} triangles, once through PyTorch3D's CPU rasteriser: "
            f"{1e3 * theirs:,.0f} ms, {theirs * rate:,.0f} times a whole sample",
            "bar: 20 samples/s on 2 quiet cores, 200 times",
        ],
    )


def _sample_rate(world: World, count: int, workers: int) -> float:
    """Samples a second once every process has loaded what it needs. They stay where they are made."""
    warm_up = 40 * workers  # hair, hands, textures: each is read when first drawn
    made = stream(_Made(world, warm_up + count), workers)
    for _ in range(warm_up):
        next(made)
    start = time.perf_counter()
    for _ in made:
        pass
    return count / (time.perf_counter() - start)


@dataclass(frozen=True)
class _Made:
    """A map-style dataset that makes a world's samples and returns but their coverage."""

    world: World
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> float:
        return self.world[index].coverage


# --- the explorer of notebook 05
# ---------------------------------------------------------------------------------------------------


def bench_explorer(seconds: float = 3.0) -> Report:
    """How often a second the explorer's picture follows its sliders: Eq. 9, the renderer, JPEG. What the browser
    needs on top is not in it."""
    from occlib.widgets import morphable_explorer  # the extra `course`, which other benches do without

    panel = morphable_explorer(MorphableModel.load()).children[0]
    rows = []
    for name, key in (("shape", "identity_1"), ("light", "azimuth")):
        turns = itertools.cycle((10.0, 20.0) if key == "azimuth" else (1.0, -1.0))
        fastest, _, threads = _with_best_threads(
            lambda key=key, turns=turns: _fastest(lambda: panel.set(**{key: next(turns)}), seconds)
        )
        rows.append((name, 1e3 * fastest, 1 / fastest, threads))
    return Report(
        f"The explorer of notebook 05, {panel.pixels.shape[0]} x {panel.pixels.shape[1]} pixels, CPU",
        ("slider", "ms", "updates/s", "threads"),
        rows,
        ["bar: 10 updates/s on 2 cores"],
    )
