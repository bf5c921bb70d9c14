"""The world's renderer against hand-computed pictures of squares."""

import numpy as np
import pytest

from occlib.data.scene import Light, Pinhole, Surface, render_scene

SIZE = 32
WHITE = np.sqrt(4 * np.pi)  # the harmonic of light 1 from everywhere
EVERYWHERE = Light(np.array([WHITE] + [0.0] * 8), np.array([0.0, 0.0, 1.0]), np.zeros(3))
# At a depth of 1000 mm the picture is 320 mm wide: 10 mm a pixel.
CAMERA = Pinhole(np.eye(3), np.zeros(3), focal=3.125)
DULL = {"specular": 0.0, "gloss": 0.0}


def square(left, right, bottom, top, depth, color=(1.0, 1.0, 1.0), **options):
    """An upright square, corners in mm."""
    corners = [[left, bottom], [right, bottom], [right, top], [left, top]]
    vertices = np.array([[x, y, -depth] for x, y in corners], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    colors = np.tile(np.float32(color), (4, 1))
    return Surface(vertices, faces, color=colors, uv=uv, **{**DULL, **options})


def wall(depth=1000.0, **options):
    return square(-400, 400, -400, 400, depth, **options)


def test_labels_depth_and_colours_of_squares_are_those_computed_by_hand():
    # 4 x 4 pixels at the upper left, at half the depth: 5 mm a pixel there.
    label = np.array([3, 3], np.uint8)
    near = square(-80, -60, 60, 80, 500, color=(0.5, 0.25, 1.0), label=label, is_head=True)
    far = square(-160, 0, -160, 160, 1000, color=(0.2, 0.4, 0.6), label=2)
    seen = render_scene([far, near], EVERYWHERE, CAMERA, SIZE)
    parts = np.zeros((SIZE, SIZE), np.uint8)
    parts[:, :16] = 2
    parts[:4, :4] = 3
    np.testing.assert_array_equal(seen.parts, parts)
    np.testing.assert_array_equal(seen.parsing, parts)
    np.testing.assert_allclose(seen.clean[2, 2], np.square([0.5, 0.25, 1.0]), rtol=1e-6)
    np.testing.assert_allclose(seen.clean[30, 2], np.square([0.2, 0.4, 0.6]), rtol=1e-6)
    np.testing.assert_array_equal(seen.clean_alpha, parts > 0)
    # Depth and normals are those of the head alone.
    np.testing.assert_allclose(seen.depth[:4, :4], 500, rtol=1e-6)
    assert np.isinf(seen.depth[parts != 3]).all()
    np.testing.assert_allclose(seen.normals[:4, :4], np.broadcast_to([0, 0, 1], (4, 4, 3)), atol=1e-6)


def test_half_covered_pixels_are_half_transparent_and_the_back_is_not_drawn():
    # The border at x = 5 mm runs through the middle of the column of pixels right of the centre.
    front = square(-400, 5, -400, 400, 1000)
    np.testing.assert_array_equal(render_scene([front], EVERYWHERE, CAMERA, SIZE).clean_alpha[:, 16], 0.5)
    back = Surface(front.vertices, front.faces[:, ::-1], color=front.color)
    assert render_scene([back], EVERYWHERE, CAMERA, SIZE).clean_alpha.max() == 0
    both = Surface(front.vertices, front.faces[:, ::-1], color=front.color, two_sided=True)
    assert render_scene([both], EVERYWHERE, CAMERA, SIZE).clean_alpha.max() == 1


def test_neighbouring_triangles_cover_every_sample_once():
    rng = np.random.default_rng(0)
    side = 9
    x, y = np.meshgrid(np.linspace(-200, 200, side), np.linspace(-200, 200, side))
    inside = np.pad(np.ones((side - 2, side - 2)), 1)
    points = np.stack([x, y, np.full_like(x, -1000)], -1)
    points += rng.uniform(-15, 15, (side, side, 3)) * inside[..., None]
    a = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).reshape(-1)
    faces = np.concatenate([np.stack([a, a + 1, a + side + 1], 1), np.stack([a, a + side + 1, a + side], 1)])
    half = np.full((side * side, 4), 0.5, np.float32)
    mesh = Surface(points.reshape(-1, 3).astype(np.float32), faces, color=half)
    np.testing.assert_array_equal(render_scene([mesh], EVERYWHERE, CAMERA, SIZE).clean_alpha, 0.5)


def test_layers_blend_front_to_back():
    """c = a1 c1 + (1 - a1) (a2 c2 + (1 - a2) c3), in linear light, whatever the order they come in."""
    layers = [
        wall(900, color=(0.9, 0.1, 0.3, 0.25), label=1),
        wall(950, color=(0.2, 0.8, 0.4, 0.6), label=2),
        wall(1000, color=(0.5, 0.5, 0.7), label=3),
    ]
    expected = 0.25 * np.square([0.9, 0.1, 0.3])
    expected = expected + 0.75 * (0.6 * np.square([0.2, 0.8, 0.4]) + 0.4 * np.square([0.5, 0.5, 0.7]))
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        seen = render_scene([layers[k] for k in order], EVERYWHERE, CAMERA, SIZE)
        np.testing.assert_allclose(seen.clean[10, 10], expected, rtol=1e-5)
        assert (seen.parts == 2).all()  # 0.25, 0.45 and 0.3 of each pixel


def test_an_occluding_layer_between_hair_layers_is_in_one_picture_only():
    hair = wall(900, color=(0.3, 0.2, 0.1, 0.5), label=0)
    glass = wall(950, color=(0.0, 1.0, 0.0, 0.5), occluder=True)
    skin = wall(1000, color=(0.8, 0.6, 0.5), label=1)
    seen = render_scene([glass, skin, hair], EVERYWHERE, CAMERA, SIZE)
    h, g, s = (np.square(c) for c in ([0.3, 0.2, 0.1], [0.0, 1.0, 0.0], [0.8, 0.6, 0.5]))
    np.testing.assert_allclose(seen.clean[5, 5], 0.5 * h + 0.5 * s, rtol=1e-5)
    np.testing.assert_allclose(seen.occluded[5, 5], 0.5 * h + 0.25 * g + 0.25 * s, rtol=1e-5)
    np.testing.assert_allclose(seen.mask, 0.25)


def test_mask_counts_what_is_seen_of_the_occluder():
    occluder = square(-160, 0, -160, 160, 900, occluder=True, label=1)  # 17.8 of 32 columns at this depth
    hidden = square(-160, 160, -160, 160, 1100, occluder=True)
    seen = render_scene([wall(1000, label=1), occluder, hidden], EVERYWHERE, CAMERA, SIZE)
    np.testing.assert_array_equal(seen.mask, np.repeat([[1.0] * 16 + [0.0] * 16], SIZE, 0))
    np.testing.assert_array_equal(seen.parsing, np.where(seen.mask > 0.5, 6, 1))
    assert (seen.parts == 1).all()


def scene(rng):
    """A bumpy head with hair, some of it in front of it, a hand and a pane of glass, and a lamp from the
    side."""
    u, v = np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 40))
    z = 60 * (1 - u**2) * (1 - v**2) + rng.normal(0, 0.5, u.shape) - 1000
    vertices = np.stack([120 * u, 120 * v, z], -1).reshape(-1, 3).astype(np.float32)
    a = (np.arange(39)[:, None] * 40 + np.arange(39)).reshape(-1)
    faces = np.concatenate([np.stack([a, a + 1, a + 41], 1), np.stack([a, a + 41, a + 40], 1)])
    color = rng.uniform(0.3, 0.9, (1600, 3)).astype(np.float32)
    label = rng.integers(0, 6, len(faces)).astype(np.uint8)
    head = Surface(vertices, faces, color=color, label=label, translucency=1.0, is_head=True)
    strands = rng.integers(0, 256, (64, 64, 4), np.uint8)
    style = {"texture": strands, "hair": True, "two_sided": True}
    hair = [square(-90, 90, -90, 90, depth, **style) for depth in (910, 920, 990, 1010)]
    hand = square(10, 70, -40, 30, 900, color=(0.8, 0.6, 0.5), occluder=True)
    glass = {"color": (0.9, 0.9, 1.0, 0.3), "glass": True, "gloss": 0.9, "specular": 0.5}
    pane = square(-100, -20, -30, 20, 930, occluder=True, **glass)
    sky = np.array([2.0, 0.5, 0.2, 0.1, 0, 0, 0, 0, 0])
    light = Light(sky, np.array([-0.6, 0.48, 0.64]), np.array([0.9, 0.8, 0.7]))
    return [head, *hair], [hand, pane], light


def test_the_clean_picture_knows_nothing_of_occluders_and_equals_the_other_outside_mask_and_shadow():
    person, occluders, light = scene(np.random.default_rng(1))
    alone = render_scene(person, light, CAMERA, 64)
    seen = render_scene([*person, *occluders], light, CAMERA, 64)
    for name in ("clean", "clean_alpha", "parts", "depth", "normals"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(alone, name), err_msg=name)
    np.testing.assert_array_equal(alone.occluded, alone.clean)
    assert alone.mask.max() == alone.shadow.max() == 0
    outside = (seen.mask == 0) & (seen.shadow == 0)
    assert 0.2 < outside.mean() < 0.9
    np.testing.assert_array_equal(seen.occluded[outside], seen.clean[outside])
    np.testing.assert_array_equal(seen.parsing[outside], seen.parts[outside])
    assert (seen.occluded != seen.clean).any(-1)[~outside].mean() > 0.9


def test_the_same_scene_is_the_same_bytes():
    person, occluders, light = scene(np.random.default_rng(2))
    first, second = (render_scene([*person, *occluders], light, CAMERA, 64) for _ in range(2))
    for name, array in vars(first).items():
        assert array.tobytes() == getattr(second, name).tobytes(), name


@pytest.mark.parametrize("sideways", [-1.0, 1.0])
def test_a_shadow_falls_where_the_lamp_throws_it(sideways):
    """A square of 40 mm, 100 mm in front of the wall; the lamp stands 45 degrees to one side: 100 mm to the
    other."""
    direction = np.array([sideways, 0.0, 1.0]) / np.sqrt(2)
    light = Light(EVERYWHERE.lighting * 0.2, direction, np.ones(3), softness=0.01)
    sheet = square(-20, 20, -20, 20, 900, occluder=True)
    back = square(-155, 155, -155, 155, 1000, is_head=True, label=1)
    size = 64  # 5 mm a pixel on the wall
    seen = render_scene([back, sheet], light, CAMERA, size)
    dark = seen.shadow > 0.3
    rows, columns = np.nonzero(dark)
    assert abs(rows.mean() + 0.5 - 32) < 0.5
    assert abs(columns.mean() + 0.5 - (32 - sideways * 20)) < 0.6
    assert 7 * 7 <= dark.sum() <= 9 * 9
    # A white wall gets 0.2 from everywhere and cos 45 degrees from the lamp, or nothing from it.
    centre = seen.occluded[32, round(32 - sideways * 20)]
    np.testing.assert_allclose(centre, 0.2, rtol=0.02)
    np.testing.assert_allclose(seen.clean[5, 32], 0.2 + np.sqrt(0.5), rtol=0.02)


def test_a_wider_lamp_throws_a_softer_shadow():
    back, sheet = wall(1000, is_head=True), square(-40, 40, -40, 40, 900, occluder=True)
    direction = np.array([1.0, 0.0, 1.0]) / np.sqrt(2)

    def half_shadow(softness):
        light = Light(EVERYWHERE.lighting * 0.1, direction, np.ones(3), softness)
        shadow = render_scene([back, sheet], light, CAMERA, 64).shadow
        return ((shadow > 0.1) & (shadow < 0.7)).sum()

    assert half_shadow(0.3) > 2 * half_shadow(0.02)


def test_what_touches_darkens_its_surroundings_without_any_lamp():
    touching, floating = (square(-30, 30, -30, 30, 1000 - gap, occluder=True) for gap in (8, 150))
    back = wall(1000, is_head=True, color=(0.6, 0.6, 0.6))
    beside = render_scene([back, touching], EVERYWHERE, CAMERA, 64).shadow[32, 32 + 7]
    assert beside > 0.08
    assert render_scene([back, floating], EVERYWHERE, CAMERA, 64).shadow[32, 32 + 8] < beside / 3


def test_hair_over_the_face_is_trimmed_or_is_the_occluder():
    """Left half face, right half scalp (background), hair in front of both."""
    face = square(-160, 0, -160, 160, 1000, color=(0.8, 0.6, 0.5), label=1, is_head=True)
    scalp = square(0, 160, -160, 160, 1000, color=(0.3, 0.3, 0.3), label=0, is_head=True)
    opaque = (0.4, 0.2, 0.1, 1.0)
    own = wall(950, color=opaque, hair=True)
    trimmed = render_scene([face, scalp, own], EVERYWHERE, CAMERA, SIZE)
    np.testing.assert_array_equal(trimmed.occluded, trimmed.clean)
    assert (trimmed.parts[:, :16] == 1).all()
    assert (trimmed.parts[:, 16:] == 0).all()
    bare = render_scene([face, scalp], EVERYWHERE, CAMERA, SIZE)
    np.testing.assert_array_equal(trimmed.clean[:, :16], bare.clean[:, :16])
    assert (trimmed.clean[:, 16:] != bare.clean[:, 16:]).all()

    fringe = wall(950, color=opaque, hair=True, occluder=True)
    over = render_scene([face, scalp, fringe], EVERYWHERE, CAMERA, SIZE)
    np.testing.assert_array_equal(over.clean, trimmed.clean)
    np.testing.assert_array_equal(over.mask, np.repeat([[1.0] * 16 + [0.0] * 16], SIZE, 0))
    np.testing.assert_array_equal(over.parsing, np.where(over.mask > 0, 6, 0))
    np.testing.assert_array_equal(over.occluded[:, 16:], trimmed.clean[:, 16:])


def test_a_texture_lies_as_its_uv_says_and_does_not_alias():
    quarters = np.array([[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [1, 1, 1]]])
    large = np.repeat(np.repeat(255 * quarters, 32, 0), 32, 1).astype(np.uint8)
    seen = render_scene([square(-160, 160, -160, 160, 1000, texture=large)], EVERYWHERE, CAMERA, SIZE).clean
    np.testing.assert_allclose(seen[8::16, 8::16], quarters, atol=1e-6)
    checks = np.zeros((512, 512, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    seen = render_scene([square(-160, 160, -160, 160, 1000, texture=checks)], EVERYWHERE, CAMERA, SIZE).clean
    np.testing.assert_allclose(seen, 0.25, atol=0.01)


def test_bumps_tilt_the_normal_by_the_slope_of_their_heights():
    """Heights rise by 48 mm over 320 mm to the right, so the normal leans to the left by that slope."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None], 256, 0)
    light = Light(np.array([WHITE, 0, 0, 1.0, 0, 0, 0, 0, 0]), np.array([0.0, 0.0, 1.0]), np.zeros(3))
    camera = Pinhole(np.eye(3), np.zeros(3), focal=3.125)
    bumpy = square(-160, 160, -160, 160, 1000, bump=ramp, bump_height=48.0)
    slope = 48.0 / 255 * 256 / 320
    lean = -slope / np.sqrt(1 + slope**2)
    expected = 1 + 2 / 3 * np.sqrt(3 / (4 * np.pi)) * lean
    seen = render_scene([bumpy], light, camera, SIZE).clean[16, 8:24, 0]
    np.testing.assert_allclose(seen, expected, rtol=1e-3)


def test_a_wet_ball_mirrors_the_lamp_where_reflection_says():
    """The highlight of a sphere lies where its normal halves the angle between lamp and camera."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=5, radius=100)
    vertices = (ball.vertices + [0, 0, -1000]).astype(np.float32)
    eye = Surface(vertices, ball.faces, color=np.full(vertices.shape, 0.1, np.float32), gloss=0.85)
    direction = np.array([0.6, 0.0, 0.8])
    light = Light(EVERYWHERE.lighting * 0.05, direction, np.ones(3), softness=0.05)
    seen = render_scene([eye], light, CAMERA, 128).clean[..., 0]
    row, column = np.unravel_index(seen.argmax(), seen.shape)
    # Towards the camera the view is nearly (0, 0, 1): half of atan(0.6 / 0.8), 100 mm wide, 2.5 mm a pixel.
    expected = 64 + 100 * np.sin(np.arctan2(0.6, 0.8) / 2) / 2.5 * (1000 / 905)
    assert abs(row + 0.5 - 64) <= 1
    assert abs(column + 0.5 - expected) < 2
    assert seen.max() > 1
    assert (seen > 0.5 * seen.max()).sum() < 60


def test_posing_turns_then_moves():
    turned = wall(0, normals=np.tile(np.float32([0, 0, 1]), (4, 1))).posed(
        np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]]), [1.0, 2.0, -1000.0]
    )
    np.testing.assert_allclose(turned.vertices[1], [1, -398, -1400])
    np.testing.assert_allclose(turned.normals[0], [1, 0, 0])
