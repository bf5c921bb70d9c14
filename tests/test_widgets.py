"""The widgets of the notebooks, without a browser: what they draw, and that sliders reach it."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from occlib.data import World
from occlib.morphable import MorphableModel
from occlib.rendering import shade
from occlib.widgets import Slider, explore, gallery, light_and_pose, turnable_face
from occlib.widgets.face import face_mesh
from occlib.widgets.gallery import look
from occlib.widgets.light import distant_light, lit_head
from occlib.widgets.replay import frame


@pytest.fixture(scope="module")
def model():
    return MorphableModel.load("open")


def test_a_slider_redraws_the_picture():
    def grey(level):
        return np.full((8, 8, 3), level, np.uint8)

    widget = explore(grey, {"level": Slider("grey", 0, 255, 1, 40)}, "a grey square")
    box, image = widget.children
    box.children[0].value = 200
    assert np.asarray(Image.open(io.BytesIO(image.value)))[4, 4] == pytest.approx([200] * 3, abs=2)
    assert isinstance(box.children[0].value, int)


def test_a_static_page_shows_a_picture_with_alt_text():
    widget = explore(lambda x: np.full((4, 6, 3), 9, np.uint8), {"x": Slider("x", 0, 1, 0.1)}, "a dark bar")
    data, metadata = widget._repr_mimebundle_()
    assert Image.open(io.BytesIO(data["image/jpeg"])).size == (6, 4)
    assert metadata["image/jpeg"]["alt"] == data["text/plain"] == "a dark bar"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_face_mesh_is_equation_9_with_packed_colors(model):
    vertices, colors = face_mesh(model, {("identity", 1): 2.0, ("texture", 0): -1.5})
    identity, texture = torch.zeros(1, 80), torch.zeros(1, 80)
    identity[0, 1], texture[0, 0] = 2.0, -1.5
    expected = model.shape(identity, torch.zeros(1, 64))[0].numpy()
    assert np.abs(vertices - expected).max() < 1e-4
    albedo = 255 * model.albedo(texture)[0].numpy()
    unpacked = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], 1)
    assert np.abs(unpacked - albedo.clip(0, 255)).max() <= 0.51


def test_sliders_move_the_turnable_face(model):
    widget = turnable_face(model, count=2)
    box, frame_ = widget.children
    mesh = frame_.children[0].objects[0]
    before = np.array(mesh.vertices)
    box.children[1].value = 3.0
    assert box.children[1].description == "identity 2"
    expected, _ = face_mesh(model, {("identity", 1): 3.0})
    assert np.abs(mesh.vertices - expected).max() < 1e-4 < np.abs(before - expected).max()


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
    widget = light_and_pose(model)
    box, image = widget.children
    before = image.value
    next(slider for slider in box.children if slider.description == "yaw").value = 40
    assert image.value != before


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
    column = widget.children[0]
    (_, _, family), (coverage, number, previous, following) = (row.children for row in column.children[:2])
    image, caption = column.children[2:]
    first = image.value
    following.click()
    assert number.value == 1 and image.value != first and "[1]" in caption.value
    previous.click()
    previous.click()
    assert number.value == 0 and image.value == first  # nobody is before the first
    family.value, coverage.value = "palm", (20, 40)
    assert "palm hides" in caption.value and image.alt == caption.value
    data, _ = widget._repr_mimebundle_()
    assert Image.open(io.BytesIO(data["image/jpeg"])).size == (5 * 32, 32)
