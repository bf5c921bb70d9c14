"""Finding a face in a photo and knowing whose it is: detection, landmarks, alignment, identity features."""

from occlib.faces.alignment import align_chip, face_transform, transform, warp
from occlib.faces.detection import Detection, detect
from occlib.faces.features import DlibFeatures, FaceFeatures, FaceNetFeatures
from occlib.faces.finding import Face, find_face
from occlib.faces.landmarks import IBUG68_FROM_MESH, landmarks_68, track

__all__ = [
    "IBUG68_FROM_MESH", "Detection", "DlibFeatures", "Face", "FaceFeatures", "FaceNetFeatures", "align_chip",
    "detect", "face_transform", "find_face", "landmarks_68", "track", "transform",
    "warp",
]
