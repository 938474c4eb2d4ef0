"""The public face has runnable examples, and they are right."""

import doctest

import pytest

import metrics.counting
import metrics.lifting
import metrics.poseval
import models
import models.ssm.scan

FACE = {
    models: ["build"],
    models.ssm.scan: ["selective_scan"],
    metrics.counting: ["count"],
    metrics.lifting: ["human36m", "mpi_inf_3dhp"],
    metrics.poseval: ["posetrack_ap"],
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in FACE.items() for name in names])
def test_an_example_runs_and_gives_what_it_says(module, name) -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(module, name), name, module)
    assert example.examples
    result = doctest.DocTestRunner().run(example)
    assert result.failed == 0, "its output is above"
