"""The vector V_x of §3.3: everything that is estimated about one face in one photo."""

from dataclasses import dataclass, fields

import torch


@dataclass
class Coefficients:
    """V_x = (alpha_id, beta_exp, beta_te, gamma, p), one row for each face; 239 numbers with white light.

    identity (N, 80), expression (N, 64), texture (N, 80): in standard deviations, zero = the mean, neutral
    face. lighting (N, 9) white or (N, 27) RGB, channel by channel: spherical harmonics, see
    `rendering.shade`. pose (N, 6): pitch, yaw, roll in radians, k in pixels per mm, t_x, t_y in pixels, see
    `rendering.Camera`.
    """

    identity: torch.Tensor
    expression: torch.Tensor
    texture: torch.Tensor
    lighting: torch.Tensor
    pose: torch.Tensor

    SIZES = (80, 64, 80, 9, 6)

    def vector(self) -> torch.Tensor:
        """(N, 239) in the order of the fields; (N, 257) with RGB light."""
        return torch.cat([getattr(self, field.name) for field in fields(self)], dim=1)

    @classmethod
    def from_vector(cls, vector: torch.Tensor) -> "Coefficients":
        """The inverse of `vector`. Raises ValueError for a width other than 239 or 257."""
        sizes = list(cls.SIZES)
        sizes[3] += vector.shape[1] - sum(sizes)
        if sizes[3] not in (9, 27):
            raise ValueError(f"V_x has 239 numbers (257 with RGB light), not {vector.shape[1]}")
        return cls(*vector.split(sizes, dim=1))

    @classmethod
    def neutral(
        cls, count: int, *, device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> "Coefficients":
        """`count` mean faces looking ahead in uniform light of radiance 1, 1 pixel per mm, t = (0, 0)."""
        vector = torch.zeros(count, sum(cls.SIZES), device=device, dtype=dtype)
        coefficients = cls.from_vector(vector)
        coefficients.lighting[:, 0] = (4 * torch.pi) ** 0.5
        coefficients.pose[:, 3] = 1.0
        return coefficients

    def to(self, *args, **kwargs) -> "Coefficients":
        """A copy on another device or of another dtype, like `torch.Tensor.to`."""
        return Coefficients(*(getattr(self, field.name).to(*args, **kwargs) for field in fields(self)))
