"""A picture that follows sliders, and the picture that stands in for a widget where no kernel runs."""

from collections.abc import Callable
from typing import NamedTuple

import ipywidgets
import numpy as np

from occlib.plotting import encoded


class Slider(NamedTuple):
    """What one slider says and where it goes; it starts at `start`."""

    label: str
    low: float
    high: float
    step: float
    start: float = 0.0

    def widget(self) -> ipywidgets.Widget:
        kind = ipywidgets.IntSlider if isinstance(self.step, int) else ipywidgets.FloatSlider
        return kind(
            self.start, min=self.low, max=self.high, step=self.step, description=self.label,
            style={"description_width": "9.5em"}, layout={"width": "28em"},
        )  # fmt: skip


class Live(ipywidgets.HBox):
    """Children side by side. `still`: the (H, W, 3) uint8 picture that a static page shows in their place."""

    def __init__(self, children, still: np.ndarray, alt: str):
        super().__init__(children, layout={"align_items": "center"})
        self.still, self.alt = still, alt

    def _repr_mimebundle_(self, **kwargs):
        data = super()._repr_mimebundle_(**kwargs)
        data["image/jpeg"] = encoded(self.still, "jpeg")
        data["text/plain"] = self.alt
        return data, {"image/jpeg": {"alt": self.alt}}


def explore(draw: Callable[..., np.ndarray], sliders: dict[str, Slider], alt: str) -> Live:
    """Sliders beside the picture (H, W, 3) uint8 that `draw` makes of their values, given by their keys."""
    controls = {name: slider.widget() for name, slider in sliders.items()}

    def values() -> dict[str, float]:
        return {name: control.value for name, control in controls.items()}

    still = draw(**values())
    image = ipywidgets.Image(value=encoded(still, "jpeg"), format="jpeg", alt=alt)

    def update(_):
        image.value = encoded(draw(**values()), "jpeg")

    for control in controls.values():
        control.observe(update, "value")
    return Live([ipywidgets.VBox(list(controls.values())), image], still, alt)
