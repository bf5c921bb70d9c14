"""Backgrounds: photographs among the drawn kinds, cut, tinted and scaled in whole numbers."""

import numpy as np

from occlib.data import backgrounds, props


def of_kind(kind, seed, monkeypatch, size=64):
    monkeypatch.setattr(backgrounds, "_KINDS", [(kind, 1.0)])
    monkeypatch.setattr(backgrounds, "_WEIGHTS", [1.0])
    return backgrounds.draw_background(np.random.default_rng(seed), size)


def test_the_same_seed_gives_the_same_bytes_at_any_size():
    for size in (64, 200, 256):
        first, again, other = (
            backgrounds.draw_background(np.random.default_rng(seed), size) for seed in (5, 5, 6)
        )
        assert first.shape == (size, size, 3) and first.dtype == np.uint8 and first.flags.c_contiguous
        assert first.tobytes() == again.tobytes() != other.tobytes()


def test_photos_are_small_pictures_of_places():
    pictures = props.backgrounds()
    assert len(pictures) == 6
    for picture in pictures:
        assert picture.dtype == np.uint8 and picture.shape[2] == 3 and min(picture.shape[:2]) == 160
        assert picture.std() > 10
    coloured = [picture for picture in pictures if np.ptp(picture.astype(int), axis=2).max() > 60]
    assert len(coloured) == 2  # coffee on a table, a rocket at dusk
    coffee = next(picture for picture in coloured if picture[..., 0].mean() > picture[..., 2].mean())
    assert coffee[..., 0].mean() > 1.5 * coffee[..., 2].mean()  # RGB: wood and crockery are red, not blue


def test_a_photo_is_cut_anew_each_time_and_tinted(monkeypatch):
    seen = [of_kind(backgrounds._photo, seed, monkeypatch) for seed in range(40)]
    assert len({picture.tobytes() for picture in seen}) == 40
    warmth = [(picture[..., 0].astype(int) - picture[..., 2]).mean() for picture in seen]
    assert min(warmth) < -10 < 10 < max(warmth)
    lightness = [picture.mean() for picture in seen]
    assert min(lightness) < 100 and max(lightness) > 140
