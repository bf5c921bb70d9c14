"""Published sizes of adult faces and how to measure them on our heads; `shape_space.py` calibrates to them.

Means and standard deviations of men and of women in mm, rounded and quoted second-hand: look them up in the
originals before you rely on one of them. After

  [Z] Z. Zhuang, B. Bradtmiller, "Head-and-face anthropometric survey of U.S. respirator users",
      J. Occup. Environ. Hyg. 2, 2005 (3,997 adults of all ancestries);
  [F] L. G. Farkas, "Anthropometry of the Head and Face", 2nd ed., 1994 (young North American adults);
  [P] the pooled analysis of intercanthal distance over 118 ethnic cohorts, PMC9029890, 2022, and eye
      measurements of Hong Kong Chinese, BioMed Res. Int. 821428, 2013, averaged with [F].
"""

import numpy as np
from head_mesh import REGIONS, HeadMesh
from landmarks68 import pick_landmarks

from occlib.morphable.landmarks import IBUG_MIRROR

# Points of the profile that are not among the 68 landmarks, as hm08 vertices; numbered after the landmarks.
SELLION, SUBNASALE = 169, 343  # deepest point of the nose's root, corner between columella and lip
SE, SN = 68, 69

# name: (mean of men, sd, mean of women, sd, source, the two landmarks between which it is measured)
PUBLISHED = {
    "bizygomatic breadth": (143.5, 6.9, 135.1, 6.5, "Z", None),
    "bigonial breadth": (113.0, 8.5, 102.5, 7.0, "F, Z", None),
    "nose breadth": (37.6, 4.1, 34.6, 3.9, "Z", None),
    "interpupillary distance": (64.5, 3.6, 61.9, 3.5, "Z", None),
    "face length": (122.7, 7.0, 113.4, 6.1, "Z", (SE, 8)),
    "nose height": (52.0, 4.1, 48.2, 3.8, "Z", (SE, SN)),
    "nose protrusion": (21.1, 2.7, 19.8, 2.7, "Z", (SN, 30)),
    "lip length": (51.1, 4.2, 48.0, 4.0, "Z", (48, 54)),
    "upper lip height": (22.3, 2.4, 20.1, 2.2, "F", (SN, 62)),
    "vermilion height": (18.0, 2.8, 17.2, 2.6, "F", (51, 57)),
    "intercanthal width": (35.5, 3.3, 34.0, 3.0, "P", (39, 42)),
    "biocular width": (91.8, 4.4, 88.0, 3.6, "P", (36, 45)),
    "eye fissure height": (10.0, 1.2, 10.2, 1.3, "P", (43, 47)),
}


def published(name: str) -> tuple[float, float]:
    """Mean and standard deviation, mm, over as many men as women."""
    men, sd_men, women, sd_women, *_ = PUBLISHED[name]
    return (men + women) / 2, np.sqrt((sd_men**2 + sd_women**2) / 2 + ((men - women) / 2) ** 2)


class Tape:
    """Measures heads; landmarks and widths are located once, on the mean of some heads (N, Vc, 3)."""

    def __init__(self, head: HeadMesh, heads: np.ndarray):
        mean = heads.mean(axis=0)
        mean = mean - 0.5 * (mean[head.parts == 1].mean(axis=0) + mean[head.parts == 2].mean(axis=0))
        x, y, z = fine = (head.subdivision @ mean).T
        skin, nose = (head.regions == REGIONS.index(name) for name in ("skin", "nose"))
        self.head = head
        points = [*pick_landmarks(head, fine.T), head.coarse_of(SELLION), head.coarse_of(SUBNASALE)]
        self.landmarks = head.subdivision[points]
        self.across = {
            "bizygomatic breadth": self._pairs(skin & (x > 0) & (y < -5) & (y > -30) & (z > -45)),
            "bigonial breadth": self._pairs(skin & (x > 0) & (np.abs(y + 75) < 4) & (z < -25) & (z > -50)),
            "nose breadth": self._pairs(nose & (x > 0) & (x < 17.5) & (np.abs(y + 38) < 5)),
        }

    def _pairs(self, left):
        left = np.flatnonzero(left)
        return self.head.subdivision[left] - self.head.subdivision[self.head.symmetry[left]]

    def measure(self, shape: np.ndarray) -> np.ndarray:
        """(len(PUBLISHED),) mm of a coarse head (Vc, 3)."""
        points = self.landmarks @ shape
        values = []
        for name, (*_, ends) in PUBLISHED.items():
            if name in self.across:
                values.append((self.across[name] @ shape[:, 0]).max())
            elif name == "interpupillary distance":
                eyes = [shape[self.head.parts == part].mean(axis=0) for part in (1, 2)]
                values.append(np.linalg.norm(eyes[0] - eyes[1]))
            else:
                twins = [(*IBUG_MIRROR, SE, SN)[end] for end in ends]  # both sides, where there are two
                values.append(np.mean([np.linalg.norm(points[a] - points[b]) for a, b in (ends, twins)]))
        return np.array(values)


def comparison(tape: Tape, heads: np.ndarray, aligned: np.ndarray) -> str:
    """A table in Markdown: published sizes, those of `heads`, and the spread left when size is removed."""
    rows = ["| | published | drawn heads | shape only | source |", "|---|---|---|---|---|"]
    drawn, shape = (np.stack([tape.measure(head) for head in group]) for group in (heads, aligned))
    for name, sizes, shapes in zip(PUBLISHED, drawn.T, shape.T):
        mean, spread = published(name)
        rows.append(f"| {name} | {mean:.1f} ± {spread:.1f} | {sizes.mean():.1f} ± {sizes.std():.1f} "
                    f"| ± {shapes.std():.1f} | {PUBLISHED[name][4]} |")
    return "\n".join(rows)
