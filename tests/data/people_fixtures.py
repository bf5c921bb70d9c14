"""Heads and people that several tests look at, drawn once."""

import functools

import numpy as np

from occlib.data.heads import HeadGeometry, head_model
from occlib.data.people import Person, draw_person

FACE, SCALP, MOUTH, TEETH, RIGHT_EYE, LEFT_EYE, LASHES, NECK, GARMENT = range(9)
"""Where surfaces stand in a person's body."""


@functools.cache
def head(seed: int, *units: str) -> HeadGeometry:
    """A random head that makes the face of these semantic units, each at full strength."""
    model, rng = head_model(), np.random.default_rng(seed)
    identity, texture = rng.normal(size=(2, 80)).clip(-2.5, 2.5)
    weights = np.isin(model.arrays.unit_names, units).astype(float)
    assert weights.sum() == len(units)
    return model.geometry(identity, weights @ model.arrays.units_to_expression, model.albedo(texture))


@functools.cache
def person(seed: int, mood: int = 0) -> Person:
    return draw_person(np.random.default_rng(seed), np.random.default_rng(mood))
