"""Section 3.3, the renderer: camera (Eq. 10), spherical-harmonics light, rasteriser, antialias.

A picture is made in the order of the modules: `camera` places the vertices, `normals` and
`spherical_harmonics` light them, `rasterizer` finds the triangle behind every pixel, `antialias` makes the
outline differentiable and `renderer` puts it all together. On the CPU the inner loops are compiled by numba
(`*_cpu.py`); each has a plain-torch twin that says the same in a form meant for reading (`reference.py` for
the rasteriser).
"""

from occlib.rendering.antialias import antialias
from occlib.rendering.camera import Camera, PerspectiveCamera, rotation_matrix, scaled_orthographic_pose
from occlib.rendering.normals import vertex_normals
from occlib.rendering.rasterizer import Fragments, interpolate, rasterize
from occlib.rendering.renderer import Rendering, render
from occlib.rendering.spherical_harmonics import LAMBERT, sh_basis, shade

__all__ = [
    "LAMBERT",
    "Camera",
    "Fragments",
    "PerspectiveCamera",
    "Rendering",
    "antialias",
    "interpolate",
    "rasterize",
    "render",
    "rotation_matrix",
    "scaled_orthographic_pose",
    "sh_basis",
    "shade",
    "vertex_normals",
]
