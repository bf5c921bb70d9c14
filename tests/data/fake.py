"""A small stand-in for the world: real samples, made in a millisecond, that survive a trip to another
process."""

import numpy as np

from occlib.data.sample import OCCLUDER, Sample, contours_of


class FakeWorld:
    """Discs on noise behind bars; the same seed and index give the same sample."""

    def __init__(self, seed=0, size=32, split="train"):
        self.seed, self.size, self.split = seed, size, split

    def __len__(self):
        return 10**6

    def __getitem__(self, index):
        rng, size = np.random.default_rng([self.seed, index]), self.size
        clean = rng.integers(90, 110, (size, size, 3), np.uint8)
        y, x = np.mgrid[:size, :size] - (size - 1) / 2
        face = np.hypot(x, y) < size / 3
        clean[face] += 100
        bar = np.abs(x - rng.uniform(-size / 4, size / 4)) < size / 12
        parts = np.where(face, rng.integers(1, 6), 0).astype(np.uint8)
        normals = np.stack([x / size, -y / size, np.ones_like(x)], -1) * face[..., None]
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
        depth = np.where(face, 700 + np.hypot(x, y) * 3, np.inf)
        return Sample(
            image=np.where(bar[..., None], np.uint8(20), clean),
            clean=clean,
            mask=bar * np.uint8(255),
            parsing=np.where(bar, np.uint8(OCCLUDER), parts),
            parts=parts,
            contours=contours_of(clean),
            landmarks=rng.uniform(0, size, (68, 2)).astype(np.float32),
            coefficients=rng.normal(size=239).astype(np.float32),
            depth=depth.astype(np.float32),
            normals=normals.astype(np.float32),
            shadow=np.zeros((size, size), np.uint8),
            occluder="palm",
            coverage=float((bar & face).sum() / face.sum()),
            info={"seed": self.seed, "index": index, "yaw": 0.25},
        )
