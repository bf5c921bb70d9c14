"""The NoW challenge (Sanyal et al. 2019): photos of people whose faces were scanned."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from occlib.data.readers.layout import PhotoSet, read_lines
from occlib.data.sample import Sample
from occlib.errors import DataError
from occlib.images import load_photo

CHALLENGES = ("multiview_neutral", "multiview_expressions", "multiview_occlusions", "selfie")
LISTS = {"validation": "imagepathsvalidation.txt", "test": "imagepathstest.txt"}


class NoW(PhotoSet):
    """The photos of one split, all or those of one challenge.

        final_release_version/iphone_pictures/FaMoS_180424_03335_TA/multiview_neutral/IMG_0041.jpg
        imagepathsvalidation.txt, imagepathstest.txt
        scans/FaMoS_180424_03335_TA/*.obj, scans_lmks_onlypp/FaMoS_180424_03335_TA/*.pp   (validation only)

    Lists and scans may lie in final_release_version too. The face boxes in detected_face/ are Python pickles,
    which can run code: they are not read, `find_face` finds the one face of each photo.

    info: path (the name under which the challenge wants the result), subject, challenge, and, where they are,
    scan and scan_landmarks: paths of the scan in mm and of its 7 points.
    """

    name = "NoW"
    source = "https://now.is.tue.mpg.de"

    def __init__(self, root: str | os.PathLike, split: str = "validation", challenge: str | None = None):
        if split not in LISTS or challenge not in (None, *CHALLENGES):
            raise DataError(
                f"NoW has the splits {', '.join(LISTS)} and the challenges {', '.join(CHALLENGES)}"
            )
        self.folder = self.find(root, "final_release_version/iphone_pictures")
        listed = self.find(root, LISTS[split], f"final_release_version/{LISTS[split]}")
        photos = [PurePosixPath(line.strip()) for line in read_lines(listed)]
        wrong = [photo for photo in photos if len(photo.parts) != 3 or ".." in photo.parts]
        if wrong:
            raise DataError(f"{listed} names {wrong[0]}, expected subject/challenge/IMG_0000.jpg")
        places = (Path(root), Path(root) / "final_release_version")
        self.truth = {
            key: {file.parent.name: file for place in places for file in place.glob(pattern)}
            for key, pattern in (("scan", "scans/*/*.obj"), ("scan_landmarks", "scans_lmks_onlypp/*/*.pp"))
        }
        super().__init__(photo for photo in photos if challenge in (None, photo.parts[1]))

    def read(self, photo: PurePosixPath) -> Sample:
        subject, challenge, _ = photo.parts
        truth = {key: str(files[subject]) for key, files in self.truth.items() if subject in files}
        info = {"path": str(photo), "subject": subject, "challenge": challenge, **truth}
        return Sample(image=load_photo(self.folder / photo), info=info)
