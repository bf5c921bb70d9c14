"""The world's evaluation: its figures against hand-counted ones."""

import numpy as np
import pytest

from occlib.evaluation.world import WorldReport, evaluate_world


def report(same, others):
    return WorldReport(
        found_clean=np.array([True, True]),
        found_occluded=np.array([True, False]),
        offset=np.array([0.03, np.nan]),
        same=np.array(same),
        others=np.array(others),
        families=np.array(["palm", "leaves"]),
    )


def test_auc_counts_pairs_and_halves_of_ties():
    # 0.9 beats all three; 0.5 beats 0.1, ties with 0.5 and loses to 0.6: (3 + 1.5) of 6.
    assert report([0.9, 0.5], [0.1, 0.5, 0.6]).auc == pytest.approx(4.5 / 6)


def test_the_report_names_what_was_not_seen_through():
    text = str(report([0.9], [0.1]))
    assert "100.0% of 2 clean" in text and "50.0% of the same" in text
    assert "not found behind leaves: 1 of 1" in text and "palm" not in text


def test_detectors_made_for_photos_find_the_worlds_people():
    found = evaluate_world(4, seed=1)
    assert found.found_clean.all() and len(found.same) == 4 and len(found.others) == 12
    assert np.nanmean(found.offset) < 0.08
    assert found.same.mean() > found.others.mean() + 0.15
