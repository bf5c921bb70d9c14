"""Where the 68 iBUG landmarks lie on the head. Picked by eye; `bake_face_model.py --figure` shows them.

The subject's left side is picked, the right mirrors it. Proportions are those of the mean 300-W annotation.
"""

import numpy as np
from head_mesh import REGIONS, HeadMesh
from scipy.spatial import cKDTree

from occlib.morphable.landmarks import IBUG_MIRROR

# hm08 vertices
BRIDGE_AND_TIP = (136, 135, 5063, 5054)  # 27-30
SUBNASALE, CHIN = 317, 5225  # 33 and 8
NOSE_BASE = {34: 7076, 35: 7055}
EYE = {42: 6850, 43: 7791, 44: 7773, 45: 11472, 46: 7786, 47: 7788}
MOUTH_CORNER = 7272
UPPER_LIP = (455, 7214, 7210, 7215, 7169, 11956, 7170, 7171, 7172, MOUTH_CORNER)  # border to the skin
LOWER_LIP = (492, 7241, 7235, 7166, 7200, MOUTH_CORNER)
UPPER_INNER = (537, 7265, MOUTH_CORNER)  # where the closed lips meet
LOWER_INNER = (540, 7264, MOUTH_CORNER)

# Place along a lip border as a share of half the mouth's width, and of the brow as a share of the eye's width
# outward from its inner corner.
UPPER_LIP_AT, LOWER_LIP_AT = {52: 0.26, 53: 0.63}, {56: 0.28, 55: 0.54}
UPPER_INNER_AT, LOWER_INNER_AT = {63: 0.26, 64: 0.85}, {65: 0.26}
BROW_AT = {22: -0.13, 23: 0.27, 24: 0.74, 25: 1.12, 26: 1.57}


def pick_landmarks(head: HeadMesh, mean: np.ndarray) -> np.ndarray:
    """(68,) fine vertices, symmetric, on the mean face `mean` (Vf, 3) mm."""
    picked = np.full(68, -1)
    midline = {8: CHIN, 33: SUBNASALE, 51: UPPER_LIP[0], 57: LOWER_LIP[0], 62: UPPER_INNER[0],
               66: LOWER_INNER[0], **dict(zip(range(27, 31), BRIDGE_AND_TIP))}
    for landmark, hm08_id in {**midline, **NOSE_BASE, **EYE, 54: MOUTH_CORNER}.items():
        picked[landmark] = head.coarse_of(hm08_id)
    nearest = cKDTree(np.where(head.fine_parts[:, None] == 0, mean, 1e6))  # on the skin only
    for border, places in ((UPPER_LIP, UPPER_LIP_AT), (LOWER_LIP, LOWER_LIP_AT),
                           (UPPER_INNER, UPPER_INNER_AT), (LOWER_INNER, LOWER_INNER_AT)):
        line = mean[[head.coarse_of(i) for i in border]]
        for landmark, share in places.items():
            picked[landmark] = nearest.query(_at(line, line[:, 0], share * line[-1, 0]))[1]

    inner, outer = mean[picked[42], 0], mean[picked[45], 0]
    brow = np.flatnonzero((head.masks["brows"] > 0.4) & (mean[:, 0] > 0))
    for landmark, share in BROW_AT.items():
        x = np.clip(inner + share * (outer - inner), mean[brow, 0].min(), mean[brow, 0].max())
        slice_ = brow[np.abs(mean[brow, 0] - x) < 3.0]
        picked[landmark] = nearest.query([x, *mean[slice_, 1:].mean(axis=0)])[1]

    contour = jaw_contour(head, mean, mean[picked[8]])
    length = np.concatenate([[0], np.linalg.norm(np.diff(contour[:, :2], axis=0), axis=1).cumsum()])
    for landmark in range(9, 17):
        picked[landmark] = nearest.query(_at(contour, length, (landmark - 8) / 8 * length[-1]))[1]
    for landmark, twin in enumerate(IBUG_MIRROR):
        if picked[landmark] < 0:
            picked[landmark] = head.symmetry[picked[twin]]
    return picked


def _at(line, parameter, value):
    return np.array([np.interp(value, parameter, line[:, k]) for k in range(3)])


def jaw_contour(head: HeadMesh, mean: np.ndarray, chin: np.ndarray) -> np.ndarray:
    """(K, 3) outline of the face seen from the front, from the chin to the height of the left eye."""
    skin = np.flatnonzero((head.regions == REGIONS.index("skin")) & (mean[:, 0] > 0))
    offset = mean[skin, :2] - [0.0, -30.0]
    angle, radius = np.arctan2(offset[:, 0], -offset[:, 1]), np.linalg.norm(offset, axis=1)  # 0 = down
    normal = _normals(head, mean)[skin]
    turned_away = (normal[:, 2] < 0.1) | (normal[:, 1] < -0.6)
    outline = [chin]
    for a in np.arange(0.1, np.pi, 0.05):
        ray = np.abs(angle - a) < 0.04
        border = radius[ray & turned_away & (radius > 62)].min(initial=np.inf)
        inside = np.flatnonzero(ray & (radius < border))
        point = mean[skin[inside[radius[inside].argmax()]]]
        if point[1] > 0:
            break
        outline.append(point)
    return np.array(outline)


def _normals(head, mean):
    corners = mean[head.faces]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(mean)
    np.add.at(normals, head.faces, face_normals[:, None])
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)
