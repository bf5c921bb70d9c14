"""Bake BlazeFace and FaceMesh from MediaPipe's wheel into assets/pretrained/{blazeface,facemesh}.safetensors.

Beside occlib it needs the package `tflite` (a reader of that file format), which occlib itself never does:

    python -m pip install --target .cache/tflite tflite==2.18.0
    PYTHONPATH=.cache/tflite python assets/recipes/bake_faces.py

The weights are float16 in the original files too, so nothing is lost. Running it twice gives the same bytes.
"""

import json
from pathlib import Path

import numpy as np
import sources
import tflite
import torch
from safetensors.torch import save_file
from torch import nn

from occlib.faces.blaze import BlazeFace, FaceMesh
from occlib.files import whole_file

PRETRAINED = Path(__file__).resolve().parents[1] / "pretrained"
MEDIAPIPE = {
    "registry": "pypi", "name": "mediapipe", "version": "0.10.14",
    "sha256": "a807328339e7356fda0bb14df12fedbf1d33bdf81649c5f8666b0026b1cc30b4",
}
WHEEL = ("--platform", "manylinux2014_x86_64", "--python-version", "3.11", "--only-binary", ":all:")


class Graph:
    """The operators of a tflite file, to be walked from an output back to the input."""

    def __init__(self, file: Path):
        self.model = tflite.Model.GetRootAs(file.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.maker = {}  # tensor -> the operator that computes it
        for i in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(i)
            for output in operator.OutputsAsNumpy():
                self.maker[int(output)] = operator

    def outputs(self) -> dict[str, int]:
        """Output tensors by name."""
        return {self.graph.Tensors(i).Name().decode(): int(i) for i in self.graph.OutputsAsNumpy()}

    def kind(self, operator) -> int:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        return max(code.BuiltinCode(), code.DeprecatedBuiltinCode())

    def constant(self, tensor: int) -> torch.Tensor:
        """A float16 constant, found behind its DEQUANTIZE."""
        stored = self.graph.Tensors(int(self.maker[tensor].Inputs(0)))
        data = self.model.Buffers(stored.Buffer()).DataAsNumpy().view(np.float16)
        return torch.from_numpy(data.reshape(stored.ShapeAsNumpy()).copy())

    def parameters(self, tensor: int) -> list[torch.Tensor]:
        """Weights of the chain of convolutions and PReLUs that ends in `tensor`, in the order they are
        applied.

        Layouts become torch's. At an addition the walk follows the branch that ends in a convolution: the
        other one is the shortcut, which has no weights.
        """
        op = tflite.BuiltinOperator
        found = []
        while tensor in self.maker:
            operator = self.maker[tensor]
            kind, inputs = self.kind(operator), [int(i) for i in operator.InputsAsNumpy()]
            tensor = inputs[0]
            if kind == op.CONV_2D:  # (out, h, w, in) -> (out, in, h, w)
                found.append([self.constant(inputs[1]).permute(0, 3, 1, 2), self.constant(inputs[2])])
            elif kind == op.DEPTHWISE_CONV_2D:  # (1, h, w, out) -> (out, 1, h, w)
                found.append([self.constant(inputs[1]).permute(3, 0, 1, 2), self.constant(inputs[2])])
            elif kind == op.PRELU:
                found.append([self.constant(inputs[1]).flatten()])
            elif kind == op.ADD:
                (tensor,) = (i for i in inputs if i in self.maker and self.kind(self.maker[i]) == op.CONV_2D)
            elif kind not in (op.RELU, op.RESHAPE):
                raise ValueError(f"did not expect operator {kind} in this network")
        return [parameter.contiguous() for layer in reversed(found) for parameter in layer]


def named(modules: dict[str, nn.Module], parameters: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """The parameters under the names that the modules, applied in the given order, have for them."""
    expected = {
        f"{prefix}.{key}": value.shape for prefix, module in modules.items()
        for key, value in module.state_dict().items()
    }
    if [tuple(p.shape) for p in parameters] != [tuple(shape) for shape in expected.values()]:
        raise ValueError("the network in the file is not the one in occlib.faces.blaze")
    return dict(zip(expected, parameters))


def write(state: dict[str, torch.Tensor], network: nn.Module, name: str, tflite_file: str) -> None:
    """Check that `state` is complete and write it, whole or not at all."""
    network.load_state_dict(state)
    header = {
        "network": type(network).__name__, "licence": "Apache-2.0", "source": MEDIAPIPE, "file": tflite_file,
    }
    with whole_file(PRETRAINED / name) as part:  # one entry in the metadata, whose order isn't kept
        save_file(state, part, metadata={"header": json.dumps(header)})


def bake_blazeface(modules: Path) -> None:
    file = "face_detection/face_detection_short_range.tflite"
    graph, network = Graph(modules / file), BlazeFace()
    trunk = {"stem": network.stem, "fine": network.fine}
    coarse = {**trunk, "coarse": network.coarse}
    state = {}
    for output, kind in (("classificators", "score"), ("regressors", "box")):
        fine_end, coarse_end = (int(i) for i in graph.maker[graph.outputs()[output]].InputsAsNumpy())
        head = {f"{kind}_fine": getattr(network, f"{kind}_fine")}
        state |= named(trunk | head, graph.parameters(fine_end))
        head = {f"{kind}_coarse": getattr(network, f"{kind}_coarse")}
        state |= named(coarse | head, graph.parameters(coarse_end))
    write(state, network, "blazeface.safetensors", file)


def bake_facemesh(modules: Path) -> None:
    file = "face_landmark/face_landmark.tflite"
    graph, network = Graph(modules / file), FaceMesh()
    trunk = {"stem": network.stem, "trunk": network.trunk}
    points, presence = graph.outputs()["conv2d_21"], graph.outputs()["conv2d_31"]
    state = named(trunk | {"points": network.points}, graph.parameters(points))
    state |= named(trunk | {"presence": network.presence}, graph.parameters(presence))
    write(state, network, "facemesh.safetensors", file)


if __name__ == "__main__":
    modules = sources.fetch(*MEDIAPIPE.values(), *WHEEL) / "mediapipe/modules"
    bake_blazeface(modules)
    bake_facemesh(modules)
