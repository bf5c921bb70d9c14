"""The widgets of the notebooks, without a browser: what they draw, and that sliders reach it."""

import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from occlib import assets
from occlib.data import World
from occlib.errors import ImageError, MaskError
from occlib.evaluation.synthesis import Step
from occlib.guide import blank_guide
from occlib.images import load_photo
from occlib.morphable import MorphableModel
from occlib.parsing import Parse, masks
from occlib.rendering import shade
from occlib.rendering.camera import rotation_matrix
from occlib.synthesis import SynthesisNetwork, completing
from occlib.widgets import (
    Choice,
    Number,
    Slider,
    before_after,
    contour_editor,
    coverage_explorer,
    explore,
    gallery,
    light_and_pose,
    morphable_explorer,
    painter,
    turnable_face,
)
from occlib.widgets.before_after import BeforeAfter, wiped
from occlib.widgets.contour_editor import ContourEditor, completed, edited, face_with_hole
from occlib.widgets.explorer import Explorer
from occlib.widgets.face import camera_around, mean_head, packed
from occlib.widgets.gallery import look
from occlib.widgets.light import distant_light, lit_head
from occlib.widgets.live import Panel
from occlib.widgets.painter import NO_SKIN, SIDE, Painter, paint, parsed, skin_color, uploaded
from occlib.widgets.replay import frame
from occlib.widgets.strokes import Stroke


@pytest.fixture(scope="module")
def model():
    return MorphableModel.load("open")


def shown(panel):
    """The picture that the browser gets."""
    return np.asarray(Image.open(io.BytesIO(panel.picture)))


def press(panel, name):
    """What the browser sends when a button is pressed."""
    panel._receive(panel, {"press": panel.buttons.index(name)}, [])


def test_a_slider_redraws_the_picture():
    def grey(level):
        assert isinstance(level, int)
        return np.full((8, 8, 3), level, np.uint8)

    (panel,) = explore(grey, {"level": Slider("grey", 0, 255, 1, 40)}, "a grey square").children
    assert panel.controls == [{"label": "grey", "type": "range", "min": 0, "max": 255, "step": 1}]
    answers = panel.answers
    panel.values = [200.0]  # as the browser sends it
    assert shown(panel)[4, 4] == pytest.approx([200] * 3, abs=2) and panel.answers == answers + 1


def test_words_describe_the_picture_they_come_with():
    controls = {"many": Number("many", 0, 9, 2), "what": Choice("what", ("pears", "plums"), "plums")}
    panel = Panel(lambda many, what: (None, f"{many} {what}"), controls, "fruit")
    assert (panel.words, panel.alt, panel.picture) == ("2 plums", "2 plums", b"")
    panel.values = [7.0, "pears"]
    assert panel.words == panel.alt == "7 pears" and panel.state() == {"many": 7, "what": "pears"}


def test_a_button_moves_the_controls_it_names_and_always_shows():
    drawn = []

    def draw(a, b):
        drawn.append((a, b))
        return np.zeros((4, 4, 3), np.uint8)

    sliders = {"a": Slider("a", 0, 9, 1, 3), "b": Slider("b", 0, 9, 1, 4)}
    panel = Panel(draw, sliders, "black", buttons={"nine": lambda: {"b": 9}, "nothing": dict})
    press(panel, "nine")
    press(panel, "nothing")
    assert drawn == [(3, 4), (3, 9), (3, 9)]


def test_the_browser_is_answered_even_if_nothing_could_be_drawn():
    def invert(x):
        return np.full((4, 4, 3), 8 // x, np.uint8)

    panel = Panel(invert, {"x": Slider("x", 0, 8, 1, 2)}, "grey")
    answers = panel.answers
    with pytest.raises(ZeroDivisionError):
        panel.values = [0]
    assert panel.answers == answers + 1


def test_a_static_page_shows_a_picture_with_alt_text():
    widget = explore(lambda x: np.full((4, 6, 3), 9, np.uint8), {"x": Slider("x", 0, 1, 0.1)}, "a dark bar")
    data, metadata = widget._repr_mimebundle_()
    assert Image.open(io.BytesIO(data["image/jpeg"])).size == (6, 4)
    assert metadata["image/jpeg"]["alt"] == data["text/plain"] == "a dark bar"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_colors_are_packed_as_k3d_wants_them():
    assert packed(np.array([[1.0, 0.5, 0.0], [0.0, 0.2, 1.7]])).tolist() == [0xFF8000, 0x0033FF]


@pytest.mark.parametrize("pitch, yaw", [(0, 0), (0, 90), (20, -30)])
def test_the_camera_goes_round_instead_of_the_head(pitch, yaw):
    """What the camera sees of a point is what a fixed one sees of the turned point."""
    position, target, up = np.reshape(camera_around(pitch, yaw), (3, 3))
    ahead = (target - position) / np.linalg.norm(target - position)
    point = np.array([30.0, 50.0, 70.0])
    seen = np.array([np.cross(ahead, up) @ (point - target), up @ (point - target)])
    rotation = rotation_matrix(torch.tensor([[pitch, yaw, 0.0]]).deg2rad())[0].numpy()
    np.testing.assert_allclose(seen, (rotation @ (point - target))[:2], atol=1e-4)
    assert np.linalg.norm(target - position) == pytest.approx(690)


def test_sliders_turn_the_face_and_a_static_page_shows_three_sides(model):
    widget = turnable_face(model)
    box, panel = widget.children
    (plot,) = box.children
    vertices, faces, colors = mean_head(model)
    np.testing.assert_array_equal(plot.objects[0].vertices, vertices)
    np.testing.assert_array_equal(plot.objects[0].indices, faces)
    panel.set(yaw=90.0)
    np.testing.assert_allclose(plot.camera, camera_around(0, 90))
    data, _ = widget._repr_mimebundle_()
    width, height = Image.open(io.BytesIO(data["image/jpeg"])).size
    assert width > 2 * height


def test_a_reconstruction_can_be_turned(model):
    vertices, faces, colors = mean_head(model)
    light = torch.zeros(1, 9)  # darkness
    face = SimpleNamespace(
        vertices=vertices + 5, faces=faces, colors=1 - colors, coefficients=SimpleNamespace(lighting=light)
    )
    widget = turnable_face(face)
    mesh = widget.children[0].children[0].objects[0]
    np.testing.assert_array_equal(mesh.vertices, vertices + 5)
    np.testing.assert_array_equal(mesh.colors, packed(1 - colors))
    assert np.median(widget.still) in (0, 255)  # lit as in its photo


def test_the_coverage_explorer_shows_the_step_nearest_to_its_slider(monkeypatch):
    picture = np.full((256, 256, 3), 90, np.uint8)
    steps = [
        Step(share, picture, picture[..., 0] > 0, {"Telea": picture, "ours": picture}, {"Telea": 9.0, "ours": error})
        for share, error in ((0.1, 2.0), (0.2, 4.0), (0.31, 8.0))
    ]
    monkeypatch.setattr("occlib.widgets.coverage.errors_by_coverage", lambda photo: steps)
    widget = coverage_explorer()
    (panel,) = widget.children
    (slider,) = panel.controls
    assert (slider["min"], slider["max"], slider["step"]) == (10, 31, 10)
    panel.set(percent=20)
    assert panel.words.startswith("20% of the face is hidden") and panel.words.endswith("Telea 9.0, ours 4.0.")
    before = panel.picture
    panel.set(percent=30)
    assert "31%" in panel.words and "ours 8.0" in panel.words and panel.picture != before
    assert panel.alt == panel.words


@pytest.fixture
def explorer(model):
    return Explorer(model, count=2, reach=3.0, size=96, seed=1)


def test_the_explored_face_is_equation_9(explorer, model):
    values = explorer.reset() | {"identity_2": 2.0, "texture_1": -1.5, "expression_1": 1.0}
    vertices, albedo = explorer.mesh(values)
    identity, expression, texture = torch.zeros(1, 80), torch.zeros(1, 64), torch.zeros(1, 80)
    identity[0, 1], expression[0, 0], texture[0, 0] = 2.0, 1.0, -1.5
    torch.testing.assert_close(vertices, model.shape(identity, expression))
    torch.testing.assert_close(albedo, model.albedo(texture).clamp(0, 1))


@pytest.mark.parametrize(
    "key", ["identity_1", "expression_2", "texture_2", "yaw", "pitch", "azimuth", "elevation"]
)
def test_every_kind_of_slider_reaches_the_explored_picture(explorer, key):
    values = explorer.reset()
    assert (explorer.draw(**values) != explorer.draw(**values | {key: values[key] + 3})).any()


def test_a_random_person_is_more_than_its_sliders(explorer, model):
    mean = explorer.reset()
    moved = explorer.random_person()
    assert set(moved) == {"identity_1", "identity_2", "texture_1", "texture_2"}
    assert all(abs(value) <= 3 and value == round(value, 1) for value in moved.values())
    vertices, _ = explorer.mesh(mean)  # its first coefficients zero again
    assert (vertices[0] - torch.from_numpy(mean_head(model)[0])).norm(dim=1).mean() > 1  # mm
    vertices, albedo = explorer.mesh(explorer.reset())
    np.testing.assert_allclose(vertices[0], mean_head(model)[0], atol=1e-4)
    np.testing.assert_allclose(albedo[0], mean_head(model)[2], atol=1e-6)


def test_the_3d_view_takes_the_face_over_when_asked_to(model):
    panel, box = morphable_explorer(model, count=1, size=64).children
    (plot,) = box.children
    panel.set(identity_1=3.0, yaw=45.0)
    np.testing.assert_allclose(plot.objects[0].vertices, mean_head(model)[0], atol=1e-4)
    press(panel, "to 3-D")
    identity = torch.zeros(1, 80)
    identity[0, 0] = 3.0
    expected = model.shape(identity, torch.zeros(1, 64))[0]
    np.testing.assert_allclose(plot.objects[0].vertices, expected, atol=1e-4)
    np.testing.assert_allclose(plot.camera, camera_around(0, 45))
    press(panel, "mean face")
    assert panel.state()["identity_1"] == 0 == panel.state()["yaw"]


def test_the_border_wipes_from_one_picture_to_the_other():
    black, white = np.zeros((4, 10, 3), np.uint8), np.full((4, 10, 3), 200, np.uint8)
    picture = wiped(black, white, 0.4)
    assert (picture[:, :3] == 0).all() and (picture[:, 3:5] == 255).all() and (picture[:, 5:] == 200).all()
    assert (wiped(black, white, 0.0)[:, 1:] == 200).all() and (wiped(black, white, 1.0)[:, :9] == 0).all()


def test_before_and_after_are_two_pictures_of_one_size():
    black, white = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 200, np.uint8)
    widget = before_after(black, white, ("night", "day"))
    (border,) = widget.children
    pictures = [np.asarray(Image.open(io.BytesIO(data))) for data in (border.before, border.after)]
    assert pictures[0].max() == 0 and pictures[1].min() == 200
    data, metadata = widget._repr_mimebundle_()
    assert Image.open(io.BytesIO(data["image/jpeg"])).size == (60, 40)
    assert "night" in metadata["image/jpeg"]["alt"] and "day" in metadata["image/jpeg"]["alt"]
    with pytest.raises(ImageError, match="60 x 40 and 40 x 40"):
        before_after(black, white[:, :40])


@pytest.mark.parametrize(
    "azimuth, elevation, direction",
    [
        (0, 0, (0, 0, 1)),
        (np.pi / 2, 0, (1, 0, 0)),
        (0, np.pi / 2, (0, 1, 0)),
        (-np.pi / 2, 0, (-1, 0, 0)),
    ],
)
def test_a_surface_that_faces_the_lamp_is_brightest(azimuth, elevation, direction):
    lighting = distant_light(azimuth, elevation, ambient=0.0, strength=1.0)
    facing = torch.tensor([direction], dtype=torch.float32)
    # max(cos, 0) cut after band 2 is 1/4 + cos/2 + 5/16 (3 cos^2 - 1)/2: 17/16 in front, 1/16 behind.
    assert shade(facing[None], lighting)[0, 0] == pytest.approx(17 / 16, abs=1e-3)
    assert shade(-facing[None], lighting)[0, 0] == pytest.approx(1 / 16, abs=1e-3)


def test_the_lamp_lights_its_own_side_of_the_head(model):
    right = lit_head(model, azimuth=80, elevation=0, pitch=0, yaw=0, roll=0, size=96).astype(float)
    left = lit_head(model, azimuth=-80, elevation=0, pitch=0, yaw=0, roll=0, size=96).astype(float)
    cheek = np.s_[50:60, 56:62]  # right of the nose, as the viewer sees it
    assert right[cheek].mean() > left[cheek].mean() + 40
    assert np.abs(right - left[:, ::-1]).mean() < 3  # the mean head is nearly symmetric


def test_light_and_pose_follow_their_sliders(model):
    (panel,) = light_and_pose(model).children
    before = panel.picture
    panel.set(yaw=40)
    assert panel.picture != before


def test_replay_draws_what_the_fit_had_found_at_that_step(model):
    vectors = torch.zeros(2, 239)
    vectors[:, 224] = 3.0
    vectors[:, 236], vectors[:, 237:] = 0.8, 128.0  # k, t
    vectors[1, 234] = 0.9  # yaw
    history = [SimpleNamespace(vector=vector) for vector in vectors]
    aligned = np.full((256, 256, 3), 200, np.uint8)
    face = SimpleNamespace(fit=SimpleNamespace(history=history), model=model, aligned=aligned)
    first, second = frame(face, 0), frame(face, 1)
    assert first.shape == (256, 512, 3)
    assert (first[:, :256] == 200).all()
    covered = [(picture[:, 256:] != 200).any(-1) for picture in (first, second)]
    assert np.mean(covered[0] ^ covered[0][:, ::-1]) < 0.02  # frontal: the outline is symmetric
    assert np.mean(covered[1] ^ covered[1][:, ::-1]) > 0.03


def test_the_gallery_looks_at_the_sample_it_names():
    picture, words = look(4, seed=3, split="test", family="scarf", coverage=(0.2, 0.4), size=64)
    sample = World(3, 64, "test", ["scarf"], (0.2, 0.4), bare=0.0)[4]
    assert picture.shape == (64, 5 * 64, 3)
    assert (picture[:, :64] == sample.clean).all() and (picture[:, 64:128] == sample.image).all()
    assert (picture[:, 128:192, 0] == sample.mask).all()
    assert f"scarf hides {sample.coverage:.0%}" in words and sample.info["hair"] in words


def test_the_gallery_says_what_cannot_be():
    picture, words = look(0, family="glasses", coverage=(0.5, 0.6), size=16)
    assert (picture == 255).all()
    assert "glasses" in words and "50%" in words


def test_buttons_of_the_gallery_leaf_through_the_world():
    widget = gallery(size=32)
    (panel,) = widget.children
    first = panel.picture
    press(panel, "next")
    assert panel.state()["index"] == 1 and panel.picture != first and "[1]" in panel.words
    press(panel, "previous")
    press(panel, "previous")
    assert panel.state()["index"] == 0 and panel.picture == first  # nobody is before the first
    panel.set(family="palm", least=20, most=40)
    assert "palm hides" in panel.words and panel.alt == panel.words
    data, _ = widget._repr_mimebundle_()
    assert Image.open(io.BytesIO(data["image/jpeg"])).size == (5 * 32, 32)


class BlueIsOccluded(torch.nn.Module):
    """A parser that is sure of itself: all is skin of the face, and what is blue lies over it."""

    def forward(self, images):
        blue = ((images[:, 2] > 0.6) & (images[:, 0] < 0.2)).float()
        logits = torch.zeros(len(images), 8, *images.shape[-2:])
        logits[:, 1], logits[:, 6], logits[:, 7] = 20 * (1 - blue), 20 * blue, 20
        return logits


@pytest.fixture
def blue_parser(monkeypatch):
    monkeypatch.setattr(masks, "load_parser", lambda device="cpu": BlueIsOccluded())


@pytest.fixture(scope="module")
def astronaut():
    return load_photo(assets.path("photos/astronaut.jpg"))


def file_of(pixels, kind="png", **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def test_a_dab_is_a_disk_where_it_was_put():
    photo = np.full((40, 60, 3), 200, np.uint8)
    painted = paint(photo, [Stroke([(20.0, 10.0)], "#0072b2", 12)])
    y, x = np.mgrid[:40, :60] + 0.5  # pixel centres
    distance = np.hypot(x - 20, y - 10)
    assert (painted[distance < 4.5] == (0, 114, 178)).all()
    assert (painted[distance > 8] == 200).all() and (photo == 200).all()


def test_later_strokes_lie_over_earlier_ones_and_rubbing_out_shows_the_photo():
    photo = np.random.default_rng(0).integers(0, 256, (30, 30, 3)).astype(np.uint8)
    across = [(0.0, 15.0), (30.0, 15.0)]
    painted = paint(photo, [Stroke(across, "#ff0000", 8), Stroke([(15.0, 15.0)], "#00ff00", 6)])
    assert (painted[15, 15] == (0, 255, 0)).all() and (painted[15, 2] == (255, 0, 0)).all()
    rubbed = paint(photo, [Stroke(across, "#ff0000", 8), Stroke(across, "", 12)])
    assert np.abs(rubbed.astype(int) - photo).max() <= 1


def test_what_is_parsed_of_a_painted_face(astronaut, blue_parser):
    band = [Stroke([(120.0, 140.0), (200.0, 140.0)], "#0000ff", 20)]
    bare, words = parsed(astronaut)
    assert words.startswith("0% of the face is hidden") and words.endswith(" s)")
    picture, words = parsed(paint(astronaut, band))
    height, width = astronaut.shape[:2]
    assert picture.shape == (height, 3 * width, 3) and picture.dtype == np.uint8
    mask = picture[:, width : 2 * width]
    assert mask[140, 160].tolist() == [255, 255, 255] and mask[100, 160].max() == 0
    assert 0 < int(words.split("%")[0]) < 60
    # Vermilion over blue in the parse map, and cividis' yellow where the parser is sure.
    assert picture[140, 160, 0] > 150 > 80 > picture[140, 160, 2]
    assert picture[120, 2 * width + 160].tolist() == pytest.approx([254, 232, 56], abs=3)


def test_a_picture_without_a_face_gives_a_sentence(blue_parser):
    picture, words = parsed(np.full((64, 80, 3), 90, np.uint8))
    assert picture.shape == (64, 240, 3) and (picture == 255).all()
    assert words.startswith("no face found")


def test_skin_colour_is_the_mean_of_what_is_labelled_skin():
    photo = np.array([[[10, 20, 30], [30, 40, 50], [255, 255, 255]]], np.uint8)
    nothing = np.zeros((1, 3), np.float32)
    found = Parse(np.array([[1, 1, 6]], np.uint8), nothing, nothing, nothing, nothing > 0)
    assert skin_color(photo, found) == "#141e28"
    assert skin_color(photo, Parse(np.zeros((1, 3), np.uint8), nothing, nothing, nothing, nothing > 0)) == NO_SKIN


def test_uploads_stand_upright():
    pixels = np.zeros((60, 40, 3), np.uint8)
    pixels[:, :20] = 255  # left half white
    rotated = Image.Exif()
    rotated[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    photo = uploaded(file_of(pixels, "png", exif=rotated.tobytes()))
    assert photo.shape == (40, 60, 3)
    assert photo[:18].min() == 255 and photo[22:].max() == 0


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "no picture"),
        (b"%PDF-1.4 no photo at all", "no picture"),
        (file_of(np.zeros((8, 8, 3), np.uint8)), "too small"),
        (file_of(np.zeros((64, 64, 3), np.uint8))[:60], "damaged"),
        (b"P6 9000 9000 255\n", "81 megapixels"),
        (b"P6 20000 20000 255\n", "too many pixels"),
    ],
    ids=["empty", "no picture", "tiny", "cut off", "large", "bomb"],
)
def test_bad_uploads_are_refused_in_a_sentence(content, words):
    with pytest.raises(ImageError, match=words):
        uploaded(content)


def test_the_painter_follows_strokes_of_the_browser(astronaut, blue_parser):
    widget = painter()
    (canvas,) = widget.children
    assert max(canvas.pixels.shape) <= SIDE and canvas.skin != NO_SKIN
    answers, before = canvas.answers, canvas.result
    (band,) = canvas.strokes
    canvas.strokes = [band | {"color": "#0000ff"}]
    assert canvas.answers == answers + 1 and canvas.result != before
    assert not canvas.words.startswith("0%")
    canvas.strokes = []
    assert canvas.words.startswith("0% of the face is hidden")
    everywhere = band | {"points": [[0, 0], [SIDE, SIDE]], "color": "#0000ff", "width": 2 * SIDE}
    canvas.strokes = [everywhere]  # the face is where it was
    assert canvas.words.startswith("100% of the face is hidden")
    data, metadata = widget._repr_mimebundle_()
    assert Image.open(io.BytesIO(data["image/jpeg"])).width > 600
    assert "parse map" in metadata["image/jpeg"]["alt"]


def test_the_painter_takes_another_photo_and_refuses_what_is_none(astronaut, blue_parser):
    canvas = Painter(astronaut)
    canvas._receive(canvas, {"kind": "photo"}, [memoryview(b"nonsense")])
    assert "no picture" in canvas.words and canvas.strokes  # all stays as it was
    photo, answers = canvas.photo, canvas.answers
    canvas._receive(canvas, {"kind": "photo"}, [memoryview(file_of(np.full((700, 900, 3), 90, np.uint8)))])
    assert canvas.strokes == [] and canvas.photo != photo and canvas.answers == answers + 1
    assert canvas.words.startswith("no face found") and canvas.skin == NO_SKIN
    assert canvas.pixels.shape == (398, SIDE, 3)


class ThreeLines(torch.nn.Module):
    """An N_cont that draws three weak contours, in the hole of `square`."""

    guided = False

    def forward(self, photo, mask, contours, guide=None):
        lines = torch.full_like(mask, -30.0)
        lines[..., 120:200, 100] = lines[..., 120:200, 160] = lines[..., 120, 100:160] = np.log(0.75 / 0.25)
        return lines


@pytest.fixture
def networks(monkeypatch):
    """N_syn with random weights and `ThreeLines` where the shipped networks would be."""
    torch.manual_seed(0)
    network = SynthesisNetwork((8, 8, 8), blocks=1, fold=4, skips=True).eval()
    torch.nn.init.normal_(network.generator.leave.weight, 0, 0.3)
    monkeypatch.setattr(completing, "load_synthesis", lambda: network)
    monkeypatch.setattr("occlib.contours.drawing.load_contours", ThreeLines)


@pytest.fixture
def square():
    """A photo and its hole."""
    hole = np.zeros((256, 256), bool)
    hole[100:220, 80:180] = True
    return np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8), hole


EVERYWHERE = {"points": [[128, 128]], "color": "", "width": 512}


def test_contours_are_drawn_and_rubbed_out_in_the_hole_only():
    contours, hole = np.full((40, 40), 0.5, np.float32), np.zeros((40, 40), bool)
    hole[10:30, 10:30] = True
    across = [(0.0, 20.5), (40.0, 20.5)]
    changed = edited(contours, hole, [Stroke(across, "#ffffff", 1)])
    assert changed[20, 10:30].min() > 0.9 and (changed[22:30, 10:30] == 0.5).all()
    assert (changed[~hole] == 0).all() and (contours == 0.5).all()
    rubbed = edited(contours, hole, [Stroke(across, "#ffffff", 1), Stroke([(20.0, 20.0)], "", 8)])
    assert rubbed[20, 20] == 0 and rubbed[20, 11] > 0.9
    assert edited(contours, hole, [Stroke([(20.0, 20.0)], "", 80)]).max() == 0


def test_the_face_follows_contours_in_the_hole_and_stays_around_it(square, networks):
    photo, hole = square
    guide = blank_guide(photo / np.float32(255), hole)
    contours = np.zeros(hole.shape, np.float32)
    contours[150, 90:170] = 1
    contours[50, 90:170] = 1  # outside: it has no effect
    (goal, done), words = completed(photo, hole, guide, contours)
    np.testing.assert_array_equal(done[~hole], photo[~hole])
    np.testing.assert_array_equal(goal[~hole], (guide.contours / 255)[~hole])
    assert (goal[hole] == contours[hole]).all() and words.startswith("80 pixels of contours")
    (_, without), _ = completed(photo, hole, guide, contours * hole)
    np.testing.assert_array_equal(without, done)
    (_, bare), _ = completed(photo, hole, guide, np.zeros_like(contours))
    assert (bare != done)[hole].any() and (bare == done)[~hole].all()


def test_the_contour_editor_follows_strokes_of_the_browser(square, networks):
    photo, hole = square
    editor = ContourEditor(photo, hole, blank_guide(photo / np.float32(255), hole))
    first, answers = editor.result, editor.answers
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(editor.result))), editor.completion.completed
    )
    editor.strokes = [EVERYWHERE]
    assert editor.answers == answers + 1 and editor.result != first
    assert editor.words.startswith("0 pixels") and editor.completion.contours[hole].max() == 0
    editor.strokes = [EVERYWHERE, {"points": [[0, 150.5], [256, 150.5]], "color": "#ffffff", "width": 1}]
    assert editor.words.startswith("100 pixels")
    assert (editor.completion.completed == photo)[~hole].all()
    editor.strokes = []
    assert editor.result == first


def test_what_the_contour_editor_shows(square, networks):
    photo, hole = square
    editor = ContourEditor(photo, hole, blank_guide(photo / np.float32(255), hole))
    drawn, area = (np.asarray(Image.open(io.BytesIO(png)))[..., 3] for png in (editor.drawn, editor.hole))
    assert ((area == 255) == hole).all()
    assert drawn[150, 100] == round(0.75 * 255) and drawn[150, 120] == 0
    shown = np.asarray(Image.open(io.BytesIO(editor.photo)))
    assert (shown[hole] < 64).all()  # what is behind the hole is not shown


def test_the_contour_editor_starts_with_the_sample_photo(networks):
    widget = contour_editor()
    (editor,) = widget.children
    photo, hole = face_with_hole()
    assert (editor.pixels == photo).all() and (editor.area == hole).all() and 0.05 < hole.mean() < 0.4
    data, metadata = widget._repr_mimebundle_()
    assert Image.open(io.BytesIO(data["image/jpeg"])).width > 400
    assert "contours" in metadata["image/jpeg"]["alt"]
    with pytest.raises(MaskError):
        contour_editor(assets.path("photos/astronaut_hand.jpg"), np.ones((3, 3)))


@pytest.mark.parametrize("widget", [BeforeAfter, ContourEditor, Painter, Panel])
def test_the_browser_half_asks_for_what_python_has(widget):
    asked = set(re.findall(r'(?:model\.(?:get|set)\("|"change:)(\w+)"', widget._esm))
    assert asked == {name for name in widget.class_own_traits(sync=True) if name[0] != "_"}
