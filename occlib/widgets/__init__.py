"""Interactive demos of the notebooks: sliders over functions that are tested without a browser.

Each widget shows a picture with an alt text where no kernel runs: on a web page, in a repository's viewer.
"""

from occlib.widgets.contour_editor import contour_editor
from occlib.widgets.face import turnable_face
from occlib.widgets.gallery import gallery
from occlib.widgets.light import light_and_pose
from occlib.widgets.live import Live, Slider, explore
from occlib.widgets.painter import painter
from occlib.widgets.replay import replay

__all__ = [
    "Live",
    "Slider",
    "contour_editor",
    "explore",
    "gallery",
    "light_and_pose",
    "painter",
    "replay",
    "turnable_face",
]
