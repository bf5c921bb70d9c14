"""The renderer of the synthetic world: one pass gives a photo with its occluder, the same without, and all
truth.

Surfaces are drawn at four samples a pixel. Opaque ones go through two z-buffers, one for the person and one
for occluders; transparent ones (hair, lashes, glass) through k-buffers that keep the nearest few layers of
each kind. The clean picture is put together from the person's buffers alone, the occluded one from both.
Where no occluder, nor its shadow, meets a pixel the occluded picture is a copy of the clean one: they are
equal to the last bit. The loops are in `scene_kernels` (what is seen), `scene_shading` (how it is lit) and
`scene_pictures`.

Light adds up linearly, so colours are decoded before they are lit: light = colour^2, a cheap gamma.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch

from occlib.data import scene_kernels as kernels
from occlib.data import scene_pictures as pictures
from occlib.data import scene_shading as shading
from occlib.memory import keep_freed
from occlib.rendering.spherical_harmonics import light_quadric

LAYERS = 6
"""Transparent layers kept at a sample; farther ones are dropped."""
GRID = 1024.0
"""Positions are rounded to 1 / GRID mm, so that what a machine rounds differently changes no picture."""
SHADOW_MAP = 320
"""Side of the shadow maps."""
MARGIN = 30.0
"""They span the head and this many mm around it."""


@dataclass(frozen=True)
class Surface:
    """A triangle mesh and what it is made of.

    vertices: (V, 3) float32 mm, x to the viewer's right, y up, z to the viewer. faces: (F, 3),
    counter-clockwise from outside; the other side is only drawn if `two_sided`. color: (V, 3) or (V, 4)
    sRGB(A) in [0, 1]; texture: (h, w, 3 or 4) uint8 sRGB(A) at `uv` (V, 2), v up, repeated outside [0, 1].
    With both, they are multiplied. With a fourth channel the surface is transparent; what alpha leaves below
    1/255 is not drawn. Transparent texels should continue the colours of their neighbours. bump: (h, w) uint8
    heights at `uv`, 0..255 meaning 0..bump_height mm. label: parse label, a number or one per face (F,); a
    transparent surface may take BEHIND, the label of what is seen through it.
    specular: reflectance where it is looked at straight, in units of 8 %: skin and plastic 0.5. gloss: 0
    dull, 0.5 skin, 0.9 wet eye or glass. metal: reflects in its own colour and scatters nothing. glass:
    mirrors fully, however transparent it is. translucency: how far light travels under the surface; skin 1.
    hair: lit from vertex to vertex, and not drawn in front of the face unless `occluder` (see
    `render_scene`).
    """

    vertices: np.ndarray
    faces: np.ndarray
    color: np.ndarray | None = None
    texture: np.ndarray | None = None
    uv: np.ndarray | None = None
    label: int | np.ndarray = 0
    occluder: bool = False
    two_sided: bool = False
    specular: float = 0.5
    gloss: float = 0.5
    translucency: float = 0.0
    metal: bool = False
    glass: bool = False
    normals: np.ndarray | None = None
    bump: np.ndarray | None = None
    bump_height: float = 0.2
    casts_shadow: bool = True
    hair: bool = False
    is_head: bool = False

    @property
    def transparent(self) -> bool:
        """Whether its colours or its texture have an alpha channel."""
        return any(x is not None and x.shape[-1] == 4 for x in (self.color, self.texture))

    def posed(self, rotation: np.ndarray, translation: np.ndarray) -> Surface:
        """The surface turned by `rotation` (3, 3), then moved by `translation` (3,)."""
        rotation, translation = np.asarray(rotation, np.float64), np.asarray(translation, np.float64)
        vertices = np.empty(self.vertices.shape, np.float32)
        kernels.move(self.vertices, rotation, translation, GRID, vertices)
        normals = None
        if self.normals is not None:
            normals = np.empty(self.normals.shape, np.float32)
            kernels.turn(self.normals, rotation, normals)
        return replace(self, vertices=vertices, normals=normals)


@dataclass(frozen=True)
class Light:
    """Light from everywhere and from one lamp, both in camera axes and linear.

    lighting: (9,) white or (27,) coloured spherical harmonics of the light from everywhere, as in
    `occlib.rendering.shade`. key_direction: (3,) unit vector towards the lamp. key_color: (3,) what a white
    surface facing it reflects. softness: half of the lamp's width at distance 1, the width of the half-shadow
    for every mm between what casts and what receives it: sun 0.02, window or softbox 0.3.
    """

    lighting: np.ndarray
    key_direction: np.ndarray
    key_color: np.ndarray
    softness: float = 0.1


@dataclass(frozen=True)
class Pinhole:
    """A camera at the origin of camera space that looks along -z, with its axis through the middle of the
    image.

    focal: focal length in units of the image's side. rotation (3, 3), translation (3,): from head space to
    camera space, x -> rotation x + translation.
    """

    rotation: np.ndarray
    translation: np.ndarray
    focal: float

    @property
    def eye(self) -> np.ndarray:
        """(3,) mm, where the camera is in head space."""
        return -self.rotation.T @ self.translation

    def project(self, points: np.ndarray, size: int) -> np.ndarray:
        """Head space (..., 3) mm -> (..., 3): x, y in pixels of a size x size image, and depth in mm."""
        screen = points @ self.rotation.T + self.translation
        screen *= [1, -1, -1]  # y runs down, and depth away from the camera
        screen[..., :2] *= self.focal * size / screen[..., 2:]
        screen[..., :2] += size / 2
        return screen


@dataclass(frozen=True)
class SceneImage:
    """What `render_scene` saw. Pictures are linear light (not clipped), multiplied by alpha: over nothing,
    black.

    clean, occluded (S, S, 3); clean_alpha, occluded_alpha (S, S): how much of a pixel is not background; mask
    (S, S) how much of it is occluder; shadow (S, S) how much darker the occluder makes what it does not hide,
    > 0 wherever it changes anything; parsing, parts (S, S) uint8: the label that most of a pixel of
    `occluded` and `clean` has; depth (S, S) mm, inf beside the head; normals (S, S, 3): of the bare head. All
    but labels float32.
    """

    clean: np.ndarray
    occluded: np.ndarray
    clean_alpha: np.ndarray
    occluded_alpha: np.ndarray
    mask: np.ndarray
    shadow: np.ndarray
    parsing: np.ndarray
    parts: np.ndarray
    depth: np.ndarray
    normals: np.ndarray


_POWERS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (3, 3))
"""Where the factors of `kernels.Stage.sky` are in a symmetrical quadric."""


def render_scene(surfaces: list[Surface], light: Light, camera: Pinhole, size: int) -> SceneImage:
    """Draw surfaces in camera space (see `Surface.posed`) with and without those that are occluders.

    Hair in front of a part of the face (label 1 to 5, opaque, not an occluder's) hides it. Such a fragment of
    a hair surface is left out of both pictures, or, if the surface is an occluder, of the clean one;
    elsewhere hair of an occluder belongs to both pictures and is background. So `clean` shows the same hair,
    trimmed.
    """
    side = 2 * size
    surfaces = sorted(surfaces, key=lambda s: (s.transparent, s.occluder, not s.is_head))
    mesh, spans = _join(surfaces)
    kernels.project(
        mesh.vertices, camera.focal * side * kernels.UNIT, side * kernels.UNIT / 2, mesh.screen, mesh.inverse
    )
    materials = _materials(surfaces, spans, mesh)

    canvas = _cleared_canvas(side)
    person, intruder, head = canvas.person, canvas.intruder, canvas.head
    layers, intruder_layers = canvas.layers, canvas.intruder_layers
    heads = sum(surface.is_head for surface in surfaces)
    for s, surface in enumerate(surfaces):
        if s == heads:  # they are drawn first: what is seen so far is the bare head
            kernels.copy_buffer(person, head)
        if surface.transparent:
            first, last = spans[s]
            nearness = functools.reduce(np.maximum, mesh.inverse[mesh.faces[first:last].T])
            order = first + np.argsort(-nearness, kind="stable")
            kernels.draw_transparent(
                mesh, materials, s, order, side, person, intruder, layers, intruder_layers
            )
            continue
        target = intruder if surface.occluder else person
        kernels.draw_opaque(mesh, *spans[s], surface.two_sided, side, target)
    if heads == len(surfaces):
        kernels.copy_buffer(person, head)

    lamp = _lamp(light, mesh, surfaces)
    quadric = light_quadric(torch.from_numpy(np.asarray(light.lighting, np.float64)[None]))[0].numpy()
    quadric = np.broadcast_to(quadric, (3, 4, 4)) * (2 - np.eye(4))  # one for each colour, white or not
    sky = np.stack([quadric[:, i, j] for i, j in _POWERS], axis=1)
    depths = _depths(canvas)
    maps, reach = _shadow_maps(surfaces, spans, mesh, materials, lamp, canvas)
    stage = kernels.Stage(
        mesh, materials, person, intruder, layers, intruder_layers, lamp,
        maps=maps, reach=reach, sky=sky,
        shine=np.zeros((len(mesh.vertices), 8), np.float32), depths=depths, near=_around(depths[1]),
        side=side, focal=float(camera.focal * side),
    )  # fmt: skip
    shading.shade_hair(
        stage, np.zeros_like(mesh.normals), np.zeros((len(surfaces), 4)), np.zeros(len(mesh.vertices), bool)
    )
    images = [np.zeros((size, size, 3), np.float32) for _ in range(2)]
    images += [np.zeros((size, size), np.float32) for _ in range(4)]
    images += [np.zeros((size, size), np.uint8) for _ in range(2)]
    pictures.resolve(stage, tuple(images), pictures.scratch(size, LAYERS))
    depth, normals = np.full((size, size), np.inf, np.float32), np.zeros((size, size, 3), np.float32)
    pictures.head_geometry(size, mesh, head, pictures.empty_group(4), np.empty(4, np.int32), depth, normals)
    return SceneImage(*images, depth, normals)


class Canvas(NamedTuple):
    """What a scene is drawn on. Fresh memory would take as long to get as a third of the drawing."""

    person: kernels.Buffer
    intruder: kernels.Buffer
    head: kernels.Buffer
    layers: kernels.Layers
    intruder_layers: kernels.Layers
    lamp_person: kernels.Buffer
    lamp_intruder: kernels.Buffer
    depths: np.ndarray


_OWN = threading.local()


@functools.cache
def _keep_memory() -> None:
    """Small pieces of a scene, 16 MB in all, are kept for the next one; what is large, as in a fit, is not."""
    keep_freed(16 << 20, block=2 << 20)


def _cleared_canvas(side: int) -> Canvas:
    """This thread's canvas of side x side samples, empty again."""
    _keep_memory()
    canvas = getattr(_OWN, "canvas", None)
    if canvas is None or 2 * len(canvas.depths[0]) != side:
        canvas = Canvas(
            *(kernels.empty_buffer(side) for _ in range(3)),
            *(kernels.empty_layers(side, LAYERS) for _ in range(2)),
            *(kernels.empty_buffer(SHADOW_MAP) for _ in range(2)),
            np.zeros((2, side // 2, side // 2), np.float32),
        )
        _OWN.canvas = canvas
    for buffer in (canvas.person, canvas.intruder, canvas.head, canvas.lamp_person, canvas.lamp_intruder):
        buffer.nearest.fill(0)
        buffer.seen.fill(-1)
    for layers in (canvas.layers, canvas.intruder_layers):
        layers.count.fill(0)
    return canvas


def _join(surfaces: list[Surface]) -> tuple[kernels.Mesh, list[tuple[int, int]]]:
    """All surfaces' triangles as one mesh, not yet projected, and the first and last face + 1 of each."""
    counts = [(len(s.vertices), len(s.faces)) for s in surfaces]
    vertices, faces = np.sum(counts, axis=0)
    mesh = kernels.Mesh(
        vertices=np.empty((vertices, 3), np.float32),
        normals=np.zeros((vertices, 3), np.float32),
        uv=np.zeros((vertices, 2), np.float32),
        color=np.ones((vertices, 4), np.float32),
        screen=np.zeros((vertices, 2), np.int32),
        inverse=np.zeros(vertices, np.float32),
        faces=np.empty((faces, 3), np.int32),
        surface=np.empty(faces, np.uint8),
        label=np.empty(faces, np.uint8),
    )
    spans, v, f = [], 0, 0
    for number, (surface, (more_v, more_f)) in enumerate(zip(surfaces, counts, strict=True)):
        corners, triangles = slice(v, v + more_v), slice(f, f + more_f)
        mesh.vertices[corners] = surface.vertices
        np.add(surface.faces, v, out=mesh.faces[triangles], casting="unsafe")
        if surface.normals is None:
            kernels.smooth_normals(surface.vertices, surface.faces, mesh.normals[corners])
        else:
            mesh.normals[corners] = surface.normals
        if surface.uv is not None:
            mesh.uv[corners] = surface.uv
        if surface.color is not None:
            mesh.color[corners, : surface.color.shape[1]] = surface.color
        mesh.surface[triangles] = number
        mesh.label[triangles] = kernels.OCCLUDER if surface.occluder and not surface.hair else surface.label
        spans.append((f, f + more_f))
        v, f = v + more_v, f + more_f
    return mesh, spans


def _materials(surfaces: list[Surface], spans: list[tuple[int, int]], mesh: kernels.Mesh):
    """The surfaces' properties and textures, as `kernels.Materials`."""
    flags = np.zeros((len(surfaces), 12), np.int64)
    numbers = np.zeros((len(surfaces), 5))
    texels, size = [], 0
    for s, surface in enumerate(surfaces):
        flags[s, :5] = surface.occluder, surface.hair, surface.glass, surface.metal, surface.two_sided
        flags[s, kernels.BUMP] = -1
        roughness = max((1 - surface.gloss) ** 2, 0.02)
        numbers[s, :4] = 0.08 * surface.specular, surface.gloss, roughness, surface.translucency
        for picture, first in ((surface.texture, kernels.TEXTURE), (surface.bump, kernels.BUMP)):
            if picture is None:
                continue
            shrink = kernels.texels_per_sample(mesh, *spans[s], *picture.shape[:2])
            picture = _shrunk(picture, shrink)
            flags[s, first : first + 3] = size, *picture.shape[:2]
            texels.append(picture.reshape(-1))
            size += picture.size
            if first == kernels.TEXTURE:
                flags[s, kernels.CHANNELS] = picture.shape[2]
            else:
                numbers[s, kernels.BUMP_MM] = surface.bump_height
    return kernels.Materials(flags, numbers, np.concatenate([*texels, np.zeros(1, np.uint8)]))


def _shrunk(picture: np.ndarray, texels: float) -> np.ndarray:
    """The picture averaged over whole blocks, as many texels wide as fit a sample, so that it does not
    alias."""
    height, width = picture.shape[:2]
    block = max(int(min(texels, height / 4, width / 4)), 1)
    if block == 1:
        return picture
    whole = picture[: height - height % block, : width - width % block]
    return cv2.resize(whole, (width // block, height // block), interpolation=cv2.INTER_AREA)


def _depths(canvas: Canvas) -> np.ndarray:
    """(2, S, S) float32 mm of the person and of occluders in the first sample of each pixel, 0 where nothing
    is."""
    canvas.depths.fill(0)
    side = 2 * len(canvas.depths[0])
    for depth, buffer in zip(canvas.depths, (canvas.person, canvas.intruder), strict=True):
        nearest = buffer.nearest.reshape(side, side)[::2, ::2]
        np.divide(1, nearest, out=depth, where=nearest > 0)
    return canvas.depths


def _around(depth: np.ndarray) -> np.ndarray:
    """(4,) int64: left, right, top, bottom of what is drawn, and as far around it as `shading` looks for the sky."""
    drawn, margin = depth > 0, len(depth) // 8 + 2
    spans = [np.flatnonzero(drawn.any(axis)) for axis in (0, 1)]
    if not len(spans[0]):
        return np.zeros(4, np.int64)
    return np.array([x for span in spans for x in (span[0] - margin, span[-1] + 1 + margin)], np.int64)


def _lamp(light: Light, mesh: kernels.Mesh, surfaces: list[Surface]) -> kernels.Lamp:
    """The lamp and the frame of its shadow maps, which hold the heads (or everything, if there is no
    head)."""
    toward = np.asarray(light.key_direction, np.float64)
    up = np.array([0.0, 1.0, 0.0]) if abs(toward[1]) < 0.9 else np.array([0.0, 0.0, 1.0])
    right = np.cross(up, toward)
    right /= np.sqrt(np.square(right).sum())
    axes = np.stack([right, np.cross(toward, right), toward])
    heads = [s.vertices for s in surfaces if s.is_head] or [mesh.vertices]
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for points in heads:
        kernels.widen(points, axes, low, high)
    width = max(high[0] - low[0], high[1] - low[1]) + 2 * MARGIN
    middle = (low + high) / 2
    origin = np.array([middle[0] - width / 2, middle[1] + width / 2])
    color = np.asarray(light.key_color, np.float64)
    return kernels.Lamp(axes, origin, width / SHADOW_MAP, low[2] - 500.0, float(light.softness), color)


def _shadow_maps(surfaces, spans, view, materials, lamp, canvas) -> tuple[tuple, np.ndarray]:
    """Heights (H, H) of what the lamp sees first of the person, and of occluders, 0 where there is nothing;
    and (H, H) uint8, 0 wherever no shadow of an occluder can fall."""
    mesh = view._replace(screen=np.zeros_like(view.screen), inverse=np.zeros_like(view.inverse))
    view_side, maps = 2 * len(canvas.depths[0]), (canvas.lamp_person, canvas.lamp_intruder)
    kernels.project_to_lamp(mesh.vertices, lamp, mesh.screen, mesh.inverse)
    for s, surface in enumerate(surfaces):
        if not surface.casts_shadow:
            continue
        if surface.transparent:
            kernels.draw_cutout(mesh, materials, s, *spans[s], SHADOW_MAP, view, view_side, canvas.person, maps)
        else:
            kernels.draw_opaque(mesh, *spans[s], surface.two_sided, SHADOW_MAP, maps[surface.occluder])
    heights = tuple(buffer.nearest.reshape(SHADOW_MAP, SHADOW_MAP) for buffer in maps)
    spread = 2 * int(np.ceil(max(lamp.softness * shading.SEARCH / lamp.texel, 1.5))) + 3
    return heights, cv2.dilate((heights[1] > 0).astype(np.uint8), np.ones((spread, spread), np.uint8))
