"""Source closures: what a rule must take as input so that an edit reruns what it concerns and nothing else."""

from pathlib import Path

from base.closure import ROOT, closure
from studies.variants import resolve_variants


def test_models_do_not_share_their_own_files() -> None:
    posemamba = closure("models.lifting.posemamba", "training.run", "training.lifting")
    sasmamba = closure("models.lifting.sasmamba", "training.run", "training.lifting")
    assert "models/lifting/sasmamba.py" in sasmamba
    assert "models/lifting/sasmamba.py" not in posemamba
    assert "models/lifting/posemamba.py" not in sasmamba


def test_a_run_depends_on_engine_losses_and_metrics_but_not_on_reports_or_other_data() -> None:
    files = closure("models.lifting.posemamba", "training.run", "training.lifting")
    for needed in ("models/ssm/scan.py", "models/ssm/scan.cpp", "training/losses.py", "metrics/protocols.py"):
        assert needed in files
    assert not [f for f in files if f.startswith(("reports/", "workflow/"))]
    assert "datasets/motion/cmu.py" not in files


def test_an_edit_of_the_unpickler_concerns_no_training_that_starts_from_no_official_weights() -> None:
    readers = {"models/reading.py", "models/checkpoints.py", "models/lifting/official.py", "models/video/official.py"}
    for variant in resolve_variants().values():
        files = closure(variant.module, "training.run", f"training.{variant.kind}")
        assert not readers & set(files), variant.name
    assert "models/reading.py" in closure("models.lifting.official")


def test_an_edit_of_one_kinds_task_concerns_no_training_of_the_other() -> None:
    lifting, video = (set(closure("training.run", f"training.{kind}")) for kind in ("lifting", "video"))
    assert {"training/run.py", "training/lifting.py", "training/loop.py"} <= lifting
    assert not {"training/video.py", "training/clips.py", "models/video/clips.py"} & lifting
    assert not {"training/lifting.py", "training/evaluate.py", "models/lifting/parts.py"} & video


def test_reports_import_no_torch_and_no_model() -> None:
    files = closure(
        "reports.tables.judge", "reports.figures", "reports.site.build", "workflow.measuring.lifting_scores"
    )
    assert not [f for f in files if f.startswith(("models/", "training/"))]
    assert {"reports/site/templates/base.html", "reports/site/assets/site.js"} <= set(files)
    files += closure("workflow.measuring.video_scores")
    assert not [f for f in files if f.endswith(".py") and "import torch" in (ROOT / f).read_text(encoding="utf-8")]


def test_what_shows_cells_does_not_depend_on_what_judges_them() -> None:
    judging = {"reports/tables/judge.py", "reports/tables/kinds.py", "reports/tables/verdicts.py"}
    assert judging <= set(closure("reports.tables.judge"))
    shown = ("tables.writers", "figures", "audit.write", "site.build", "crate", "summary")
    assert not judging & {file for room in shown for file in closure(f"reports.{room}")}
    assert "reports/site/templates/base.html" not in closure("reports.tables.judge")


def test_every_file_exists_and_appears_once() -> None:
    files = closure("training.lifting")
    assert files == sorted(set(files))
    assert all((ROOT / f).is_file() and not Path(f).is_absolute() for f in files)
