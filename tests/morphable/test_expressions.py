"""Random expressions move like faces."""

import numpy as np
import pytest

from occlib.morphable import MorphableModel, sample_expression_units


@pytest.fixture(scope="module")
def names():
    return MorphableModel.load("open").unit_names


@pytest.fixture(scope="module")
def weights(names):
    return sample_expression_units(names, 20000, np.random.default_rng(0))


def test_weights_are_sparse_and_in_range(weights):
    assert weights.min() >= 0 and weights.max() <= 1
    assert 0.05 < (weights > 0).mean() < 0.25


def test_lips_do_not_close_more_than_the_jaw_opens(names, weights):
    assert (weights[:, names.index("mouthClose")] <= weights[:, names.index("jawOpen")]).all()


def test_opposites_exclude_each_other(names, weights):
    for a, b in (("jawLeft", "jawRight"), ("eyeLookUpLeft", "eyeLookDownLeft"),
                 ("mouthSmileLeft", "mouthFrownLeft")):
        assert (weights[:, names.index(a)] * weights[:, names.index(b)] == 0).all()


def test_sides_move_together_and_eyes_turn_together(names, weights):
    def correlation(a, b):
        return np.corrcoef(weights[:, names.index(a)], weights[:, names.index(b)])[0, 1]

    assert correlation("mouthSmileLeft", "mouthSmileRight") > 0.6
    assert correlation("eyeLookInLeft", "eyeLookOutRight") > 0.9
    assert (weights[:, names.index("eyeLookUpLeft")] * weights[:, names.index("eyeLookDownRight")] == 0).all()
    assert correlation("jawLeft", "jawRight") <= 0.05


def test_coefficients_have_unit_second_moment(names, weights):
    """The prior N(0, 1) on beta_exp fits the sampled expressions."""
    rotation = MorphableModel.load("open").units_to_expression.numpy()
    moment = (weights @ rotation).T @ (weights @ rotation) / len(weights)
    assert np.allclose(np.diag(moment), 1, atol=0.25)
    assert np.abs(moment - np.diag(np.diag(moment))).max() < 0.25


def test_a_seed_gives_the_same_faces(names):
    a, b = (sample_expression_units(names, 5, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(a, b)
