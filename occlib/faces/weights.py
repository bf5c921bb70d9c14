"""Read the baked weights of the face networks: float16, or int8 with one scale an output channel."""

import torch
from safetensors.torch import load_file
from torch import nn

from occlib import assets

RECIPE = "python assets/recipes/bake_faces.py"


def tensors(name: str) -> dict[str, torch.Tensor]:
    """All tensors of `assets/pretrained/<name>` in float32.

    An int8 tensor `w` (C, ...) comes with `w.scale` (C,), one number for each output channel: value =
    scale * integer.
    """
    stored = load_file(assets.path(f"pretrained/{name}", recipe=RECIPE))
    values = {}
    for key, tensor in stored.items():
        if key.endswith(".scale"):
            continue
        values[key] = tensor.float()
        if tensor.dtype == torch.int8:
            scale = stored[f"{key}.scale"].float()
            values[key] *= scale.reshape(-1, *[1] * (tensor.dim() - 1))
    return values


@torch.inference_mode(False)  # a network first loaded inside of that mode must work outside of it too
def load(kind: type[nn.Module], name: str, device: str, dtype: torch.dtype) -> nn.Module:
    """A network of that class with the weights of `assets/pretrained/<name>`, in evaluation mode and
    frozen."""
    network = kind()
    network.load_state_dict(tensors(name))
    return network.to(device, dtype).eval().requires_grad_(False)
