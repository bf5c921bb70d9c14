"""The table of `occlib evaluate verification`."""

import numpy as np
import pytest
import torch

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


def test_perfect_completion_restores_the_rates():
    truth = {}
    for person in (1, 2, 3):
        for shot in (1, 2):
            photo, _ = aligned_orl(person, shot)
            truth[photo[:8].tobytes()] = photo

    def cells(text):
        _, _, _, none, *rows = text.splitlines()
        as_it_is, alike = rows[: len(BLOCKS)], rows[1 + len(BLOCKS) :]
        assert len(alike) == len(BLOCKS)
        return none.split()[-2:], *([line.split()[-6:] for line in lines] for lines in (as_it_is, alike))

    text = evaluate_verification(3, 2, guess=lambda photo, *_: ([photo], [truth[photo[:8].tobytes()]]))
    assert "6 photos of 3 people" in text.splitlines()[0]
    clean, *tables = cells(text)
    assert all(row[2:4] == clean for table in tables for row in table)
    assert any(row[:2] != clean for row in tables[0])  # the blocks did harm
    clean, *tables = cells(
        evaluate_verification(3, 2, guess=lambda photo, *_: 2 * ([truth[photo[:8].tobytes()]],))
    )
    assert all(row == 3 * clean for table in tables for row in table)


def test_treated_alike_is_the_same_block_filled_in_the_same_way_in_both_photos(monkeypatch):
    looks = torch.randn(6, 1 + 3 * len(BLOCKS), 128, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(verification, "each", lambda *_: list(looks))
    lines, names = evaluate_verification(3, 2).splitlines(), np.repeat(np.arange(3), 2)
    for number, line in enumerate(lines[-len(BLOCKS) :]):
        probes = looks[:, 1 + 3 * number : 4 + 3 * number].unbind(1)
        rates = [f"{rate:.1%} {auc:.4f}" for rate, auc in (verified(x, x, names) for x in probes)]
        assert line.startswith(list(BLOCKS)[number])
        assert line.split()[-6:] == " ".join(rates).split()


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
