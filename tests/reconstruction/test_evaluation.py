"""The evaluation of the fit gives the same figures however many processes share the work."""

import numpy as np

from occlib.evaluation.fitting import evaluate_fitting, surface_errors, vertex_errors
from occlib.reconstruction import FitSettings


def test_worker_processes_change_nothing():
    quick = FitSettings(gauss_newton=(), levels=(), robust=False)
    report = evaluate_fitting(2, seed=12, settings=quick, workers=2)
    second = vertex_errors(1, seed=12, settings=quick)
    assert second["mean face"] > 2 and len(report.vertex["mean face"]) == 2
    np.testing.assert_equal({name: errors[1] for name, errors in report.vertex.items()}, second)
    second = surface_errors(1, seed=12, settings=quick)
    np.testing.assert_equal({name: errors[1] for name, errors in report.surface.items()}, second)
