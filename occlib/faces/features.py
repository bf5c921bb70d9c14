"""Whose face it is: identity features G, the networks behind Eq. 12 and behind face verification."""

import pickle
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from occlib.errors import MissingAssetError
from occlib.faces import weights
from occlib.faces.alignment import align_chip
from occlib.faces.inception import InceptionResnetV1
from occlib.faces.resnet import RecognitionResNet


class FaceFeatures(Protocol):
    """A network that knows people apart. `similarity` compares what it returns."""

    def align(self, images: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Images (N, 3, H, W) in [0, 1] and their FaceMesh points (N, 468, 2 or 3) -> the faces it reads."""

    def __call__(self, faces: torch.Tensor) -> torch.Tensor:
        """Aligned faces (N, 3, S, S) in [0, 1] -> features (N, D), differentiable."""


def similarity(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Cosine (...,) of features (..., D) of `FaceFeatures`: 1 for the same photo, about 0 for strangers.

    The features have their mean over many people subtracted; without that dlib's strangers reach 0.83.
    """
    return F.cosine_similarity(a, b, dim=-1)


class DlibFeatures(nn.Module):
    """G by dlib's recognition ResNet: embedding (N, 128) minus the mean embedding of 40 people.

    On 400 photos of 40 people (ORL) a threshold of 0.43 on the similarity errs in 0.3 % of the pairs, both
    ways.
    """

    def __init__(self):
        super().__init__()
        self.network = RecognitionResNet()
        self.register_buffer("mean", torch.zeros(128))

    @staticmethod
    def load(device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> "DlibFeatures":
        """With the baked weights, frozen; the same object for the same device and type."""
        return _dlib_features(str(device), dtype)

    align = staticmethod(align_chip)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Aligned faces (N, 3, 150, 150), RGB in [0, 1] -> (N, 128)."""
        return self.network(faces) - self.mean


@cache
def _dlib_features(device: str, dtype: torch.dtype) -> DlibFeatures:
    return weights.load(DlibFeatures, "recognition.safetensors", device, dtype)


class FaceNetFeatures(nn.Module):
    """G as in the paper: FaceNet (Schroff et al. 2015) by the InceptionResnetV1 of facenet-pytorch.

    Its weights can't be shipped; `load` reads a file the user has. The features (N, 512) have length 1. Faces
    are aligned as for dlib, at 160 px.
    """

    def __init__(self):
        super().__init__()
        self.network = InceptionResnetV1()

    @classmethod
    def load(cls, file: str | PathLike, device: str | torch.device = "cpu") -> "FaceNetFeatures":
        """With the weights of `file`: a state dict of facenet-pytorch, `.pt` or `.safetensors`.

        Raises MissingAssetError when it is not there or holds something else. Only tensors are ever
        unpickled.
        """
        state = _read_state(Path(file))
        features = cls()
        wanted = features.network.state_dict()
        state = {key: value for key, value in state.items() if not key.startswith("logits.")}
        if {k: v.shape for k, v in state.items()} != {k: v.shape for k, v in wanted.items()}:
            raise MissingAssetError(f"{file} doesn't hold the weights of facenet-pytorch's InceptionResnetV1")
        features.network.load_state_dict(state)
        return features.to(device).eval().requires_grad_(False)

    @staticmethod
    def align(images: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Images (N, 3, H, W) and FaceMesh points (N, 468, 2 or 3) -> faces (N, 3, 160, 160)."""
        return align_chip(images, points, size=160)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Aligned faces (N, 3, 160, 160), RGB in [0, 1] -> (N, 512)."""
        return self.network(faces)


_UNREADABLE = (
    SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, TypeError, OSError, EOFError,
)


def _read_state(file: Path) -> dict[str, torch.Tensor]:
    """The tensors in a `.safetensors` or PyTorch file."""
    if not file.is_file():
        raise MissingAssetError(f"no weights at {file}: facenet-pytorch publishes them (vggface2)")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        return dict(torch.load(file, map_location="cpu", weights_only=True))
    except _UNREADABLE as error:
        raise MissingAssetError(f"cannot read weights from {file}: {str(error).splitlines()[0]}") from error
