"""Fitting the face model to one photo (§3.3): analysis by synthesis over all 239 numbers of V_x.

    landmarks --closed form, Gauss-Newton--> pose, identity, expression
    pixels    --least squares--> texture, lighting
    both      --Gauss-Newton on visible vertices, from blurred to sharp--> V_x
    both      --Adam through the differentiable renderer--> V_x

Each stage lands near enough for the next. Gauss-Newton gets most of the way in a few steps and leaves its
Hessian H = L L^T: Adam then works on u in x = x_0 + L^-T u, where a unit step means one standard deviation in
every direction, whether that is the width of the jaw or the roll of the head. Adam sees what Gauss-Newton can't:
the outlines of the face, and the exact losses of Eqs. 11 and 12.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import torch

from occlib.morphable import Coefficients, MorphableModel
from occlib.reconstruction.gauss_newton import VertexBases, linearise_photo, sample, visible_vertices
from occlib.reconstruction.landmark_term import LandmarkTerm
from occlib.reconstruction.losses import LAMBDA_PIXEL, feature_loss, pixel_loss, prior_loss
from occlib.reconstruction.robust import gaussian_blur, robust_weights
from occlib.rendering import (
    LAMBERT,
    Camera,
    Rendering,
    render,
    scaled_orthographic_pose,
    sh_basis,
    vertex_normals,
)

FACE_REGIONS = ("skin", "brows", "eyes", "nose", "lips")
"""What Eq. 11 compares: the five parts of §3.1. Scalp, ears and neck wear hair and clothes in photos."""
LEAST_PIXEL_SD = 0.02
"""Colour difference between a photo and a rendering, RGB in [0, 1], that is noise even when the face fits."""
LIGHT_SD = 0.25
"""Prior standard deviation of the lighting's bands 1 and 2; the brightness (band 0) is free."""


@dataclass(frozen=True)
class FitSettings:
    """How a fit balances its terms and how long it takes.

    gauss_newton: (blur of the photo in pixels, every how many-th vertex, steps) from coarse to fine.
    levels: (image size in pixels, Adam steps at most) through the renderer. learning_rate: in posterior
    standard deviations a step. lambda_pixel, lambda_features: Eqs. 11 and 12. pixel_information: how many
    independent colour measurements a face is worth, since neighbouring pixels err together; weighs the pixels against
    landmarks and prior. identity_sd, expression_sd: prior standard deviations of the coefficients.
    robust: estimate per-pixel weights, anew every `update_weights_every` steps. patience: a level ends
    when its loss has not fallen by `tolerance` (relative) for that many steps.
    """

    gauss_newton: tuple[tuple[float, int, int], ...] = ((6.0, 2, 3), (3.0, 2, 3), (1.5, 2, 3), (0.75, 2, 3))
    levels: tuple[tuple[int, int], ...] = ((224, 30),)
    learning_rate: float = 0.05
    lambda_pixel: float = LAMBDA_PIXEL
    lambda_features: float = 0.0
    pixel_information: float = 175.0
    identity_sd: float = 1.0
    expression_sd: float = 1.0
    robust: bool = True
    update_weights_every: int = 10
    patience: int = 15
    tolerance: float = 1e-3


@dataclass
class FitStep:
    """One line of the history: enough to draw the curves and to replay the fit.

    level: counts through settings.gauss_newton and then settings.levels. losses: the terms, times their lambdas.
    vector: (239,), V_x at which they were measured.
    """

    level: int
    losses: dict[str, float]
    vector: torch.Tensor


@dataclass
class Fit:
    """What a fit found.

    weights (1, 1, S, S): what each pixel of the photo counted in the end. occluded (1, 1, S, S): how much of
    the rendered face is not seen in the photo, 1 - weights inside the face region and 0 elsewhere.
    """

    coefficients: Coefficients
    camera: Camera
    weights: torch.Tensor
    occluded: torch.Tensor
    history: list[FitStep] = field(default_factory=list)


def fit(
    photo: torch.Tensor,
    points: torch.Tensor,
    model: MorphableModel,
    *,
    mask: torch.Tensor | None = None,
    settings: FitSettings = FitSettings(),
    features: Callable[[torch.Tensor], torch.Tensor] | None = None,
    progress: Callable[[FitStep], None] | None = None,
) -> Fit:
    """Fit `model` to one aligned photo.

    photo: (1, 3, S, S) RGB in [0, 1]. points: (468, 2) detected FaceMesh points in its pixels.
    mask: (1, 1, S, S), 1 = occluded, or None. features: G of Eq. 12 as a function of an aligned image
    (N, 3, S, S), used when settings.lambda_features > 0. progress: called after every step.
    The same photo gives the same face: nothing here is random.
    """
    fitter = Fitter(photo, points, model, mask, settings, features, progress)
    vector = fitter.start()
    for level in range(len(settings.gauss_newton)):
        vector = fitter.gauss_newton(vector, level)
    for level in range(len(settings.levels)):
        vector = fitter.adam(vector, level)
    coefficients = Coefficients.from_vector(vector)
    return Fit(coefficients, Camera(coefficients.pose, fitter.size), fitter.weights, fitter.occluded, fitter.history)


@lru_cache(maxsize=2)
def _knowledge(model: MorphableModel) -> tuple[LandmarkTerm, VertexBases, torch.Tensor]:
    """What belongs to the model and not to the photo, computed once: last the bases at the landmarks, (144, L, 3)."""
    with torch.inference_mode(False):
        term, bases = LandmarkTerm.for_model(model), VertexBases(model)
        return term, bases, bases.shape_at(term.vertices)


class Fitter:
    """One photo, one model, and what is known about both; `fit` says what the arguments are."""

    def __init__(self, photo, points, model, mask=None, settings=FitSettings(), features=None, progress=None):
        self.photo, self.model, self.settings = photo, model, settings
        self.features, self.progress = features, progress
        self.size = photo.shape[-1]
        # A mask is never exact to the pixel, and its rim is mixed with the face: two pixels more are left out.
        self.visible = torch.ones_like(photo[:, :1])
        if mask is not None:
            self.visible = 1 - torch.nn.functional.max_pool2d(mask, 5, stride=1, padding=2)
        self.weights, self.occluded = self.visible, 1 - self.visible
        self.pixel_sd = 0.1
        self.history: list[FitStep] = []
        self.term, self.bases, self.landmark_basis = _knowledge(model)
        self.detected = points[self.term.points][None, :, :2].to(photo)
        hidden = 1 - sample(self.visible, self.detected)[0, 0]
        self.whitening = self.term.whitening(hidden).to(photo)
        self.in_face = face_vertices(model)
        self.precision = _prior_precision(model, settings).to(photo)
        n_shape = sum(self._shape_sizes)
        self.landmark_mean = model.shape(*photo.new_zeros(1, n_shape).split(self._shape_sizes, 1))[:, self.term.vertices]
        order = torch.arange(len(self.precision), device=photo.device)
        self.geometry = torch.cat([order[:n_shape], order[-6:]])  # where identity, expression, pose are in V_x

    @torch.no_grad()
    def start(self, iterations: int = 8) -> torch.Tensor:
        """V_x (1, 239) from landmarks and prior by Gauss-Newton, then texture and lighting by least squares.

        Minimises 1/2 |W r(x)|^2 + 1/2 |alpha|^2 + 1/2 |beta / sd|^2 from the mean face in its closed-form pose. When
        even the best face leaves more than the calibrated noise (an unusual face, or points led
        astray by an occluder), all landmarks are trusted less by that factor.
        """
        pose = scaled_orthographic_pose(self.landmark_mean, self.detected)[0]
        x = torch.cat([pose.new_zeros(sum(self._shape_sizes)), pose])
        trusted, prior = self.whitening, self.precision[self.geometry]
        for _ in range(iterations):
            residual, jacobian = self._landmark_terms(x, trusted)
            noise = residual.square().mean().clamp(min=1)
            hessian = jacobian.T @ jacobian / noise + prior.diag()
            gradient = jacobian.T @ residual / noise + prior * x
            x = x - torch.linalg.solve(hessian.double(), gradient.double()).to(x)
        self.whitening = trusted / noise.sqrt()
        self.scale = _inverse_root(self.precision.diag().index_put((self.geometry[:, None], self.geometry), hessian))
        return torch.cat([x[:-6], self._fit_appearance(x), x[-6:]])[None]

    @torch.no_grad()
    def gauss_newton(self, vector: torch.Tensor, level: int) -> torch.Tensor:
        """The steps of settings.gauss_newton[level] on pixels, landmarks and prior, (1, 239) to (1, 239)."""
        blur, stride, steps = self.settings.gauss_newton[level]
        # What is occluded must not run into what is seen.
        photo = gaussian_blur(self.photo * self.visible, blur) / gaussian_blur(self.visible, blur).clamp(min=1e-3)
        for _ in range(steps):
            coefficients, camera, vertices, rendering = self._render(vector, self.size)
            weights = self._update_weights(self.photo, rendering)
            self._record(level, self._losses(self.photo, rendering, weights, vertices, coefficients, camera), vector)
            normals = camera.rotate(vertex_normals(vertices, self.model.faces))
            chosen = visible_vertices(rendering, normals, self.model.faces)
            chosen = chosen[self.in_face[chosen]][::stride]
            residual, jacobian = linearise_photo(photo, coefficients, camera, chosen, self.model, self.bases)

            counts = sample(weights, camera.project(vertices[:, chosen])[..., :2])[0, 0]  # (n,)
            # What the best face so far cannot explain is noise: photos stray further from the model than drawings.
            variance = (counts[:, None] * residual.square()).sum() / (3 * counts.sum()).clamp(min=1)
            self.pixel_sd = max(variance.sqrt().item(), LEAST_PIXEL_SD)
            information = self.settings.pixel_information / (len(chosen) * self.pixel_sd**2)
            weighted = (jacobian * (information * counts[:, None])).flatten(1)
            hessian = weighted @ jacobian.flatten(1).T + self.precision.diag()
            gradient = weighted @ residual.flatten() + self.precision * vector[0]
            residual, jacobian = self._landmark_terms(vector[0, self.geometry], self.whitening)
            hessian[self.geometry[:, None], self.geometry] += jacobian.T @ jacobian
            gradient[self.geometry] += jacobian.T @ residual
            vector = vector - torch.linalg.solve(hessian.double(), gradient.double()).to(vector)
            self.scale = _inverse_root(hessian)
        return vector

    def adam(self, start: torch.Tensor, level: int) -> torch.Tensor:
        """Adam (Kingma & Ba 2015) through the renderer on all of V_x at settings.levels[level], (1, 239) to
        (1, 239)."""
        settings = self.settings
        size, steps = settings.levels[level]
        photo = _resize(self.photo, size)
        unit = torch.zeros_like(start, requires_grad=True)
        optimiser = torch.optim.Adam([unit], settings.learning_rate)
        best, best_step = float("inf"), 0
        for step in range(steps):
            vector = start + unit @ self.scale.T  # x = x_0 + L^-T u
            coefficients, camera, vertices, rendering = self._render(vector, size)
            if step % settings.update_weights_every == 0:
                with torch.no_grad():
                    weights = self._update_weights(photo, rendering)
            losses = self._losses(photo, rendering, weights, vertices, coefficients, camera)
            total = sum(losses.values())
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
            self._record(len(settings.gauss_newton) + level, losses, vector)
            if total.item() < best * (1 - settings.tolerance):
                best, best_step = total.item(), step
            if step - best_step >= settings.patience:
                break
        return (start + unit @ self.scale.T).detach()

    @property
    def _shape_sizes(self) -> list[int]:
        return [self.model.n_identity, self.model.n_expression]

    def _render(self, vector, size) -> tuple[Coefficients, Camera, torch.Tensor, Rendering]:
        coefficients = Coefficients.from_vector(vector)
        camera = Camera(coefficients.pose, self.size)
        vertices = self.model.shape(coefficients.identity, coefficients.expression)
        albedo = self.model.albedo(coefficients.texture)
        rendering = render(vertices, self.model.faces, albedo, coefficients.lighting, camera, size)
        return coefficients, camera, vertices, rendering

    def _record(self, level: int, losses: dict[str, torch.Tensor], vector: torch.Tensor) -> None:
        losses = {name: loss.item() for name, loss in losses.items()}
        self.history.append(FitStep(level, losses, vector.detach()[0].clone()))
        if self.progress:
            self.progress(self.history[-1])

    def _losses(self, photo, rendering, weights, vertices, coefficients, camera) -> dict[str, torch.Tensor]:
        """The terms of L_3D, already multiplied by their lambdas; each a scalar tensor.

        The lambda of landmarks and prior follows from what the pixels are worth, as in Gauss-Newton: distances
        of colours count lambda_6 / (sqrt(3) sd) each, and there are `pixel_information` of them.
        """
        settings = self.settings
        lambda_prior = settings.lambda_pixel * 3**0.5 * self.pixel_sd / settings.pixel_information
        residual = self.term.residual(vertices[:, self.term.vertices], self.detected, camera)
        expression = coefficients.expression / settings.expression_sd
        prior = prior_loss(coefficients.identity / settings.identity_sd, expression, coefficients.texture)
        losses = {
            "pixel": settings.lambda_pixel * pixel_loss(photo, rendering.image, weights)[0],
            "landmarks": lambda_prior * 0.5 * (residual @ self.whitening.T).square().sum(),
            "prior": lambda_prior * prior[0],
        }
        if settings.lambda_features and self.features is not None:
            # The photo stands where nothing is rendered: G should compare faces, not backgrounds.
            shown = rendering.image + (1 - rendering.alpha) * photo
            losses["features"] = (
                settings.lambda_features * feature_loss(self.features(photo), self.features(shown))[0]
            )
        return losses

    def _update_weights(self, photo, rendering) -> torch.Tensor:
        """Which pixels Eq. 11 compares: rendered face, not under the mask, not an outlier. (1, 1, s, s)."""
        size = photo.shape[-1]
        face = face_pixels(rendering, self.model)
        weights = face * _resize(self.visible, size)
        if self.settings.robust:
            weights = robust_weights(photo, rendering.image, weights, smoothing=size / 112)
        self.weights, self.occluded = _resize(weights, self.size), _resize(face - weights, self.size)
        return weights

    def _landmark_terms(self, geometry: torch.Tensor, whitening: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Whitened landmark residual (2 L,) and its Jacobian (2 L, 150) at identity, expression, pose (150,)."""

        def whitened(x):
            landmarks = self.landmark_mean + torch.einsum("k,klc->lc", x[:-6], self.landmark_basis)
            residual = self.term.residual(landmarks, self.detected, Camera(x[None, -6:], self.size))
            return (residual @ whitening.T)[0]

        return whitened(geometry), torch.func.jacfwd(whitened)(geometry)

    def _fit_appearance(self, geometry: torch.Tensor, iterations: int = 8) -> torch.Tensor:
        """Texture and lighting (89,) by alternating regularised least squares at fixed geometry.

        Each visible vertex i of the face meets one colour of the photo, I_i = albedo_i(beta) * shading_i(gamma),
        which is linear in beta and in gamma. Robust weights are renewed in between.
        """
        model, n_tex = self.model, self.model.n_texture
        camera = Camera(geometry[None, -6:], self.size)
        vertices = model.shape(*geometry[None, :-6].split(self._shape_sizes, 1))
        normals = camera.rotate(vertex_normals(vertices, model.faces))
        plain = Coefficients.neutral(1).lighting.to(vertices)
        rendering = render(vertices, model.faces, torch.ones_like(vertices), plain, camera, self.size)
        chosen = visible_vertices(rendering, normals, model.faces)
        chosen = chosen[self.in_face[chosen]]
        projected = camera.project(vertices[:, chosen])[..., :2]
        colors = sample(self.photo, projected)[0].T  # (n, 3)
        uncovered = weights = sample(self.visible, projected)[0, 0]
        bands = sh_basis(normals[0, chosen]) * normals.new_tensor(LAMBERT)  # (n, 9)
        mean = model.albedo(self.photo.new_zeros(1, n_tex))[0, chosen]  # (n, 3)
        basis = self.bases.texture[:, chosen]  # (80, n, 3)

        texture = mean.new_zeros(n_tex)
        light_prior = self.precision[-15:-6]
        for _ in range(iterations):
            albedo = mean + torch.einsum("k,knc->nc", texture, basis)
            row = self.settings.pixel_information / (len(chosen) * self.pixel_sd**2) * weights
            by_light = albedo[:, :, None] * bands[:, None]  # (n, 3, 9)
            lighting = _ridge(by_light, colors, row, light_prior)
            shading = bands @ lighting
            by_texture = (basis * shading[None, :, None]).permute(1, 2, 0)  # (n, 3, 80)
            texture = _ridge(by_texture, colors - mean * shading[:, None], row, mean.new_ones(n_tex))
            residual = colors - (mean + torch.einsum("k,knc->nc", texture, basis)) * shading[:, None]
            error = residual.square().mean(1).sqrt()
            scale = (1.5 * error.median()).clamp(min=LEAST_PIXEL_SD)
            self.pixel_sd = scale.item()
            if self.settings.robust:
                weights = torch.exp(-0.5 * (error / scale) ** 2) * uncovered
        return torch.cat([texture, lighting])


def face_vertices(model: MorphableModel) -> torch.Tensor:
    """(V,) bool: the vertices in FACE_REGIONS."""
    compared = [model.region_names.index(name) for name in FACE_REGIONS]
    return torch.isin(model.regions, torch.tensor(compared, device=model.regions.device))


def face_pixels(rendering: Rendering, model: MorphableModel) -> torch.Tensor:
    """(N, 1, s, s), 1 where a rendering of the model shows FACE_REGIONS."""
    triangles = rendering.fragments.pix_to_face[..., 0]
    is_face = face_vertices(model)[model.faces[triangles.clamp(min=0)]].all(-1) & (triangles >= 0)
    return is_face[:, None].to(rendering.image)


def _prior_precision(model: MorphableModel, settings: FitSettings) -> torch.Tensor:
    """The statistical prior as a diagonal, 1 / sd^2 of every number of V_x (239,). The pose has hardly any."""
    free = 1e-3
    parts = [
        torch.full((model.n_identity,), settings.identity_sd**-2),
        torch.full((model.n_expression,), settings.expression_sd**-2),
        torch.ones(model.n_texture),
        torch.tensor([free] + [LIGHT_SD**-2] * 8),
        torch.full((6,), 1e-6),
    ]
    return torch.cat(parts)


def _ridge(rows: torch.Tensor, target: torch.Tensor, weights: torch.Tensor, precision: torch.Tensor):
    """argmin_x sum_n w_n |rows_n x - target_n|^2 + x^T diag(precision) x; rows (n, 3, k), target (n, 3)."""
    weighted = rows * weights[:, None, None]
    hessian = torch.einsum("ncj,nck->jk", weighted, rows) + precision.diag()
    gradient = torch.einsum("ncj,nc->j", weighted, target)
    return torch.linalg.solve(hessian.double(), gradient.double()).to(target)


def _resize(image: torch.Tensor, size: int) -> torch.Tensor:
    """(N, C, H, W) to (N, C, size, size), area-averaged when shrinking."""
    return torch.nn.functional.interpolate(image, (size, size), mode="area")


def _inverse_root(hessian: torch.Tensor) -> torch.Tensor:
    """L^-T of hessian = L L^T: maps unit steps to steps of one standard deviation in every direction."""
    lower = torch.linalg.cholesky(hessian.double())
    identity = torch.eye(len(hessian), dtype=torch.float64, device=hessian.device)
    return torch.linalg.solve_triangular(lower.T, identity, upper=True).to(hessian)
