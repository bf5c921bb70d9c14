"""The mask on the road from a photo to a face: found by the parser, or given."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from occlib import MorphableModel, assets, reconstruct
from occlib.errors import MaskError, NoFaceError
from occlib.evaluation.photos import orl_photo
from occlib.faces import detect, find_face
from occlib.faces.detection import proposals
from occlib.images import load_mask, load_photo
from occlib.inpainting import paint_over
from occlib.networks import save_weights
from occlib.parsing import find_covered_face
from occlib.parsing.masks import LEAST_SCORE
from occlib.pipeline import LARGE, completed_by, find_mask
from occlib.reconstruction import FitSettings, fit
from occlib.synthesis import Completion, SynthesisNetwork

QUICK = FitSettings(gauss_newton=(), levels=())


@pytest.fixture(scope="module")
def portrait():
    return load_photo(assets.path("photos/astronaut.jpg"))


@pytest.fixture(scope="module")
def behind_hand():
    photo = load_photo(assets.path("photos/astronaut_hand.jpg"))
    return photo, load_mask(assets.path("photos/astronaut_hand_mask.png"), photo.shape)


def overlap(found, truth, points):
    """Intersection over union within the hull of the points (468, 2)."""
    hull = cv2.convexHull(points[:, :2].astype(np.float32)).round().astype(np.int32)
    face = cv2.fillConvexPoly(np.zeros(found.shape, np.uint8), hull, 1).astype(bool)
    return (face & found & truth).sum() / (face & (found | truth)).sum()


@pytest.mark.parametrize("person", [1, 12, 22])
def test_a_bare_face_has_no_mask(person):
    photo = orl_photo(person, 1)
    face, found = find_mask(photo)
    assert (found.mask > 0.5).sum() < 0.02 * found.region.sum()
    assert found.hidden < 0.02 < LARGE  # what is unsure counts in part
    assert np.array_equal(face.points, find_face(photo).points)


def test_a_hand_is_found(behind_hand, portrait):
    photo, truth = behind_hand
    _, found = find_mask(photo)
    assert overlap(found.mask > 0.5, truth, find_face(portrait).points) > 0.7


def test_a_covered_face_is_looked_for_again_with_its_occluder_painted_over(portrait):
    """What leads the detector astray is out of its way when it looks again."""
    points = find_face(portrait).points
    low, high = points[:, :2].min(0).astype(int), points[:, :2].max(0).astype(int)
    board = portrait.copy()
    board[(low[1] + high[1]) // 2 :, low[0] - 9 : high[0] + 9] = (30, 90, 160)
    face, found = find_mask(board)
    assert found.hidden > 0.2 and not np.array_equal(face.points, find_face(board).points)
    assert np.linalg.norm(face.points[:, :2] - points[:, :2], axis=1).mean() < 0.1 * (high - low).max()


@pytest.fixture
def behind_disc(portrait):
    """The portrait with its middle behind a disc, which hides half of the face: the detector confirms none."""
    points = find_face(portrait).points[:, :2]
    low, high = points.min(0), points.max(0)
    x, y = ((low + high) / 2).astype(int).tolist()
    hidden = cv2.circle(np.zeros(portrait.shape[:2], np.uint8), (x, y), int(0.3 * (high - low).max()), 1, -1) > 0
    photo = np.where(hidden[..., None], np.uint8([40, 200, 60]), portrait)
    with pytest.raises(NoFaceError):
        find_face(photo)
    return photo, hidden, points


def test_a_face_that_is_too_covered_to_be_detected_is_found_with_its_occluder_painted_over(behind_disc):
    photo, hidden, points = behind_disc
    face, found = find_mask(photo)
    assert np.linalg.norm(face.points[:, :2] - points, axis=1).mean() < 0.06 * np.ptp(points, axis=0).max()
    assert overlap(found.mask > 0.5, hidden, points) > 0.7


@pytest.mark.parametrize("score", [0.6, 0.7])
def test_what_the_detector_proposes_is_not_believed_without_proof(behind_disc, monkeypatch, score):
    """Painted over, the place has to show a face that is more than a fluke."""
    photo, hidden, _ = behind_disc
    detection = detect(paint_over(photo, hidden))
    monkeypatch.setattr("occlib.parsing.masks.detect", lambda painted: [replace(detection[0], score=score)])
    if score > LEAST_SCORE:
        assert np.array_equal(find_covered_face(photo).points, detection[0].points)
    else:
        with pytest.raises(NoFaceError, match="no face found"):
            find_covered_face(photo)


def test_the_found_mask_and_its_confidence_come_with_the_reconstruction(behind_hand):
    photo, truth = behind_hand
    model = MorphableModel.load("open")
    found = reconstruct(photo, model=model, settings=QUICK)
    given = reconstruct(photo, truth, model=model, settings=QUICK)
    assert not found.mask_given and given.mask_given
    assert overlap(found.mask > 0.5, given.mask > 0.5, given.points) > 0.6
    assert found.confidence.shape == found.mask.shape and 0 < found.confidence.min() < found.confidence.max() <= 1
    assert (given.confidence == 1).all()


def test_a_small_found_mask_is_shown_and_left_to_the_robust_weights(portrait, monkeypatch):
    face, found = find_mask(portrait)
    x, y = face.points[10, :2].astype(int)  # the forehead's top
    small = np.zeros_like(found.mask)
    small[y : y + 20, x - 15 : x + 15] = 1
    parsed = replace(found, mask=small, occluder=small > 0)
    assert 0 < parsed.hidden < LARGE
    given = []
    monkeypatch.setattr("occlib.pipeline.find_mask", lambda photo: (face, parsed))
    monkeypatch.setattr("occlib.pipeline.fit", lambda *a, mask, **k: given.append(mask) or fit(*a, mask=mask, **k))
    result = reconstruct(portrait, settings=QUICK)
    assert 0.5 < result.mask.max() <= 1 and given == [None]
    assert result.hole.any() and (result.complete[result.hole] != result.aligned[result.hole]).any()


@pytest.mark.parametrize(("degrees", "believed"), [(20, True), (-20, True), (70, False), (180, False)])
def test_a_second_look_that_turns_the_face_is_not_believed(behind_hand, monkeypatch, degrees, believed):
    """What is painted over may look like another face, across the true one."""
    photo, _ = behind_hand
    first = find_face(photo)
    middle = first.points[:, :2].mean(0)
    turned = first.points.copy()
    turned[:, :2] = (turned[:, :2] - middle) @ cv2.getRotationMatrix2D((0, 0), degrees, 1)[:, :2].T + middle
    looks = []

    def second_look(painted):
        looks.append(painted)
        return [replace(first.detection, points=turned)]

    monkeypatch.setattr("occlib.parsing.masks.detect", second_look)
    face, _ = find_mask(photo)
    assert len(looks) == 1
    np.testing.assert_allclose(face.points, turned if believed else first.points, atol=1e-3)


def test_without_defence_nothing_is_looked_for(behind_hand, monkeypatch):
    monkeypatch.setattr("occlib.pipeline.find_mask", lambda photo: pytest.fail("looked for a mask"))
    face = reconstruct(behind_hand[0], settings=FitSettings(gauss_newton=(), levels=(), robust=False))
    assert not face.mask.any()


def test_a_face_that_is_wholly_covered_is_refused(portrait, monkeypatch):
    face, found = find_mask(portrait)
    everywhere = replace(found, mask=np.ones_like(found.mask))
    monkeypatch.setattr("occlib.pipeline.find_mask", lambda photo: (face, everywhere))
    with pytest.raises(MaskError, match="give a mask"):
        reconstruct(portrait, settings=QUICK)


def test_no_face_no_mask():
    with pytest.raises(NoFaceError):
        find_mask(np.full((200, 200, 3), 128, np.uint8))


def test_no_face_where_the_detector_proposes_some():
    rocket = skimage.data.rocket()
    assert proposals(rocket)
    with pytest.raises(NoFaceError):
        find_mask(rocket)


def test_the_mask_counts_as_much_as_the_parser_is_sure_of_it(portrait, monkeypatch):
    """A half-sure mask hides half: `fit` gets it as it is, not cut at one half."""
    face, found = find_mask(portrait)
    half = replace(found, mask=np.full_like(found.mask, 0.5))
    monkeypatch.setattr("occlib.pipeline.find_mask", lambda photo: (face, half))
    result = reconstruct(portrait, settings=QUICK)
    middle = torch.from_numpy(result.mask[96:160, 96:160])
    assert torch.allclose(middle, torch.full_like(middle, 0.5), atol=1e-3)


def test_what_is_visible_stays_exactly_and_the_rest_is_completed(behind_hand):
    photo, truth = behind_hand
    for mask in (truth, None):
        face = reconstruct(photo, mask, settings=QUICK)
        assert np.array_equal(face.complete[~face.hole], face.aligned[~face.hole])
        assert (face.complete[face.hole] != face.aligned[face.hole]).any(-1).mean() > 0.9
        assert face.hole[face.mask > 0.5].all()
        assert face.contours.shape == face.hole.shape and 0 <= face.contours.min() < face.contours.max() <= 1
    # All that a given mask touches is completed, and nothing else.
    given = reconstruct(photo, truth, settings=QUICK)
    assert np.array_equal(given.hole, given.mask > 0)


def test_a_bare_face_is_left_as_it_is(portrait):
    face = reconstruct(orl_photo(1, 1), np.zeros((112, 92)), settings=QUICK)
    assert not face.hole.any() and np.array_equal(face.complete, face.aligned)
    assert set(np.unique(face.contours)) == {0, 1}


def test_who_completes_can_be_chosen(behind_hand, tmp_path):
    photo, truth = behind_hand
    seen = []

    def complete(aligned, hole, guide):
        seen.append((aligned, hole, guide))
        filled = np.where(hole[..., None], (255 * guide.image).astype(np.uint8), aligned)
        return Completion(guide.contours / np.float32(255), filled)

    face = reconstruct(photo, truth, settings=QUICK, complete=complete)
    ((aligned, hole, guide),) = seen
    assert np.array_equal(aligned, face.aligned) and np.array_equal(hole, face.hole)
    assert np.array_equal(face.complete[hole], (255 * guide.image).astype(np.uint8)[hole])
    torch.manual_seed(0)
    network = SynthesisNetwork((8, 8, 8), blocks=1, fold=4, guide=False)  # the paper's road
    how = {"stage": {"widths": [8, 8, 8], "blocks": 1, "fold": 4, "skips": False, "guide": False, "contours": True}}
    save_weights(tmp_path / "other.safetensors", network.state_dict(), {"configuration": how})
    other = completed_by(tmp_path / "other.safetensors")(aligned, hole, guide)
    assert np.array_equal(other.completed[~hole], aligned[~hole])
    assert not np.array_equal(other.completed, reconstruct(photo, truth, settings=QUICK).complete)
    nobody = reconstruct(photo, truth, settings=QUICK, complete=None)
    assert np.array_equal(nobody.complete, nobody.aligned) and nobody.hole.any()
