"""The table of `occlib evaluate verification`."""

import numpy as np
import pytest
import torch

from occlib.evaluation import verification
from occlib.evaluation.verification import BLOCKS, aligned_orl, block, evaluate_verification, verified


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

    text = evaluate_verification(3, 2, complete=lambda photo, hole: truth[photo[:8].tobytes()])
    lines = text.splitlines()
    assert "6 photos of 3 people" in lines[0] and len(lines) == 3 + len(BLOCKS)
    clean = lines[2].split()[-2:]
    assert all(line.split()[-2:] == clean for line in lines[3:])
    assert any(line.split()[-4:-2] != clean for line in lines[3:])  # the blocks did harm


def test_what_ships_completes_by_default(monkeypatch):
    asked = []
    monkeypatch.setattr(verification, "fitted_guide", lambda photo, hole: "guide")
    monkeypatch.setattr(
        verification,
        "complete_aligned",
        lambda *given: asked.append(given) or type("Done", (), {"completed": given[0]}),
    )
    photo, hole = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), bool)
    assert verification.completed(photo, hole) is photo and asked[0][2] == "guide"
