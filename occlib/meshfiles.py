"""Meshes as files that other programs open: OBJ and GLB with a texture, PLY with vertex colours.

All in millimetres, x to the viewer's right, y up, z towards the viewer, as everywhere in occlib. The corner
of a triangle has a vertex (`faces`) and a place in the texture (`uv_faces` into `uv`): where the texture is
cut open, one vertex has several places. `uv` is (U, 2) in [0, 1], its origin at the bottom left.
"""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import distance_transform_edt

from occlib.files import whole_file
from occlib.images import save_image
from occlib.rendering.rasterizer import interpolate, rasterize


def write_obj(
    path: str | os.PathLike,
    vertices: np.ndarray,
    faces: np.ndarray,
    uv: np.ndarray,
    uv_faces: np.ndarray,
    texture: np.ndarray,
) -> None:
    """Write `path` with its material (`.mtl`) and `texture.png` beside it; the OBJ itself appears last.

    vertices: (V, 3) mm. faces, uv_faces: (F, 3). uv: (U, 2). texture: (S, S, 3) uint8 RGB.
    """
    path = Path(path)
    save_image(texture, path.with_name("texture.png"))
    with whole_file(path.with_suffix(".mtl")) as part:
        part.write_text("newmtl skin\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd texture.png\n")
    corners = np.stack([np.asarray(faces), np.asarray(uv_faces)], axis=-1).reshape(-1, 6) + 1
    lines = [f"# millimetres\nmtllib {path.stem}.mtl"]
    lines += ["v {:.5f} {:.5f} {:.5f}".format(*vertex) for vertex in np.asarray(vertices).tolist()]
    lines += ["vt {:.6f} {:.6f}".format(*point) for point in np.asarray(uv).tolist()]
    lines += ["usemtl skin"]
    lines += ["f {}/{} {}/{} {}/{}".format(*corner) for corner in corners.tolist()]
    with whole_file(path) as part:
        part.write_text("\n".join(lines) + "\n")


def write_ply(path: str | os.PathLike, vertices: np.ndarray, faces: np.ndarray, colors: np.ndarray) -> None:
    """Write a binary PLY. vertices: (V, 3) mm, as float32. faces: (F, 3). colors: (V, 3) RGB in [0, 1]."""
    import trimesh  # takes half as long to import as torch, so it waits until there is a mesh to write

    mesh = trimesh.Trimesh(vertices, faces, vertex_colors=_bytes(colors), process=False)
    with whole_file(path) as part:
        part.write_bytes(mesh.export(file_type="ply", vertex_normal=False))


def write_glb(
    path: str | os.PathLike,
    vertices: np.ndarray,
    faces: np.ndarray,
    uv: np.ndarray,
    uv_faces: np.ndarray,
    texture: np.ndarray,
) -> None:
    """Write a binary glTF with the texture inside; arguments as for `write_obj`.

    The colours are a texture, not vertex colours, because glTF takes the latter as linear light, and ours are
    display values. glTF has one index per corner, so vertices on the texture's cuts are repeated, with the
    normals of the uncut mesh. Lengths stay millimetres, though glTF's unit is the metre.
    """
    import trimesh
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial

    vertex, place, corners = _cut_open(faces, uv_faces)
    normals = trimesh.Trimesh(vertices, faces, process=False).vertex_normals
    material = PBRMaterial(baseColorTexture=Image.fromarray(texture), metallicFactor=0.0, roughnessFactor=0.8)
    mesh = trimesh.Trimesh(
        np.asarray(vertices)[vertex],
        corners,
        vertex_normals=normals[vertex],
        process=False,
        visual=TextureVisuals(uv=np.asarray(uv)[place], material=material),
    )
    with whole_file(path) as part:
        part.write_bytes(mesh.export(file_type="glb", include_normals=True))


@torch.no_grad()
def bake_texture(
    colors: np.ndarray, faces: np.ndarray, uv: np.ndarray, uv_faces: np.ndarray, *, size: int = 1024
) -> np.ndarray:
    """Vertex colours as a texture, (size, size, 3) uint8 RGB: the triangles drawn flat where `uv` puts them.

    colors: (V, 3) RGB in [0, 1]. faces, uv_faces: (F, 3). uv: (U, 2). Texels outside every triangle take the
    colour of the nearest one inside, so that no seam shows when a viewer interpolates across the cuts.
    """
    vertex, place, corners = _cut_open(faces, uv_faces)
    u, v = torch.as_tensor(np.asarray(uv)[place], dtype=torch.float32).T
    flat = torch.stack([1 - 2 * u, 2 * v - 1, torch.ones_like(u)], dim=-1)[None]  # NDC: +X left, +Y up
    fragments = rasterize(flat, torch.from_numpy(corners), size)
    cut_colors = torch.as_tensor(np.asarray(colors)[vertex], dtype=torch.float32)[None]
    texture = _bytes(interpolate(fragments, cut_colors)[0].numpy())
    outside = fragments.pix_to_face[0, :, :, 0].numpy() < 0
    row, column = distance_transform_edt(outside, return_distances=False, return_indices=True)
    return texture[row, column]


def _cut_open(faces: np.ndarray, uv_faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give each pair (vertex, place in the texture) that occurs a number of its own.

    Returns the vertex (P,) and the place (P,) of each pair, and the faces (F, 3) as numbers of pairs.
    """
    faces, uv_faces = np.asarray(faces, np.int64), np.asarray(uv_faces, np.int64)
    places = uv_faces.max(initial=0) + 1
    pairs, corners = np.unique(faces * places + uv_faces, return_inverse=True)
    return pairs // places, pairs % places, corners.reshape(faces.shape)


def _bytes(colors: np.ndarray) -> np.ndarray:
    """RGB in [0, 1] -> uint8."""
    return np.rint(np.clip(colors, 0, 1) * 255).astype(np.uint8)
