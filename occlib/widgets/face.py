"""Notebook 05: a face that follows its first coefficients and can be turned with the mouse."""

import ipywidgets
import numpy as np
import torch

from occlib.morphable import MorphableModel
from occlib.plotting import figure_pixels, image_row, portrait
from occlib.widgets.live import Live, Slider

PARTS = ("identity", "expression", "texture")


def face_mesh(model: MorphableModel, values: dict[tuple[str, int], float]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float32 mm and colours (V,) uint32 0xRRGGBB of the face with coefficients `values`.

    values: (part, number) -> standard deviations, e.g. {("identity", 0): 1.5}; all others are zero.
    """
    rows = {"identity": model.n_identity, "expression": model.n_expression, "texture": model.n_texture}
    rows = {part: torch.zeros(1, width) for part, width in rows.items()}
    for (part, number), value in values.items():
        rows[part][0, number] = value
    vertices = model.shape(rows["identity"], rows["expression"])[0].numpy()
    red, green, blue = (
        (255 * model.albedo(rows["texture"])[0].clamp(0, 1)).round().numpy().astype(np.uint32).T
    )
    return vertices, (red << 16) | (green << 8) | blue


def turnable_face(model: MorphableModel, *, count: int = 4, reach: float = 3.0) -> Live:
    """Sliders over the first `count` coefficients of each part, -reach to reach, beside a face to turn."""
    import k3d  # here: its colour maps take 0.13 GB, and only this widget needs it

    controls = {
        (part, number): Slider(f"{part} {number + 1}", -reach, reach, 0.1).widget()
        for part in PARTS
        for number in range(count)
    }
    vertices, colors = face_mesh(model, {})
    mesh = k3d.mesh(vertices, model.faces.numpy().astype(np.uint32), colors=colors, flat_shading=False)
    plot = k3d.plot(
        height=420, grid_visible=False, menu_visibility=False, camera_auto_fit=False, axes_helper=0
    )
    plot += mesh
    plot.camera_fov = 25  # degrees: from far away, like the camera of Eq. 10
    plot.camera = [0, -32, 650, 0, -32, -40, 0, 1, 0]  # position, target, up; mm

    def update(_):
        mesh.vertices, mesh.colors = face_mesh(
            model, {key: control.value for key, control in controls.items()}
        )

    for control in controls.values():
        control.observe(update, "value")
    still = image_row(
        {f"yaw {yaw}°": portrait(model, angles=(0, np.radians(yaw), 0)) for yaw in (-45, 0, 45)}
    )
    frame = ipywidgets.Box([plot], layout={"width": "420px"})
    alt = "Mean face of the model seen from three sides; run the cell to move its coefficients and turn it."
    return Live([ipywidgets.VBox(list(controls.values())), frame], figure_pixels(still, dpi=60), alt)
