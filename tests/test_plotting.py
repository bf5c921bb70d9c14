"""The figures' own logic: what is drawn where, in which colour, under which words."""

import io
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from occlib.morphable import MorphableModel
from occlib.plotting import (
    curves,
    encoded,
    figure_pixels,
    heat,
    image_row,
    image_table,
    landmark_table,
    loss_curves,
    mask_overlay,
    modes,
    picture,
    portrait,
    sphere_normals,
    triangle_colors,
)


@pytest.fixture(scope="module")
def model():
    return MorphableModel.load("open")


@pytest.mark.parametrize("photo, kind", [(True, "jpeg"), (False, "png")])
def test_a_picture_says_what_is_to_be_seen(photo, kind):
    shown = picture(curves([0, 1], {"y": [0, 1]}, "x", "y"), "a rising line", photo=photo)
    data, metadata = shown._repr_mimebundle_()
    assert list(data) == [f"image/{kind}"]
    assert metadata[f"image/{kind}"]["alt"] == "a rising line"
    assert Image.open(io.BytesIO(shown.data)).size == (448, 224)  # 5.6 x 2.8 inches at 80 dpi


def test_encoded_png_is_exact():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(encoded(pixels, "png")))) == pixels).all()


def test_heat_runs_from_dark_blue_to_yellow_and_stays_there():
    colors = heat(torch.tensor([0.0, 2.0, 4.0, 9.0]), 4.0)
    cividis = matplotlib.colormaps["cividis"]
    assert colors[0].tolist() == pytest.approx(cividis(0.0)[:3], abs=1e-6)
    assert colors[2].tolist() == colors[3].tolist() == pytest.approx(cividis(1.0)[:3], abs=1e-6)
    brightness = colors.mean(1)
    assert brightness[0] < brightness[1] < brightness[2]


def test_a_portrait_fills_short_coefficients_up_and_scales_with_its_size(model):
    short, full = portrait(model, identity=[2.0, -1.0]), portrait(model, identity=[2.0, -1.0] + 78 * [0.0])
    assert (short == full).all()
    small, large = portrait(model, size=64), portrait(model, size=128)
    averaged = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(averaged - small).mean() < 0.01
    assert (large[0, 0] == 1).all() and large[64, 64].max() < 0.9  # white around a head


def test_modes_show_the_mean_between_both_sides(model):
    figure = modes(model, "identity", 2, sd=3.0)
    images = [axis.images[0].get_array() for axis in figure.axes]
    assert [axis.get_ylabel() for axis in figure.axes[::2]] == ["-3 SD", "mean", "+3 SD"]
    assert np.allclose(images[2], portrait(model)) and np.allclose(images[3], portrait(model))
    assert np.allclose(images[1], portrait(model, identity=[0.0, -3.0]))
    assert np.allclose(images[4], portrait(model, identity=[3.0, 0.0]))


def test_loss_curves_mark_where_a_level_begins_and_leave_gaps():
    steps = [SimpleNamespace(level=level, losses={"pixel": 1.0 + level}) for level in (0, 0, 1, 1)]
    steps[3].losses["features"] = 0.5
    axis = loss_curves(steps).axes[0]
    assert [line.get_label() for line in axis.lines[:2]] == ["pixel", "features"]
    assert np.isnan(axis.lines[1].get_ydata()).tolist() == [True, True, True, False]
    assert axis.lines[2].get_xdata() == [2, 2]


def test_images_keep_their_places_and_their_names():
    shades = [np.full((4, 4, 3), value) for value in (0.1, 0.4, 0.7, 1.0)]
    figure = image_table({"upper": shades[:2], "lower": shades[2:]}, ["left", "right"])
    assert [axis.images[0].get_array()[0, 0, 0] for axis in figure.axes] == [0.1, 0.4, 0.7, 1.0]
    assert [axis.get_title() for axis in figure.axes] == ["left", "right", "", ""]
    assert [axis.get_title() for axis in image_row({"a": shades[0], "b": shades[1]}).axes] == ["a", "b"]


def test_landmarks_lie_on_every_photo_of_a_table_with_empty_places():
    photo, points = np.zeros((20, 20, 3), np.uint8), np.array([[3.0, 4.0], [10.0, 11.0]])
    figure = landmark_table({f"face {n}": (photo, points, points + n) for n in range(5)}, columns=4)
    assert len(figure.axes) == 8
    for n, axis in enumerate(figure.axes[:5]):
        detected, projected = axis.collections
        assert axis.get_title() == f"face {n}"
        assert np.allclose(detected.get_offsets(), points) and np.allclose(
            projected.get_offsets(), points + n
        )
    assert not any(axis.images for axis in figure.axes[5:])
    assert figure_pixels(figure, dpi=50).shape[2] == 3


def test_triangles_have_colours_and_nothing_is_white():
    colors = triangle_colors(torch.tensor([[-1, 0], [1, 0]]))
    assert (colors[0, 0] == 1).all()
    assert (colors[0, 1] == colors[1, 1]).all() and (colors[0, 1] != colors[1, 0]).any()


def test_normals_of_a_ball_point_outwards():
    normals, seen = sphere_normals(33)
    assert torch.allclose(normals[seen].norm(dim=1), torch.ones(int(seen.sum())), atol=1e-5)
    assert normals[16, 16].tolist() == pytest.approx([0, 0, 1], abs=1e-6)
    assert normals[4, 16, 1] > 0.5 and normals[16, 28, 0] > 0.5  # y up, x to the viewer's right


def test_a_mask_is_laid_over_the_photo_where_it_is_one():
    image, mask = np.full((2, 2, 3), 0.5), np.array([[0.0, 1.0], [0.0, 0.0]])
    result = mask_overlay(image, mask, color=np.array([1.0, 0.0, 0.0]))
    assert result[0, 1].tolist() == pytest.approx([0.8, 0.2, 0.2])
    assert (result[mask == 0] == 0.5).all()
