"""The 3D morphable model of Eq. 9: faces as a mean plus linear bases (V. Blanz, T. Vetter, SIGGRAPH 1999)."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding_bag

from occlib import assets
from occlib.morphable.readers import FaceModelArrays, read_face_model

OPEN_RECIPE = "python assets/recipes/bake_face_model.py"


class MorphableModel(nn.Module):
    """Shape and albedo as linear functions of coefficients (Eq. 9):

        S = S_mean + A_id alpha + B_exp beta,    T = T_mean + B_te beta_te

    Millimetres, x to the viewer's right, y up, z to the viewer; the origin lies midway between the eyeballs,
    inside the head. Coefficients are in standard deviations: all zero is the mean, neutral face.

    The open model evaluates its bases on a coarse mesh (Vc vertices) and refines the result with one
    Catmull-Clark step, a sparse matrix (V, Vc): a quarter of the numbers have to be read. Bases lie in
    memory as (K, 3 Vc), so that a product with (N, K) reads each row in one sweep. Models without
    subdivision have Vc = V.

    Attributes: faces (F, 3) int64, counter-clockwise from outside; landmark_indices (68,); regions (V,)
    int64, indices into region_names; symmetry (V,) the vertex on the other side of the face; uv (T, 2) in
    [0, 1], v up; uv_faces (F, 3); unit_names: what the semantic expression units are called (empty: the
    model has none).
    """

    def __init__(self, arrays: FaceModelArrays):
        super().__init__()
        self.name = arrays.name
        self.region_names = arrays.region_names
        self.unit_names = arrays.unit_names

        def floating(name, array):
            self.register_buffer(name, torch.as_tensor(array, dtype=torch.float32).contiguous())

        def integer(name, array):
            self.register_buffer(name, torch.as_tensor(array.astype("int64")))

        floating("shape_mean", arrays.shape_mean)  # (Vc, 3)
        floating("identity_basis", arrays.identity_basis)  # (K, 3 Vc)
        floating("expression_basis", arrays.expression_basis)
        floating("albedo_mean", arrays.albedo_mean)  # (V, 3)
        floating("albedo_basis", arrays.albedo_basis)  # (K, 3 Vc)
        if arrays.units_to_expression is None:
            floating("units_to_expression", torch.zeros(0, len(arrays.expression_basis)))
        else:
            floating("units_to_expression", arrays.units_to_expression)  # (U, 64)
        for name in ("faces", "regions", "symmetry", "uv_faces"):
            integer(name, getattr(arrays, name))
        integer("landmark_indices", arrays.landmarks)
        floating("uv", arrays.uv)
        self._register_subdivision(arrays)

    def _register_subdivision(self, arrays: FaceModelArrays) -> None:
        """Keep S and its transpose in compressed rows: the backward pass is a product with S^T."""
        self.subdivided = arrays.subdivision is not None
        if not self.subdivided:
            return
        for name, matrix in (("s", arrays.subdivision.tocsr()), ("st", arrays.subdivision.T.tocsr())):
            matrix.sort_indices()
            self.register_buffer(f"_{name}_starts", torch.as_tensor(matrix.indptr[:-1].astype("int64")))
            self.register_buffer(f"_{name}_columns", torch.as_tensor(matrix.indices.astype("int64")))
            self.register_buffer(f"_{name}_values", torch.as_tensor(matrix.data, dtype=torch.float32))

    @classmethod
    def load(
        cls, source: str | os.PathLike = "open", *, dtype: torch.dtype = torch.float32, device: str = "cpu"
    ) -> MorphableModel:
        """Read a model: "open" (ours), or the path of a file in one of three layouts.

        `.safetensors` (ours), `.mat` (Basel Face Model 2009 as Deep3DFaceRecon's BFM_model_front.mat), `.h5`
        (Basel Face Model 2017 or 2019). Raises MissingAssetError or FaceModelError and says where to get the
        real files.
        """
        if source == "open":
            source = assets.path("face_model/open.safetensors", recipe=OPEN_RECIPE)
        return cls(read_face_model(Path(source))).to(device=device, dtype=dtype)

    @property
    def n_identity(self) -> int:
        """How many identity coefficients alpha Eq. 9 has, 80 in ours."""
        return len(self.identity_basis)

    @property
    def n_expression(self) -> int:
        """How many expression coefficients beta Eq. 9 has, 64 in ours."""
        return len(self.expression_basis)

    @property
    def n_texture(self) -> int:
        """How many texture coefficients beta_te Eq. 9 has, 80 in ours."""
        return len(self.albedo_basis)

    def shape(self, identity: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
        """Vertices (N, V, 3) in mm for identity alpha (N, 80) and expression beta (N, 64), Eq. 9."""
        coarse = torch.addmm(self.shape_mean.reshape(-1), identity, self.identity_basis)
        coarse = torch.addmm(coarse, expression, self.expression_basis)
        return self.subdivide(coarse.reshape(len(coarse), -1, 3))

    def albedo(self, texture: torch.Tensor) -> torch.Tensor:
        """Albedo (N, V, 3), sRGB, for texture beta_te (N, 80), Eq. 9. Not clamped to [0, 1]."""
        change = texture @ self.albedo_basis
        return self.albedo_mean + self.subdivide(change.reshape(len(texture), -1, 3))

    def subdivide(self, coarse: torch.Tensor) -> torch.Tensor:
        """(N, Vc, 3) on the coarse mesh -> (N, V, 3) on the fine one (Catmull & Clark 1978)."""
        if not self.subdivided:
            return coarse
        count, vertices, _ = coarse.shape
        columns = coarse.transpose(0, 1).reshape(vertices, 3 * count)
        fine = _SparseProduct.apply(columns, self._rows("s"), self._rows("st"))
        return fine.reshape(-1, count, 3).transpose(0, 1)

    def _rows(self, name: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return tuple(getattr(self, f"_{name}_{part}") for part in ("starts", "columns", "values"))

    def landmarks(self, vertices: torch.Tensor) -> torch.Tensor:
        """The 68 iBUG landmarks (N, 68, 3) of vertices (N, V, 3)."""
        return vertices[:, self.landmark_indices]

    def expression_units(self, weights: torch.Tensor) -> torch.Tensor:
        """Expression coefficients (N, 64) of weights (N, U) in [0, 1] of the semantic units `unit_names`."""
        return weights @ self.units_to_expression


@cache
@torch.inference_mode(False)  # loaded inside of that mode it would not work outside of it
def open_model(device: str) -> MorphableModel:
    """The open face model that the whole library shares, one for each device: nobody may change or move it."""
    return MorphableModel.load("open", device=device)


class _SparseProduct(torch.autograd.Function):
    """A x for a constant sparse A in compressed rows, whose transpose is at hand for the backward pass.

    `embedding_bag` sums weighted rows of x, which is exactly this product. It is as fast as a product with
    `torch.sparse_csr_tensor`, faster for batches, and its backward pass does not scatter.
    """

    @staticmethod
    def forward(ctx, x, rows, transposed_rows):
        ctx.rows = transposed_rows
        return _product(rows, x)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return _product(ctx.rows, gradient.contiguous()), None, None


def _product(rows, x):
    starts, columns, values = rows
    return embedding_bag(columns, x, starts, mode="sum", per_sample_weights=values)
