"""What detected landmarks say about the face (our addition to §3.3): a calibrated Gaussian likelihood.

A landmark detector neither points exactly at the same spot of a mesh in every photo, nor are the errors of
neighbouring points independent. Both are measured once on heads whose truth is known
(`assets/recipes/calibrate_landmarks.py`): for each detected point the vertex that it follows best, the
offset that remains, and the covariance of all the errors together. The term is then the Mahalanobis distance

    L = 1/2 r^T C^-1 r,     r = (detected - projected) / k - offset,   in mm of the face's image plane

so that 468 correlated points count for what they are worth and not for 468 independent ones.
"""

from dataclasses import dataclass

import torch
from safetensors import safe_open

from occlib import assets
from occlib.faces import IBUG68_FROM_MESH
from occlib.morphable import MorphableModel
from occlib.rendering import Camera

CALIBRATION = "face_model/open_landmarks.safetensors"
HIDDEN_SD = 12.0
"""Standard deviation in mm of a landmark under an occluder: the detector guesses there."""
MISLED = 40.0
"""Growth of the whole covariance per share of hidden points: a covered face leads the detector astray elsewhere too."""


@dataclass
class LandmarkTerm:
    """Which vertices the detected points follow, and with what error.

    points: (L,) indices into the 468 detected points. vertices: (L,) indices into the mesh.
    offset: (L, 2) mm, detected - projected on a neutral face, x right, y down, head upright (roll removed).
    covariance: (2 L, 2 L) mm^2, of the errors in the order x0, y0, x1, y1, ...
    """

    points: torch.Tensor
    vertices: torch.Tensor
    offset: torch.Tensor
    covariance: torch.Tensor

    @classmethod
    def for_model(cls, model: MorphableModel) -> "LandmarkTerm":
        """The calibrated 468 points for the open model; for another, its 68 landmarks with 2.5 mm each."""
        if model.name == "open":
            file = assets.path(CALIBRATION, recipe="python assets/recipes/calibrate_landmarks.py")
            with safe_open(file, "pt") as stored:
                vertices, offset, factors, noise = (
                    stored.get_tensor(name) for name in ("vertices", "offset", "factors", "noise")
                )
            factors = factors.double()
            covariance = factors.T @ factors + noise.double().diag()
            points = torch.arange(len(vertices))
        else:
            points = torch.as_tensor(IBUG68_FROM_MESH, dtype=torch.int64)
            vertices = model.landmark_indices.cpu()
            offset = torch.zeros(len(points), 2)
            covariance = 2.5**2 * torch.eye(2 * len(points), dtype=torch.float64)
        return cls(points, vertices.long(), offset.float(), covariance)

    def residual(self, landmarks: torch.Tensor, detected: torch.Tensor, camera: Camera) -> torch.Tensor:
        """r (N, 2 L) in mm for landmarks (N, L, 3), the mesh at `self.vertices`, and detected (N, L, 2) px."""
        pixels = detected - camera.project(landmarks)[..., :2]
        roll, scale = camera.pose[:, 2], camera.pose[:, 3]
        # Undo the roll (counter-clockwise on screen, where y points down), then pixels -> mm.
        cos, sin = roll.cos()[:, None], roll.sin()[:, None]
        x = cos * pixels[..., 0] - sin * pixels[..., 1]
        y = sin * pixels[..., 0] + cos * pixels[..., 1]
        upright = torch.stack([x, y], -1) / scale[:, None, None]
        return (upright - self.offset.to(upright)).flatten(1)

    def whitening(self, hidden: torch.Tensor | None = None) -> torch.Tensor:
        """W (2 L, 2 L) with W^T W = C^-1, so that L = 1/2 |W r|^2.

        hidden: (L,) in [0, 1], how much of each point is occluded; adds the variance of a guess, and widens
        the others'.
        """
        covariance = self.covariance
        if hidden is not None:
            hidden = hidden.to(covariance)
            extra = HIDDEN_SD**2 * hidden.repeat_interleave(2)
            covariance = (1 + MISLED * hidden.mean()) * covariance + extra.diag()
        lower = torch.linalg.cholesky(covariance)
        identity = torch.eye(len(lower), dtype=lower.dtype)
        return torch.linalg.solve_triangular(lower, identity, upper=False).float()
