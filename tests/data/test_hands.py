"""The posed hand: skinning against rigid motion, gestures, skin."""

import numpy as np
import pytest

from occlib.data.hands import (
    FINGER_BONES,
    GESTURES,
    WRIST,
    Gesture,
    hand_mesh,
    hand_surface,
    hand_texture,
    pose_hand,
)


def rest(**changes):
    """The gesture of the baked mesh."""
    hand = hand_mesh()
    angles = {
        "flexion": np.degrees(hand.flexion[FINGER_BONES]),
        "spread": np.zeros(5),
        "wrist": np.degrees([hand.flexion[WRIST], 0.0]),
    }
    return Gesture(**{**angles, **changes})


def rigid_part(bone):
    """Vertices that move with one bone alone."""
    hand = hand_mesh()
    return np.flatnonzero((hand.bones[:, 0] == bone) & (hand.weights[:, 0] > 0.999))


def tip(finger, vertices):
    return vertices[rigid_part(FINGER_BONES[finger, 2])].mean(0)


def test_the_rest_gesture_is_the_baked_mesh():
    np.testing.assert_allclose(pose_hand(rest()), hand_mesh().vertices, atol=1e-4)


def test_weights_sum_to_one_and_both_sides_of_a_seam_move_together():
    hand = hand_mesh()
    np.testing.assert_allclose(hand.weights.sum(1), 1, atol=1e-6)
    posed = pose_hand(GESTURES["fist"])
    np.testing.assert_allclose(posed, posed[hand.twin], atol=1e-9)


@pytest.mark.parametrize("gesture", GESTURES)
def test_bones_keep_their_shape(gesture):
    posed = pose_hand(GESTURES[gesture])
    for bone in FINGER_BONES[:, 2]:
        own = rigid_part(bone)
        before, after = hand_mesh().vertices[own], posed[own]
        assert len(own) > 5
        np.testing.assert_allclose(
            np.linalg.norm(after - after[0], axis=1), np.linalg.norm(before - before[0], axis=1), atol=1e-6
        )


def test_a_hinge_turns_by_the_angle_asked():
    directions = []
    for bend in (20.0, 50.0):
        flexion = np.zeros((5, 3))
        flexion[1, 1] = bend
        posed = pose_hand(rest(flexion=flexion))
        own = rigid_part(FINGER_BONES[1, 2])
        directions.append(posed[own[-1]] - posed[own[0]])
    a, b = (d / np.linalg.norm(d) for d in directions)
    hinge = hand_mesh().hinges[FINGER_BONES[1, 1]]
    assert np.degrees(np.arccos(a @ b)) <= 30 + 1e-6
    flat = [d - (d @ hinge) * hinge for d in (a, b)]
    angle = np.arccos(flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1]))
    assert np.degrees(angle) == pytest.approx(30, abs=3)  # up to the finger's own twist


def test_a_fist_brings_the_fingertips_to_the_palm_and_spreading_parts_them():
    flat, fist, spread = (pose_hand(GESTURES[name]) for name in ("flat", "fist", "spread"))
    for finger in range(1, 5):
        assert tip(finger, flat)[1] - tip(finger, fist)[1] > 40
        assert np.linalg.norm(tip(finger, fist) - [0, 55, -15]) < 45  # the middle of the palm
    assert np.linalg.norm(tip(1, spread) - tip(4, spread)) > np.linalg.norm(tip(1, flat) - tip(4, flat)) + 10
    assert tip(1, spread)[0] > tip(4, spread)[0]  # the index is on the thumb's side


def test_the_wrist_moves_the_forearm_and_leaves_the_hand():
    hand = hand_mesh()
    bent = pose_hand(rest(wrist=np.array([-40.0, 0.0])))
    fingers = hand.fingers >= 0
    np.testing.assert_allclose(bent[fingers], hand.vertices[fingers], atol=1e-4)
    elbow = hand.vertices[:, 1] < -150
    assert (
        bent[elbow, 2].mean() > hand.vertices[elbow, 2].mean() + 50
    )  # bent back, the forearm lies behind the hand


@pytest.mark.parametrize("mirrored", [False, True])
def test_left_and_right_hands_face_outwards(mirrored):
    vertices = pose_hand(GESTURES["spread"]) * [-1 if mirrored else 1, 1, 1]
    surface = hand_surface(
        vertices, hand_texture(np.array([0.8, 0.6, 0.5]), np.random.default_rng(0)), mirrored=mirrored
    )
    a, b, c = (surface.vertices[surface.faces[:, k]].astype(float) for k in range(3))
    assert np.einsum("fc,fc->f", a, np.cross(b, c)).sum() > 0  # six times the volume, but for the open arm
    knuckle = np.argmin(np.abs(hand_mesh().vertices - [0, 60, 12]).sum(1))
    assert surface.normals[knuckle, 2] > 0.7
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1, atol=1e-4)


def test_palms_are_paler_above_all_on_dark_hands():
    share = hand_mesh().skin[..., 0]

    def contrast(skin):
        texture = hand_texture(np.array(skin), np.random.default_rng(3)).astype(float)
        return texture[share > 230].mean() - texture[share < 25].mean()

    light, dark = contrast([0.9, 0.72, 0.62]), contrast([0.36, 0.22, 0.16])
    assert dark > 30
    assert dark > light + 20
