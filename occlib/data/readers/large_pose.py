"""300W-LP and AFLW2000-3D (Zhu et al. 2016): photos of all poses with 68 landmarks, fitted by a 3DMM."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from occlib.data.readers.layout import PhotoSet
from occlib.data.sample import Sample
from occlib.errors import DataError
from occlib.images import load_photo


class _LargePose(PhotoSet):
    source = "http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm"
    landmarks: str

    def __init__(self, root: str | os.PathLike, folders: list[Path]):
        self.root = Path(root)
        super().__init__(photo for folder in folders for photo in sorted(folder.glob("*.jpg")))

    def read(self, photo: Path) -> Sample:
        file = photo.with_suffix(".mat")
        if not file.exists():
            raise self._missing(file)
        try:
            known = loadmat(file, variable_names=[self.landmarks, "Pose_Para"])
            points = np.asarray(known[self.landmarks], np.float32)[:2].T
            pose = np.asarray(known["Pose_Para"], np.float64).ravel()[:3]
            if points.shape != (68, 2) or pose.shape != (3,):
                raise ValueError(f"{len(points)} landmarks, {len(pose)} angles")
        except Exception as error:  # damaged files make SciPy's reader raise all kinds
            raise DataError(f"{file} is damaged or no file of {self.name} ({error!r})") from error
        info = {
            "path": photo.relative_to(self.root).as_posix(),
            "pose": dict(zip(("pitch", "yaw", "roll"), pose.tolist(), strict=True)),
        }
        # MATLAB puts the middle of the first pixel at 1, we at 0.5.
        return Sample(image=load_photo(photo), landmarks=points - np.float32(0.5), info=info)


class W300LP(_LargePose):
    """300W-LP: 61,225 pictures of 450 x 450 pixels, made of 300-W's by turning their heads, and mirrored.

        AFW/AFW_134212_1_0.jpg, .mat   AFW_Flip/ HELEN/ HELEN_Flip/ IBUG/ IBUG_Flip/ LFPW/ LFPW_Flip/

    landmarks: `pt2d`. info: path, pose (pitch, yaw, roll in radians in the authors' convention).
    """

    name = "300W-LP"
    landmarks = "pt2d"
    FOLDERS = tuple(f"{name}{flip}" for name in ("AFW", "HELEN", "IBUG", "LFPW") for flip in ("", "_Flip"))

    def __init__(self, root: str | os.PathLike):
        super().__init__(root, [Path(root) / name for name in self.FOLDERS])


class AFLW2000(_LargePose):
    """AFLW2000-3D: 2,000 photos of 450 x 450 pixels.

        image00002.jpg, image00002.mat ...

    landmarks: x and y of `pt3d_68`, hidden ones too. info: path, pose (pitch, yaw, roll in radians in the
    authors' convention; they leave out those beyond +-99 degrees).
    """

    name = "AFLW2000-3D"
    landmarks = "pt3d_68"

    def __init__(self, root: str | os.PathLike):
        super().__init__(root, [Path(root)])
