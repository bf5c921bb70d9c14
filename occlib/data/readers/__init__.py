"""Published data sets of faces, read where and as their authors' archives unpack. Each gives Samples by
index.

    photos = CelebA("/data/celeba", split="test")
    photos[0].image                    # at its published size
    aligned(photos[0]).image           # upright, the face in the middle of 256 x 256 pixels

Nothing is downloaded: who wants a data set accepts its authors' terms and gets it from them. Nothing is
unpickled.
"""

from occlib.data.readers.celebamask import CelebAMaskHQ
from occlib.data.readers.large_pose import AFLW2000, W300LP
from occlib.data.readers.now import NoW
from occlib.data.readers.photos import LFW, CelebA, Pair, PhotoFolder

__all__ = ["AFLW2000", "LFW", "W300LP", "CelebA", "CelebAMaskHQ", "NoW", "Pair", "PhotoFolder"]
