"""Interactive demos of the notebooks: thin views over functions that are tested without a browser.

Each widget shows a picture with an alt text where no kernel runs: on a web page, in a repository's viewer.
"""

from occlib.widgets.before_after import before_after
from occlib.widgets.contour_editor import contour_editor
from occlib.widgets.coverage import coverage_explorer
from occlib.widgets.explorer import morphable_explorer
from occlib.widgets.face import turnable_face
from occlib.widgets.gallery import gallery
from occlib.widgets.light import light_and_pose
from occlib.widgets.live import Choice, Live, Number, Slider, explore
from occlib.widgets.painter import painter
from occlib.widgets.replay import replay

__all__ = [
    "Choice",
    "Live",
    "Number",
    "Slider",
    "before_after",
    "contour_editor",
    "coverage_explorer",
    "explore",
    "gallery",
    "light_and_pose",
    "morphable_explorer",
    "painter",
    "replay",
    "turnable_face",
]
