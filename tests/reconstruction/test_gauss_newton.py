"""The written-down Jacobian of the photo's residual against finite differences, number by number of V_x."""

import pytest
import torch

from occlib.morphable import Coefficients, MorphableModel
from occlib.reconstruction.gauss_newton import VertexBases, linearise_photo, sample, visible_vertices
from occlib.reconstruction.robust import gaussian_blur
from occlib.rendering import Camera, render, vertex_normals

SIZE = 128


@pytest.fixture(scope="module")
def scene():
    model = MorphableModel.load("open", dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    vector = torch.cat([
        0.5 * torch.randn(1, 224, generator=generator),
        torch.tensor([[3.4, 0.3, 0.5, -0.2, 0.1, 0.0, 0.05, 0.1, 0.0]]),
        torch.tensor([[0.1, 0.3, -0.1, 0.5, 62.3, 60.7]]),
    ], 1).double()
    photo = gaussian_blur(torch.rand(1, 3, SIZE, SIZE, generator=generator).double(), 4.0)
    coefficients = Coefficients.from_vector(vector)
    camera = Camera(coefficients.pose, SIZE)
    vertices = model.shape(coefficients.identity, coefficients.expression)
    rendering = render(vertices, model.faces, model.albedo(coefficients.texture), coefficients.lighting, camera, SIZE)
    normals = camera.rotate(vertex_normals(vertices, model.faces))
    chosen = visible_vertices(rendering, normals, model.faces)[::40]
    return model, VertexBases(model), photo, vector, chosen


def linearise(scene, vector):
    model, bases, photo, _, chosen = scene
    coefficients = Coefficients.from_vector(vector)
    return linearise_photo(photo, coefficients, Camera(coefficients.pose, SIZE), chosen, model, bases)


@pytest.mark.parametrize("index", [0, 17, 79, 80, 143, 144, 223, 224, 227, 232, 233, 234, 235, 236, 237, 238])
def test_jacobian_against_finite_differences(scene, index):
    vector, step = scene[3], 1e-4
    _, jacobian = linearise(scene, vector)
    ahead, behind = vector.clone(), vector.clone()
    ahead[0, index] += step
    behind[0, index] -= step
    numeric = (linearise(scene, ahead)[0] - linearise(scene, behind)[0]) / (2 * step)
    # The photo is interpolated linearly between pixels, so its slope by central differences is an average.
    error = (jacobian[index] - numeric).norm() / numeric.norm()
    assert error < (0.12 if index < 144 or index > 232 else 1e-6)


def test_visible_vertices_face_the_camera(scene):
    model, _, _, vector, chosen = scene
    coefficients = Coefficients.from_vector(vector)
    vertices = model.shape(coefficients.identity, coefficients.expression)
    normals = Camera(coefficients.pose, SIZE).rotate(vertex_normals(vertices, model.faces))
    assert len(chosen) > 50 and float(normals[0, chosen, 2].min()) > 0.2


def test_sample_reads_pixel_centres_exactly():
    image = torch.arange(12.0).reshape(1, 1, 3, 4)[..., :3]
    centres = torch.tensor([[[0.5, 0.5], [2.5, 1.5], [1.0, 0.5]]])
    assert torch.allclose(sample(image, centres)[0, 0], torch.tensor([0.0, 6.0, 0.5]), atol=1e-5)
