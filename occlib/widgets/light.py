"""Notebook 06: a head whose light and pose follow sliders."""

import numpy as np
import torch

from occlib.morphable import MorphableModel
from occlib.plotting import portrait
from occlib.rendering import sh_basis
from occlib.widgets.live import Live, Slider, explore


def distant_light(
    azimuth: float, elevation: float, *, ambient: float = 0.4, strength: float = 0.9
) -> torch.Tensor:
    """Lighting (1, 9) of a distant lamp over uniform light.

    A lamp of irradiance E in direction d, expanded into harmonics, is gamma_b = E Y_b(d); its irradiance on a
    surface that faces it is pi times what `shade` returns, so E = pi * strength makes that surface `strength`
    (of bands 0 to 2, whose sum overshoots the cosine by a sixteenth). azimuth: radians to the viewer's right,
    elevation: radians up; zero shines from the viewer. ambient: shading by uniform light.
    """
    a, e = torch.tensor([azimuth, elevation], dtype=torch.float32)
    direction = torch.stack([a.sin() * e.cos(), e.sin(), a.cos() * e.cos()])
    lighting = torch.pi * strength * sh_basis(direction)
    lighting[0] += ambient * (4 * torch.pi) ** 0.5
    return lighting[None]


def lit_head(
    model: MorphableModel,
    azimuth: float,
    elevation: float,
    pitch: float,
    yaw: float,
    roll: float,
    size: int = 256,
) -> np.ndarray:
    """The mean head, (size, size, 3) uint8, under a distant light; all angles in degrees."""
    lighting = distant_light(*np.radians([azimuth, elevation]))
    image = portrait(model, angles=np.radians([pitch, yaw, roll]), lighting=lighting, size=size)
    return (255 * image.clip(0, 1)).round().astype(np.uint8)


def light_and_pose(model: MorphableModel) -> Live:
    """Sliders for the lamp's direction and the head's pose beside the rendering."""
    sliders = {
        "azimuth": Slider("light to the right", -120, 120, 5, 40),
        "elevation": Slider("light from above", -80, 80, 5, 30),
        "pitch": Slider("pitch", -40, 40, 2),
        "yaw": Slider("yaw", -80, 80, 2),
        "roll": Slider("roll", -44, 44, 2),
    }
    alt = "Rendered head lit from the upper right; run the cell to move light and head with the sliders."
    return explore(lambda **angles: lit_head(model, **angles), sliders, alt)
