"""The 68 iBUG / 300-W landmarks: their order, their mirror image, and the seven points of the NoW challenge.

    0-16 jaw line from the subject's right to left (8 = chin), 17-21 right brow, 22-26 left brow, 27-30
    bridge of the nose (30 = tip), 31-35 base of the nose (33 = subnasale), 36-41 right eye, 42-47 left eye,
    48-59 outer and 60-67 inner lips. Right and left are the subject's.
"""

# IBUG_MIRROR[i] is the landmark on the other side of the face (C. Sagonas et al., "300 Faces in-the-Wild",
# 2013).
IBUG_MIRROR = (
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)

# Outer and inner eye corners from the subject's right to left, nose bottom, right and left mouth corner.
NOW_FROM_IBUG = (36, 39, 42, 45, 33, 48, 54)
