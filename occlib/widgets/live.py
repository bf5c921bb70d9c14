"""A picture that follows sliders and other controls, and the picture that stands in for a widget where no
kernel runs.

The browser's half is live.js: plain inputs of HTML, since those have names for screen readers, which the
sliders of ipywidgets don't. It only collects values; what is seen is made here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import anywidget
import ipywidgets
import numpy as np
import traitlets

from occlib.plotting import encoded


def script(*names: str) -> str:
    """The browser's half of a widget as one module: elements.js, and the files of these names."""
    return "\n".join(Path(__file__).with_name(file).read_text() for file in ("elements.js", *names))


class Slider(NamedTuple):
    """What one slider says and where it goes; it starts at `start`. A whole `step` gives whole numbers."""

    label: str
    low: float
    high: float
    step: float
    start: float = 0.0

    def attributes(self) -> dict:
        """Its label and the attributes of HTML's input."""
        return {"label": self.label, "type": "range", "min": self.low, "max": self.high, "step": self.step}

    def read(self, value: float) -> float:
        """The browser's value, as a whole number where the step is one."""
        return round(value) if isinstance(self.step, int) else float(value)


class Number(NamedTuple):
    """A box for a whole number from `low` to `high`."""

    label: str
    low: int
    high: int
    start: int = 0

    def attributes(self) -> dict:
        """Its label and the attributes of HTML's input."""
        return {"label": self.label, "type": "number", "min": self.low, "max": self.high}

    def read(self, value: float) -> int:
        """The browser's value as a whole number."""
        return round(value)


class Choice(NamedTuple):
    """A list of names to choose from."""

    label: str
    options: tuple[str, ...]
    start: str

    def attributes(self) -> dict:
        """Its label and what there is to choose from."""
        return {"label": self.label, "options": list(self.options)}

    def read(self, value: str) -> str:
        """The browser's value, the name chosen."""
        return value


Control = Slider | Number | Choice
Shown = np.ndarray | tuple[np.ndarray | None, str]
"""A picture (H, W, 3) uint8, or a picture or none, and words that say what is to be seen."""


class Panel(anywidget.AnyWidget):
    """Controls beside what `draw` shows of their values, given by their keys.

    `values` come from the browser, in the order of the controls; `picture` (JPEG), `alt` and `words` go
    there, and `answers` counts them. buttons: name -> what gives the values to show when it is pressed, by
    their keys; others stay. plays: whether a button lets the first control, a slider, run to its end.
    """

    _esm = script("live.js")
    _css = Path(__file__).with_name("live.css")
    controls = traitlets.List().tag(sync=True)
    values = traitlets.List().tag(sync=True)
    buttons = traitlets.List().tag(sync=True)
    plays = traitlets.Bool(False).tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    answers = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        draw: Callable[..., Shown],
        controls: dict[str, Control],
        alt: str,
        *,
        buttons: dict[str, Callable[[], dict]] | None = None,
        plays: bool = False,
    ):
        buttons = buttons or {}
        super().__init__(
            controls=[control.attributes() for control in controls.values()],
            values=[control.start for control in controls.values()],
            buttons=list(buttons),
            plays=plays,
            alt=alt,
        )
        self.draw, self._controls, self._pressed = draw, controls, list(buttons.values())
        self.look()
        self.observe(self.look, "values")
        self.on_msg(self._receive)

    def state(self) -> dict:
        """The values of the controls by their keys."""
        pairs = zip(self._controls.items(), self.values, strict=True)
        return {key: control.read(value) for (key, control), value in pairs}

    def set(self, **values) -> None:
        """Move some controls, by their keys, and show what follows."""
        self.values = list({**self.state(), **values}.values())

    def look(self, _=None) -> None:
        """Show what `draw` makes of the values as they are now."""
        try:
            shown = self.draw(**self.state())
            self.pixels, words = shown if isinstance(shown, tuple) else (shown, "")
            self.picture = b"" if self.pixels is None else encoded(self.pixels, "jpeg")
            self.words = words
            self.alt = words or self.alt
        finally:
            self.answers += 1  # the browser waits for it

    def _receive(self, _, content: dict, buffers: list) -> None:
        """A button was pressed; it may have changed more than values."""
        answers = self.answers
        self.set(**self._pressed[content["press"]]())
        if self.answers == answers:
            self.look()


class Live(ipywidgets.HBox):
    """Children side by side. `still`: the (H, W, 3) uint8 picture that a static page shows in their place."""

    def __init__(self, children, still: np.ndarray, alt: str):
        super().__init__(children, layout={"align_items": "center", "flex_flow": "row wrap"})
        self.still, self.alt = still, alt

    def _repr_mimebundle_(self, **kwargs):
        data = super()._repr_mimebundle_(**kwargs)
        data["image/jpeg"] = encoded(self.still, "jpeg")
        data["text/plain"] = self.alt
        return data, {"image/jpeg": {"alt": self.alt}}


def explore(draw: Callable[..., Shown], controls: dict[str, Control], alt: str, **options) -> Live:
    """A `Panel` of its own; `alt` also describes its first picture where it is shown still. options: those of
    `Panel`."""
    panel = Panel(draw, controls, alt, **options)
    return Live([panel], panel.pixels, alt)
