"""The shipped N_cont at work: contours in the hole of a photo."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from occlib import assets
from occlib.contours.network import ContourNetwork
from occlib.guide import Guide
from occlib.networks import read_network

WEIGHTS = "checkpoints/joint.safetensors"
"""Those of N_cont and N_syn, trained together."""


@torch.inference_mode()
def draw_contours(
    photo: np.ndarray, hole: np.ndarray, guide: Guide, network: ContourNetwork | None = None
) -> np.ndarray:
    """C_syn of an aligned photo (S, S, 3) uint8 with a hole (S, S) bool: (S, S) float32 in [0, 1].

    S a multiple of 32. guide: that of photo and hole, see `occlib.guide`. network: by default the shipped
    one. Contours around the hole are those of the guide's image: the hole's own edge is none.
    """
    network = load_contours() if network is None else network
    image = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
    mask = torch.from_numpy(hole.astype(np.float32))[None, None]
    around = torch.from_numpy(guide.contours.astype(np.float32) / 255)[None, None]
    hint = guide.tensor()[None] if network.guided else None
    return network(image, mask, around, hint).sigmoid()[0, 0].numpy()


@cache
def load_contours() -> ContourNetwork:
    """The N_cont that ships, in evaluation mode and frozen."""
    return read_contours(assets.path(WEIGHTS, recipe="occlib train joint --out DIR"))


def read_contours(path) -> ContourNetwork:
    """N_cont from weights that `occlib.training.ship` wrote, alone or together with N_syn."""
    return read_network(path, "contours", ContourNetwork)
