"""The table of `occlib evaluate verification`."""

import numpy as np
import pytest
import torch

from occlib.errors import DataError
from occlib.evaluation import verification
from occlib.evaluation.verification import (
    BLOCKS,
    FACES,
    aligned_orl,
    block,
    evaluate_verification,
    guesses,
    verified,
)
from occlib.guide import fitted_guide
from occlib.synthesis import complete_aligned


def test_rates_equal_a_loop():
    generator = torch.Generator().manual_seed(0)
    names = np.repeat(np.arange(6), 3)
    people = torch.randn(6, 8, generator=generator)[names]
    probes, gallery = (people + torch.randn(18, 8, generator=generator) for _ in range(2))
    same, others = [], []
    for i in range(18):
        for j in range(18):
            score = float(torch.dot(probes[i], gallery[j]) / probes[i].norm() / gallery[j].norm())
            if names[i] != names[j]:
                others.append(score)
            elif i != j:
                same.append(score)
    threshold = sorted(others)[round(0.99 * len(others))]
    rate, auc = verified(probes, gallery, names)
    assert rate == pytest.approx(np.mean([s > threshold for s in same]), abs=0.06)
    assert auc == pytest.approx(np.mean([[s > o for o in others] for s in same]))
    assert 0.5 < auc < 1


def test_blocks_lie_on_their_part_of_the_face():
    _, points = aligned_orl(1, 1)
    parts = {"mouth": [13, 14], "nose": [1, 2], "lower face": [13, 152], "eyes": [33, 263, 133, 362],
             "centre 75x75": [1, 133, 362]}  # fmt: skip
    assert parts.keys() == BLOCKS.keys()
    for name, marks in parts.items():
        hole = block(name, points)
        x, y = points[marks].astype(int).T
        assert hole[y, x].all(), name
        assert not hole[int(points[10, 1]), int(points[10, 0])], name  # the forehead's top


def tables(text):
    """TAR and AUC without a block, and of every line of each of the three tables."""
    none, *rows = (line.split()[-6:] for line in text.splitlines()[3:] if not line.startswith("the other"))
    assert len(rows) == 3 * len(BLOCKS)
    return none[-2:], rows[: len(BLOCKS)], rows[len(BLOCKS) : 2 * len(BLOCKS)], rows[2 * len(BLOCKS) :]


def test_perfect_completion_restores_the_rates():
    truth = {}
    for person in range(1, 7):
        for shot in (1, 2):
            photo, _ = aligned_orl(person, shot)
            truth[photo[:8].tobytes()] = photo

    text = evaluate_verification(3, 2, guess=lambda photo, *_: ([photo], [truth[photo[:8].tobytes()]]))
    assert "6 photos of 3 people" in text.splitlines()[0] and "on 6 photos of other people" in text
    clean, as_it_is, centred, alike = tables(text)
    assert all(row[2:4] == clean for row in as_it_is + alike)
    assert all(row[2:4] == centred[0][2:4] for row in centred)
    assert any(row[:2] != clean for row in as_it_is)  # the blocks did harm
    text = evaluate_verification(3, 2, guess=lambda photo, *_: 2 * ([truth[photo[:8].tobytes()]],))
    clean, as_it_is, centred, alike = tables(text)
    assert all(row == 3 * clean for row in as_it_is + alike)
    assert all(row == 3 * centred[0][:2] for row in centred)


@pytest.fixture
def looks(monkeypatch):
    """G of six tested photos and of six of other people, whom a block moves to where nobody else is."""
    looks = torch.randn(12, 1 + 3 * len(BLOCKS), 128, generator=torch.Generator().manual_seed(0))
    looks[:, 1:] += 5
    monkeypatch.setattr(verification, "each", lambda function, photos, *_: list(looks[: len(photos)]))
    return looks


NAMES = np.repeat(np.arange(3), 2)


def rates(*pairs):
    return " ".join(f"{rate:.1%} {auc:.4f}" for rate, auc in (verified(*pair, NAMES) for pair in pairs)).split()


def test_centred_is_less_the_mean_of_other_people_treated_in_the_same_way(looks):
    tested, means = looks[:6], looks[6:].mean(0)
    for number, row in enumerate(tables(evaluate_verification(3, 2))[2]):
        which = [1 + 3 * number + k for k in range(3)]
        assert row == rates(*((tested[:, k] - means[k], tested[:, 0] - means[0]) for k in which))


def test_treated_alike_is_the_same_block_filled_in_the_same_way_in_both_photos(looks):
    for number, row in enumerate(tables(evaluate_verification(3, 2))[3]):
        assert row == rates(*((x, x) for x in looks[:6, 1 + 3 * number : 4 + 3 * number].unbind(1)))


def test_other_people_are_needed():
    with pytest.raises(DataError, match="40 people: 1 to 39"):
        evaluate_verification(40)


def test_the_last_guess_is_the_completion_and_half_of_the_mean_knows_no_face():
    photo, points = aligned_orl(1, 1)
    covered = photo.copy()
    covered[block("mouth", points)] = 128
    dark = photo[..., ::-1] // 2
    looks = verification._looks((1, 1), lambda covered, hole, rng: ([covered], [photo, photo, dark]))
    block_, clean, dim = verification.embed([covered, photo, dark], 3 * [points])
    torch.testing.assert_close(looks[0], clean)
    torch.testing.assert_close(looks[1:4], torch.stack([block_, dim, block_ / 2 + clean / 3 + dim / 6]))
    assert looks.shape == (1 + 3 * len(BLOCKS), 128)


def test_guesses_differ_in_the_hole_alone_and_what_ships_is_the_last():
    photo, points = aligned_orl(1, 1)
    hole = block("eyes", points)
    covered = np.where(hole[..., None], np.uint8(128), photo)
    (blank, faces), again = (guesses(covered, hole, np.random.default_rng(0)) for _ in range(2))
    made = blank + faces
    assert len(blank) == 3 and len(faces) == FACES + 1
    assert all(np.array_equal(one[~hole], photo[~hole]) for one in made)
    assert all((one[hole] != other[hole]).any() for k, one in enumerate(made) for other in made[:k])
    assert np.array_equal(made[-1], complete_aligned(covered, hole, fitted_guide(covered, hole)).completed)
    assert np.array_equal(made, again[0] + again[1])
