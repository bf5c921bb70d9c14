"""Measure how FaceMesh's 468 points sit on the open face model: `python assets/recipes/calibrate_landmarks.py`.

Heads are drawn from the model, photographed by our renderer and shown to the detector. For each detected point:
the vertex whose projection it follows best over all poses and people, the offset that remains on a neutral
face, and the covariance of all the errors about it together, kept as factors + noise:

    C = F^T F + diag(noise)

Writes assets/face_model/open_landmarks.safetensors (vertices (468,), offset (468, 2) mm, factors (R, 936) mm,
noise (936,) mm^2).
"""

import argparse
import json

import numpy as np
import torch
from safetensors.torch import save
from tqdm import tqdm

from occlib import assets
from occlib.errors import NoFaceError
from occlib.evaluation.heads import PHOTO_SIZE, draw_heads
from occlib.faces import find_face
from occlib.files import whole_file
from occlib.morphable import MorphableModel
from occlib.reconstruction.landmark_term import CALIBRATION
from occlib.rendering import Camera

SEED = 468
FACTORS = 40
NOISE_FLOOR = 0.5  # mm^2, keeps C well conditioned


def measure(model: MorphableModel, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Detected (N, 468, 2) and projected (N, V, 2) points in mm, upright and centred on the model's origin.

    Third, the expression coefficients (N, 64) of the heads.
    """
    detected, projected, expressions = [], [], []
    for head in tqdm(draw_heads(model, count, seed=SEED, max_yaw=35), total=count):
        try:
            face = find_face(head.photo)
        except NoFaceError:
            continue
        pose = head.coefficients.pose
        pixels = Camera(pose, PHOTO_SIZE).project(torch.from_numpy(head.vertices)[None])[0, :, :2]
        roll, scale, center = pose[0, 2], pose[0, 3], pose[0, 4:]
        upright = torch.tensor([[roll.cos(), -roll.sin()], [roll.sin(), roll.cos()]]) / scale
        detected.append((torch.as_tensor(face.points)[:, :2].float() - center) @ upright.T)
        projected.append((pixels - center) @ upright.T)
        expressions.append(head.coefficients.expression[0])
    print(f"{len(detected)} of {count} heads were found")
    return torch.stack(detected), torch.stack(projected), torch.stack(expressions)


def followed_vertices(detected: torch.Tensor, projected: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """For each point the allowed vertex with the least mean squared distance, (468,)."""
    cost = torch.zeros(detected.shape[1], projected.shape[1])
    for points, vertices in zip(detected, projected):
        cost += points.square().sum(1)[:, None] - 2 * points @ vertices.T + vertices.square().sum(1)
    cost[:, ~allowed] = torch.inf
    return cost.argmin(1)


def neutral_offset(errors: torch.Tensor, expressions: torch.Tensor) -> torch.Tensor:
    """What the mean error (468, 2) would be on neutral faces: the intercept of a ridge regression on expression.

    The plain mean would do wrong to every closed mouth, since the detector sees open ones less open than they are.
    """
    ridge = 10.0  # heads' worth of evidence for "expression does not matter"
    design = torch.cat([torch.ones(len(expressions), 1), expressions], 1).double()
    penalty = torch.full((design.shape[1],), ridge, dtype=torch.float64)
    penalty[0] = 0
    solution = torch.linalg.solve(design.T @ design + penalty.diag(), design.T @ errors.flatten(1).double())
    return solution[0].float().reshape(errors.shape[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=800)
    model = MorphableModel.load("open")
    detected, projected, expressions = measure(model, parser.parse_args().count)
    inside = torch.tensor([model.region_names.index("mouth")])
    vertices = followed_vertices(detected, projected, ~torch.isin(model.regions, inside))
    errors = detected - projected[:, vertices]  # (N, 468, 2) mm
    # A head on which the detector failed altogether says nothing about how it errs when it works.
    spread = errors.square().sum(-1).mean(-1).sqrt()
    good = spread < 3 * spread.median()
    errors, expressions = errors[good], expressions[good]
    offset = neutral_offset(errors, expressions)
    centred = (errors - offset).flatten(1).double().numpy()
    _, singular, directions = np.linalg.svd(centred / np.sqrt(len(centred)), full_matrices=False)
    factors = singular[:FACTORS, None] * directions[:FACTORS]
    noise = (centred**2).mean(0) - (factors**2).sum(0) + NOISE_FLOOR
    print(f"kept {int(good.sum())} heads; RMS error {np.sqrt((centred**2).mean()):.2f} mm a coordinate; "
          f"{FACTORS} factors explain {1 - (noise - NOISE_FLOOR).sum() / (centred**2).mean(0).sum():.1%}")
    tensors = {
        "vertices": vertices.to(torch.int32),
        "offset": offset.float(),
        "factors": torch.from_numpy(factors).half().float(),
        "noise": torch.from_numpy(noise).float(),
    }
    with whole_file(assets.root() / CALIBRATION) as part:
        # One entry: safetensors writes several in random order, and the bytes should repeat.
        metadata = {"calibration": json.dumps({"seed": SEED, "heads": len(errors)})}
        part.write_bytes(save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata))


if __name__ == "__main__":
    main()
