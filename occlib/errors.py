"""Errors a user can act on: each says in one line what was wrong and what to do."""


class OcclibError(Exception):
    """Base of every error that occlib raises on purpose; its text is one line meant for the user."""


class ImageError(OcclibError):
    """A photo cannot be read, is empty, or is too small or too large to work with."""


class MaskError(OcclibError):
    """A mask has another size than its photo, or leaves nothing of the face to see."""


class NoFaceError(OcclibError):
    """No face was found in a photo."""


class MissingAssetError(OcclibError):
    """A file that occlib needs (weights, a face model) is not there."""


class DataError(OcclibError):
    """A data set is not laid out as its authors publish it, or a sample of it is damaged."""


class FaceModelError(OcclibError):
    """A file is no face model in a layout that occlib reads."""


class OutputError(OcclibError):
    """A result cannot be written where it was asked for."""


class TrainingError(OcclibError):
    """A run cannot start or go on."""


class NotebookError(OcclibError):
    """A notebook of the course is not built as the course's tools need it."""
