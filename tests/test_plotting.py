"""The figures' own logic: what is drawn where, in which colour, under which words."""

import io
import weakref
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2lab

from occlib.data.sample import OCCLUDER, PARTS, Sample
from occlib.morphable import MorphableModel
from occlib.parsing import Parse
from occlib.plotting import (
    PART_COLORS,
    VIEWS,
    close_up,
    contact_sheet,
    contour_panel,
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
    parse_table,
    parse_views,
    part_colors,
    picture,
    portrait,
    sample_table,
    sample_views,
    sphere_normals,
    strips,
    triangle_colors,
    truth,
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


def test_a_picture_keeps_nothing_of_its_figure():
    figure = image_row({"photo": np.zeros((8, 8, 3)), "the same": np.zeros((8, 8, 3), np.uint8)})
    images = [weakref.ref(image) for axes in figure.axes for image in axes.images]
    picture(figure, "two black squares")
    assert len(images) == 2 and not any(image() for image in images)


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
    images = [axis.images[0].get_array() / 255 for axis in figure.axes]
    assert [axis.get_ylabel() for axis in figure.axes[::2]] == ["-3 SD", "mean", "+3 SD"]
    assert np.allclose(images[2], portrait(model), atol=0.003) and np.allclose(images[3], portrait(model), atol=0.003)
    assert np.allclose(images[1], portrait(model, identity=[0.0, -3.0]), atol=0.003)
    assert np.allclose(images[4], portrait(model, identity=[3.0, 0.0]), atol=0.003)


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
    assert [axis.images[0].get_array()[0, 0, 0] for axis in figure.axes] == [26, 102, 179, 255]  # bytes
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


def made_up(size: int = 12, *, occluder: str = "cup") -> Sample:
    """A sample with another grey for every field, and labels in columns."""
    flat = np.zeros((size, size), np.uint8)
    labels = np.broadcast_to(np.arange(size, dtype=np.uint8) % len(PARTS), (size, size))
    return Sample(
        image=np.full((size, size, 3), 200, np.uint8), clean=np.full((size, size, 3), 100, np.uint8),
        mask=flat + 255, shadow=flat + 51, parsing=labels, parts=np.minimum(labels, 5), contours=flat + 255,
        landmarks=np.tile([[4.5, 6.5]], (68, 1)), depth=np.where(labels > 2, 700.0 + labels, np.inf),
        normals=np.where(labels[..., None] > 2, [0.0, 0.0, 1.0], 0.0), occluder=occluder, coverage=0.3,
    )  # fmt: skip


def test_colours_of_parts_differ_for_colour_blind_readers_too():
    """Machado et al. 2009: how a person without long (first) or middle-wavelength cones sees linear RGB."""
    seen_as = {
        "everybody": np.eye(3),
        "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    }  # fmt: skip
    for name, matrix in seen_as.items():
        seen = np.clip(PART_COLORS**2.2 @ np.transpose(matrix), 0, 1) ** (1 / 2.2)
        lab = rgb2lab(seen[None])[0]
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)[np.triu_indices(len(PARTS), 1)]
        assert apart.min() > 15, name


def test_a_label_has_its_colour_and_the_occluder_that_of_masks():
    colors = part_colors(np.array([[0, OCCLUDER]]))
    assert (colors[0, 0] == 0).all()
    assert np.allclose(colors[0, 1], [213 / 255, 94 / 255, 0])


def test_views_of_a_sample_show_the_field_they_are_named_after():
    views = sample_views(made_up())
    assert list(views) == list(VIEWS)
    assert views["clean"].max() == 100 / 255 and views["occluded"].max() == 200 / 255
    assert (views["mask"] == 1).all() and (views["contours"] == 1).all()
    assert (views["parts"][:, OCCLUDER] == PART_COLORS[OCCLUDER]).all()  # what is seen, with the occluder
    assert all(view.shape == (12, 12, 3) for view in views.values())


def test_a_table_of_samples_says_what_hides_how_much():
    figure = sample_table([made_up(), made_up(occluder="")])
    names = [axis.get_ylabel() for axis in figure.axes[:: len(VIEWS)]]
    assert names == ["1: cup\n30%", "2: nothing\n30%"]
    assert [axis.get_title() for axis in figure.axes[: len(VIEWS)]] == list(VIEWS)


def test_tiles_of_a_contact_sheet_lie_in_reading_order_and_keep_labels_pure():
    sheet = contact_sheet([made_up()] * 3, columns=2, side=6, gap=2)
    assert sheet.shape == (2 * 10 + 2, 2 * 12 + 2, 3)  # a tile: two photos of 6, three views of 4 below
    assert (sheet[:6, :6] == 100).all() and (sheet[:6, 6:12] == 200).all()
    assert (sheet[:, 12:14] == 255).all() and (sheet[10:12] == 255).all()  # gaps
    assert (sheet[12:18, :6] == 100).all() and (sheet[12:, 14:] == 255).all()  # the third, and no fourth
    labels = {tuple(color) for color in sheet[6:10, 4:8].reshape(-1, 3)}
    assert labels <= {tuple(color) for color in (255 * PART_COLORS).round().astype(np.uint8)}


def test_the_truth_of_a_sample_marks_landmarks_where_their_pixels_are():
    figure = truth(made_up())
    panels = {axis.get_title(): axis for axis in figure.axes}
    assert len(panels) == 10
    points = panels["landmarks"].collections[0].get_offsets()
    assert np.allclose(points, [4.0, 6.0])  # imshow's pixel centres are whole numbers
    near = panels["depth (bright = near)"].images[0].get_array()
    assert (near[:, :3] == 0).all() and near[0, 3].sum() > near[0, 6].sum()  # nothing beside the head
    assert panels["normals"].images[0].get_array()[0, 5].tolist() == [128, 128, 255]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(PARTS)


def test_strips_have_the_most_on_top_and_count():
    axis = strips({"little": [0.1, 0.2], "much": [0.5]}, "share").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["little (2)", "much (1)"]  # upwards
    dots, mean = axis.collections[:2]
    assert dots.get_offsets()[:, 0].tolist() == [0.1, 0.2]
    assert mean.get_offsets()[0, 0] == pytest.approx(0.15)


def made_up_parse() -> tuple[np.ndarray, Parse]:
    """A grey photo (2, 3, 3) and what a parser may say of it."""
    labels = np.array([[0, 1, OCCLUDER]] * 2, np.uint8)
    sure = np.array([[1.0, 0.5, 0.0]] * 2, np.float32)
    mask = np.array([[0, 0, 0.7]] * 2, np.float32)
    return np.full((2, 3, 3), 51, np.uint8), Parse(labels, sure, sure, mask, mask > 0.5)


def test_views_of_a_parse_colour_what_is_no_background():
    views = parse_views(*made_up_parse())
    assert list(views) == ["photo", "parse map", "face mask", "confidence"]
    assert np.allclose(views["photo"], 0.2)
    assert np.allclose(views["parse map"][0, 0], 0.2)
    assert np.allclose(views["parse map"][0, 2], 0.25 * 0.2 + 0.75 * PART_COLORS[OCCLUDER])
    assert np.allclose(views["face mask"][0, 2], 0.7) and (views["face mask"][0, :2] == 0).all()
    cividis = matplotlib.colormaps["cividis"]
    assert np.allclose(views["confidence"][0, 0], cividis(1.0)[:3], atol=1e-6)


def test_a_table_of_parses_names_rows_columns_and_labels():
    figure = parse_table({"one": made_up_parse(), "two": made_up_parse()})
    assert [axis.get_title() for axis in figure.axes[:4]] == ["photo", "parse map", "face mask", "confidence"]
    assert [axis.get_ylabel() for axis in figure.axes[::4]] == ["one", "two"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(PARTS[1:])


def test_a_close_up_keeps_the_face_in_the_middle_and_stays_in_the_photo():
    photo = np.arange(100 * 80, dtype=np.uint16).reshape(100, 80, 1) * np.ones(3, np.uint16)
    part = close_up(photo, np.array([[30.0, 40.0], [50.0, 60.0]]))  # 20 x 20 around (40, 50)
    assert part.shape == (34, 34, 3) and part[0, 0, 0] == photo[33, 23, 0]
    assert close_up(photo, np.array([[0.0, 0.0], [80.0, 100.0]])).shape == photo.shape


def test_lines_of_a_contour_panel_keep_to_their_side_of_the_holes_rim():
    hole = np.zeros((8, 8), bool)
    hole[:, 4:] = True
    contours = np.zeros((8, 8))
    contours[1, 1] = contours[5, 3] = contours[3, 6] = 1  # beside the hole, at its rim, in it
    panel = contour_panel(contours, hole)
    assert (panel[1, 1] == 1).all() and (panel[5, 3] == 1).all()
    np.testing.assert_allclose(panel[3, 6], matplotlib.colors.to_rgb("#E69F00"))
    assert (panel[5, 4:] == 0.25).all() and (panel[7, :4] == 0).all()
