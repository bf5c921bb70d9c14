"""Notebook 00: a head in 3-D that can be turned with the mouse."""

from __future__ import annotations

import ipywidgets
import numpy as np
import torch

from occlib.morphable import MorphableModel
from occlib.pipeline import Reconstruction
from occlib.plotting import SOFT_LIGHT, figure_pixels, image_row, mesh_portrait
from occlib.rendering.camera import rotation_matrix
from occlib.widgets.live import Live, Panel, Slider

MIDDLE = np.array([0.0, -32.0, -40.0])
"""What the camera looks at, in mm: about the middle of a head."""
AWAY = 690.0
"""How far from there the camera is, in mm."""
TURNS = {"yaw": Slider("yaw", -90, 90, 5), "pitch": Slider("pitch", -40, 40, 5)}
"""Degrees. Keys can't reach into a 3-D view; these turn it too."""


class View:
    """A mesh, vertices (V, 3) in mm, faces (F, 3) and RGB colors (V, 3) in [0, 1], that the mouse turns and
    zooms."""

    def __init__(
        self,
        vertices: np.ndarray,
        faces: np.ndarray,
        colors: np.ndarray,
        *,
        width: int = 420,
        height: int = 420,
    ):
        import k3d  # here: its colour maps take 0.13 GB, and only this view needs it

        self.mesh = k3d.mesh(
            vertices.astype(np.float32),
            faces.astype(np.uint32),
            colors=packed(colors),
            flat_shading=False,
            roughness=0.8,
        )
        self.plot = k3d.plot(
            height=height,
            grid_visible=False,
            menu_visibility=False,
            camera_auto_fit=False,
            axes_helper=0,
            lighting=2.2,
        )
        self.plot += self.mesh
        self.plot.camera_fov = 25  # degrees: from far away, like the camera of Eq. 10
        self.turn(0, 0)
        self.box = ipywidgets.Box([self.plot], layout={"width": f"{width}px"})

    def show(self, vertices: np.ndarray, colors: np.ndarray) -> None:
        """Another shape (V, 3) mm and other colours (V, 3) in [0, 1] of the same triangles."""
        self.mesh.vertices, self.mesh.colors = vertices.astype(np.float32), packed(colors)

    def turn(self, pitch: float, yaw: float) -> None:
        """Turn the head by these degrees from where it faces the viewer: the camera goes round it instead."""
        self.plot.camera = camera_around(pitch, yaw)


def camera_around(pitch: float, yaw: float) -> list[float]:
    """k3d's camera, [position, target, up] in 9 numbers, that sees the head turned by these degrees: with
    R = R_y(yaw) R_x(pitch), position = MIDDLE + R^T (0, 0, AWAY) and up = R^T (0, 1, 0)."""
    angles = torch.tensor([[pitch, yaw, 0.0]], dtype=torch.float64).deg2rad()
    rotation = rotation_matrix(angles)[0].numpy()
    return [*(MIDDLE + AWAY * rotation[2]), *MIDDLE, *rotation[1]]


def packed(colors: np.ndarray) -> np.ndarray:
    """RGB (V, 3) in [0, 1] as (V,) uint32 0xRRGGBB."""
    red, green, blue = (255 * colors.clip(0, 1)).round().astype(np.uint32).T
    return (red << 16) | (green << 8) | blue


def turnable_face(face: Reconstruction | MorphableModel) -> Live:
    """The head of a reconstruction, or the mean head of a model, to turn with the mouse or by sliders."""
    if isinstance(face, MorphableModel):
        (vertices, faces, colors), lighting = mean_head(face), SOFT_LIGHT
    else:
        vertices, faces, colors = face.vertices, face.faces, face.colors
        lighting = face.coefficients.lighting.cpu()
    view = View(vertices, faces, colors)

    def turn(**angles) -> tuple[None, str]:
        view.turn(**angles)
        return None, ""

    mesh = [torch.from_numpy(array) for array in (vertices[None], faces, colors[None])]
    turned = {
        f"yaw {yaw}°": mesh_portrait(*mesh, angles=(0, np.radians(yaw), 0), lighting=lighting)
        for yaw in (-45, 0, 45)
    }
    alt = "A head seen from three sides; run the cell to turn it."
    return Live([view.box, Panel(turn, TURNS, alt)], figure_pixels(image_row(turned), dpi=60), alt)


def mean_head(model: MorphableModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (V, 3) in mm, faces (F, 3) and albedo (V, 3) in [0, 1] of the model's mean."""
    vertices = model.shape(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression))
    albedo = model.albedo(torch.zeros(1, model.n_texture)).clamp(0, 1)
    return vertices[0].numpy(), model.faces.numpy(), albedo[0].numpy()
