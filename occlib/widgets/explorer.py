"""Notebook 05: a face that follows its strongest coefficients, pose and light."""

from __future__ import annotations

import numpy as np
import torch

from occlib.morphable import MorphableModel
from occlib.plotting import mesh_portrait
from occlib.widgets.face import View, mean_head
from occlib.widgets.light import distant_light
from occlib.widgets.live import Live, Panel, Slider

PARTS = ("identity", "expression", "texture")


class Explorer:
    """A face that is told its first `count` coefficients of each of PARTS, in standard deviations.

    What else makes a person, the other coefficients, stays what `random_person` made it; all zero to begin
    with. values: keys such as "identity_1" for coefficients; pitch, yaw, and azimuth, elevation of the lamp,
    in degrees.
    """

    def __init__(self, model: MorphableModel, *, count: int, reach: float, size: int, seed: int = 0):
        self.model, self.count, self.reach, self.size = model, count, reach, size
        self.random = torch.Generator().manual_seed(seed)
        self.view = View(*mean_head(model), width=240, height=300)
        self.sliders = {
            key: Slider(key.replace("_", " "), -reach, reach, 0.1)
            for part in PARTS
            for key in self.keys(part)
        } | {
            "yaw": Slider("yaw", -80, 80, 5),
            "pitch": Slider("pitch", -40, 40, 5),
            "azimuth": Slider("light to the right", -120, 120, 5, 25),
            "elevation": Slider("light from above", -80, 80, 5, 20),
        }
        self.reset()

    def keys(self, part: str) -> list[str]:
        """The sliders' names for the first coefficients of one of PARTS: identity_1, identity_2, ..."""
        return [f"{part}_{number + 1}" for number in range(self.count)]

    def reset(self) -> dict[str, float]:
        """The mean face, as it was to begin with."""
        widths = (self.model.n_identity, self.model.n_expression, self.model.n_texture)
        self.rest = {part: torch.zeros(width) for part, width in zip(PARTS, widths, strict=True)}
        return {key: slider.start for key, slider in self.sliders.items()}

    def random_person(self) -> dict[str, float]:
        """Somebody else with the same expression: every coefficient of identity and texture from N(0, 1)."""
        moved = {}
        for part in ("identity", "texture"):
            self.rest[part] = torch.randn(len(self.rest[part]), generator=self.random)
            first = self.rest[part][: self.count].clamp(-self.reach, self.reach)
            moved |= {key: round(value, 1) for key, value in zip(self.keys(part), first.tolist())}
        return moved

    def mesh(self, values: dict[str, float]) -> tuple[torch.Tensor, torch.Tensor]:
        """Vertices (1, V, 3) in mm and albedo (1, V, 3) of Eq. 9: the first coefficients from `values`, the
        others from `rest`."""
        rows = []
        for part in PARTS:
            first = torch.tensor([values[key] for key in self.keys(part)])
            rows.append(torch.cat([first, self.rest[part][self.count :]])[None])
        identity, expression, texture = rows
        return self.model.shape(identity, expression), self.model.albedo(texture).clamp(0, 1)

    def draw(self, **values: float) -> np.ndarray:
        """The face through our renderer, (size, size, 3) uint8."""
        self.vertices, self.albedo = self.mesh(values)
        self.angles = values["pitch"], values["yaw"]
        image = mesh_portrait(
            self.vertices,
            self.model.faces,
            self.albedo,
            angles=np.radians([*self.angles, 0.0]),
            lighting=distant_light(*np.radians([values["azimuth"], values["elevation"]])),
            size=self.size,
        )
        return (255 * image.clip(0, 1)).round().astype(np.uint8)

    def to_3d(self) -> dict[str, float]:
        """Show in 3-D what is seen now. Not at each step of a slider: that would slow down the renderer's
        picture."""
        self.view.show(self.vertices[0].numpy(), self.albedo[0].numpy())
        self.view.turn(*self.angles)
        return {}


def morphable_explorer(model: MorphableModel, *, count: int = 4, reach: float = 3.0, size: int = 256) -> Live:
    """Sliders over the first `count` coefficients of each part, from -reach to reach standard deviations,
    over pose and light, beside the rendering and a view in 3-D, which takes the head over when asked to.

    count: 1 to 64. size: pixels a side of the rendering.
    """
    explorer = Explorer(model, count=count, reach=reach, size=size)
    alt = "Mean face of the model; run the cell to move its coefficients, turn it, and meet random people."
    buttons = {
        "random person": explorer.random_person,
        "mean face": explorer.reset,
        "to 3-D": explorer.to_3d,
    }
    panel = Panel(explorer.draw, explorer.sliders, alt, buttons=buttons)
    return Live([panel, explorer.view.box], panel.pixels, alt)
