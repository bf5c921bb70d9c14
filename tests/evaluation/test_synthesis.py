"""The tables of `occlib evaluate synthesis`, for methods whose figures are known."""

import numpy as np
import pytest
import torch

from occlib import assets
from occlib.data.holes import GREY
from occlib.evaluation import synthesis
from occlib.evaluation.synthesis import (
    COLUMNS,
    Case,
    errors_by_coverage,
    feature_distance,
    measure,
    methods,
    scores,
    table,
)
from occlib.guide import blank_guide
from tests.data.fake import FakeWorld


@pytest.fixture(autouse=True)
def without_faces(monkeypatch):
    """Discs are no faces: no fit, and landmarks that follow the picture's brightness."""
    monkeypatch.setattr(
        synthesis, "fitted_guide", lambda photo, hole: blank_guide(photo / np.float32(255), hole)
    )
    marks = np.stack([np.arange(68.0), np.zeros(68)], 1)
    monkeypatch.setattr(synthesis, "_landmarks", lambda photo: marks + photo.mean() / 100)


def samples():
    return [FakeWorld(size=64)[index] for index in range(2)]


def rows(lines):
    """Name -> column -> figure, of the block of all samples."""
    start = next(number for number, line in enumerate(lines) if ", all:" in line) + 2
    found = {}
    for line in lines[start:]:
        if "samples, in the face's hole" in line:
            break
        found[line[:24].strip()] = dict(zip(COLUMNS, map(float, line[24:].split()), strict=True))
    return found


def test_the_truth_gets_full_marks_and_others_less():
    chosen = {"truth": lambda case: case.clean, "Telea": methods()["Telea"]}
    lines = table("Fake", [scores(sample, chosen) for sample in samples()])
    assert "Fake, all: 2 samples" in lines[0] and any("coverage" in line for line in lines)
    found = rows(lines)
    truth, telea, occluded = found["truth"], found["Telea"], found["as it is"]
    assert truth["PSNR"] == 100 and truth["SSIM"] == 1 and truth["L1"] == truth["features"] == 0
    assert truth["precision"] == truth["recall"] == 1 and truth["landmarks"] == 0 and truth["found"] == 1
    assert occluded["PSNR"] < telea["PSNR"] < 100 and 0 < telea["L1"] < occluded["L1"]
    assert telea["features"] < occluded["features"] and occluded["landmarks"] > telea["landmarks"]


def test_samples_beside_the_bins_do_not_count():
    few, many = (samples()[0].replace(coverage=share) for share in (0.05, 0.55))
    assert scores(few, {}) is None and scores(many, {}) is None and table("Fake", [None]) == []


def test_figures_of_the_hole_equal_a_loop():
    case = Case.of(samples()[0])
    done = case.clean.copy()
    rng = np.random.default_rng(0)
    done[case.hole] += rng.integers(0, 9, done[case.hole].shape, np.uint8)
    psnr, _, distance, *_ = measure(case, done, None)
    squares, absolutes = [], []
    for row, column in zip(*np.nonzero(case.area), strict=True):
        for a, b in zip(done[row, column].tolist(), case.clean[row, column].tolist(), strict=True):
            squares.append(((a - b) / 255) ** 2)
            absolutes.append(abs(a - b) / 255)
    assert psnr == pytest.approx(10 * np.log10(1 / np.mean(squares)), rel=1e-6)
    assert distance == pytest.approx(np.mean(absolutes), rel=1e-6)


def test_the_whole_occluder_is_filled_and_its_part_in_the_face_is_measured():
    sample = samples()[0]
    parts = np.where(np.arange(64) < 40, sample.parts, 0)  # the occluder goes on where no face is
    case = Case.of(sample.replace(parts=parts.astype(np.uint8)))
    assert (case.hole | ~case.area).all() and case.hole.sum() > case.area.sum() > 0
    done = case.clean.copy()
    done[case.hole & ~case.area] = 0
    assert measure(case, done, None)[0] == 100


def test_feature_distance_looks_into_the_hole_only():
    case = Case.of(samples()[0])
    far = case.clean.copy()
    far[:3, :3] = 255 - far[:3, :3]  # a corner outside of the hole
    near = case.clean.copy()
    near[case.hole] = 0
    hole = np.zeros_like(case.hole)
    hole[40:, 40:] = True
    assert feature_distance(case.clean, case.clean, case.hole) == 0
    assert feature_distance(near, case.clean, case.hole) > 3 * feature_distance(far, case.clean, hole)


def test_ours_in_all_its_variants(monkeypatch):
    """A stand-in network shows what it was given: contours in red, whether there was a guide in blue."""
    from occlib.synthesis import completing

    class StandIn:
        guided = True

        def __call__(self, photo, mask, contours, guide):
            return torch.cat([contours, 0 * mask, 0 * mask + guide[:, 3].amax()], dim=1)

    monkeypatch.setattr(completing, "load_synthesis", StandIn)
    monkeypatch.setattr("occlib.contours.draw_contours", lambda photo, hole, guide: np.full(hole.shape, 0.6))
    case = Case.of(samples()[0])
    covering = case.guide.coverage + 1
    case = Case(**{**vars(case), "guide": type(case.guide)(case.guide.image, covering, case.guide.contours)})
    shown = {name: method(case)[case.hole] for name, method in methods().items() if name.startswith("ours")}
    assert (shown["ours"][:, 0] == 153).all() and (shown["ours"][:, 2] == 255).all()
    assert (shown["ours, guide off"][:, 2] == 0).all()
    assert (shown["ours, contours off"][:, 0] == 0).all()
    np.testing.assert_array_equal(shown["ours, true contours"][:, 0], case.contours[case.hole])


def test_ever_more_of_a_face_is_hidden_from_the_chin_upwards(monkeypatch):
    known = {"truth": lambda case: case.clean, "nothing": lambda case: case.photo}
    monkeypatch.setattr(synthesis, "methods", lambda: known)
    steps = errors_by_coverage(assets.path("photos/astronaut.jpg"), (0.1, 0.3, 0.5), known)
    assert [step.coverage for step in steps] == pytest.approx([0.1, 0.3, 0.5], abs=0.02)
    for smaller, larger in zip(steps, steps[1:]):
        assert (larger.hole | ~smaller.hole).all() and larger.hole.sum() > smaller.hole.sum()
        assert np.nonzero(larger.hole)[0].min() < np.nonzero(smaller.hole)[0].min()
    grey = (steps[1].photo == GREY).all(-1)
    assert grey.mean() > 0.02 and (grey <= steps[1].hole).all()
    assert all(step.errors["truth"] == 0 for step in steps)
    changed = np.abs(steps[1].photo.astype(float) - steps[1].completed["truth"])[steps[1].hole]
    assert steps[1].errors["nothing"] == pytest.approx(changed.mean()) and changed.mean() > 10
