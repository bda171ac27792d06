"""What a retraining remembers, and what it does before and between its steps."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.data_folder import DataFolder
from local.retraining import command as retraining
from local.retraining.command import Retraining, retrain
from local.retraining.run import KEPT, Run, all_runs, alone, prune
from local.retraining.steps import Steps
from local.trouble import Trouble
from lookalike.errors import RunInProgress
from lookalike.folder import Folder
from lookalike.lease import Lease
from lookalike.models import Serving, ServingState

SETTINGS = {"gold": "", "recipe": {"steps": 1}}
ASKED = Retraining(recipe={"steps": 1})


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    """Of two pictures, indexed by a model that is not needed here."""
    pictures = tmp_path / "pictures"
    (pictures / "a").mkdir(parents=True)
    for name in ("a/1.jpg", "2.jpg"):
        (pictures / name).write_bytes(b"not decoded here")
    made = DataFolder(tmp_path / "data")
    made.claim(pictures)
    Serving(Folder(made.path / "models")).start("live-1")
    return made


def names(learning: Path) -> list[str]:
    return sorted(path.name for path in learning.glob("clicks-*"))


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = Run.begun(tmp_path, "live-1", SETTINGS).having("dataset").having("train")

    assert Run.read(run.folder) == run
    assert run.done == ("dataset", "train")
    assert run.model == f"clicks-{run.started_at:%Y%m%d-%H%M%S}"


def test_two_runs_of_one_second_have_two_names(tmp_path: Path) -> None:
    first, second = (Run.begun(tmp_path, "live-1", SETTINGS) for _ in range(2))

    assert first.model != second.model


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"live": "x"}', '{"live": 1, "done": 2}'])
def test_what_has_no_record_that_can_be_read_is_nobodys_work(torn: str, tmp_path: Path) -> None:
    run = Run.begun(tmp_path, "live-1", SETTINGS)
    (run.folder / "run.json").write_text(torn)

    assert all_runs(tmp_path) == []
    prune(tmp_path)
    assert names(tmp_path) == []


def test_the_last_few_that_ended_are_kept_and_never_one_that_did_not(tmp_path: Path) -> None:
    made = datetime(2026, 11, 1, tzinfo=UTC)
    for day in range(KEPT + 3):
        folder = tmp_path / f"clicks-2026110{day + 1}-000000"
        folder.mkdir()
        Run(folder, "live-1", made, SETTINGS, (), "" if day == 0 else "refused").write()

    prune(tmp_path)

    left = [int(name[len("clicks-202611") :][:2]) for name in names(tmp_path)]
    assert left == [1, *range(4, KEPT + 4)]


def test_of_what_ended_the_pictures_themselves_stay_where_they_are(data: DataFolder) -> None:
    run = Run.begun(data.path / "learning", "live-1", SETTINGS)
    with alone(data.path / "learning") as lock:
        Steps(data, run, lock).lay_out_pictures()
    assert (run.folder / "pictures/a/1.jpg").read_bytes() == b"not decoded here"

    run.over("refused")

    assert not (run.folder / "pictures").exists()
    assert (data.pictures / "a/1.jpg").is_file()


def test_what_was_uploaded_is_learnt_from_too_and_keys_are_the_catalogues(
    data: DataFolder,
) -> None:
    uploaded = data.path / "written/uploads/3.jpg"
    uploaded.parent.mkdir(parents=True)
    uploaded.write_bytes(b"mine")
    odd = data.pictures / os.fsdecode(b"caf\xe9.jpg")
    odd.write_bytes(b"of another encoding")
    run = Run.begun(data.path / "learning", "live-1", SETTINGS)

    with alone(data.path / "learning") as lock:
        Steps(data, run, lock).lay_out_pictures()

    laid_out = {key for key, _ in Folder(run.folder / "pictures").keys()}
    assert laid_out == {"2.jpg", "a/1.jpg", "uploads/3.jpg", "caf\U0010ffe9.jpg"}


def test_a_training_begins_again_when_a_picture_of_it_is_gone(data: DataFolder) -> None:
    run = Run.begun(data.path / "learning", "live-1", SETTINGS)
    with alone(data.path / "learning") as lock:
        steps = Steps(data, run, lock)
        steps.lay_out_pictures()
        steps.checkpoints.mkdir()
        steps.forget_gone()
        assert steps.checkpoints.is_dir()
        (data.pictures / "2.jpg").unlink()

        steps.forget_gone()

    assert not steps.checkpoints.exists()
    assert not (run.folder / "pictures/2.jpg").is_symlink()


def test_a_second_one_is_told_who_is_at_work(tmp_path: Path) -> None:
    with (
        alone(tmp_path),
        pytest.raises(Trouble, match=rf"\(process {os.getpid()}\) is at work on"),
        alone(tmp_path),
    ):
        pass


def test_what_a_killed_run_left_behind_is_waited_for(tmp_path: Path) -> None:
    """It holds the lock that it inherited; the process that is named there lives no more."""
    died = subprocess.Popen([sys.executable, "-c", ""])
    died.wait()
    with alone(tmp_path) as lock:
        orphan = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(0.5)"], pass_fds=(lock.fileno(),)
        )
        lock.seek(0)
        lock.truncate()
        lock.write(str(died.pid))
        lock.flush()
    began = time.monotonic()

    with alone(tmp_path):
        waited = time.monotonic() - began

    assert orphan.wait(10) == 0
    assert waited > 0.1


def test_a_step_ends_when_whoever_asked_for_it_is_killed(tmp_path: Path) -> None:
    leash, ours = os.pipe()
    (tmp_path / "endless.py").write_text("import time\nprint('on', flush=True)\ntime.sleep(600)\n")
    step = subprocess.Popen(
        [sys.executable, "-m", "local.retraining.leashed", str(leash), "endless"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        pass_fds=(leash,),
        stdout=subprocess.PIPE,
    )
    os.close(leash)
    assert step.stdout is not None
    assert step.stdout.readline() == b"on\n"

    os.close(ours)  # as the kernel does, however its owner ends

    step.communicate(timeout=10)
    assert step.returncode == -15


def expired(run: Run) -> Run:
    return Run(run.folder, run.live, run.started_at - timedelta(days=4), run.settings, run.done)


def of_another_live(run: Run) -> Run:
    return Run(run.folder, "live-0", run.started_at, run.settings, run.done)


def of_another_recipe(run: Run) -> Run:
    return Run(run.folder, run.live, run.started_at, {"gold": "", "recipe": {}}, run.done)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (expired, "and it began on 20"),
        (of_another_live, "meanwhile live-1 serves"),
        (of_another_recipe, "it began with other settings"),
    ],
)
def test_what_is_out_of_date_is_not_gone_on_with(
    changed: Callable[[Run], Run], why: str, data: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    old = Run.begun(data.path / "learning", "live-1", SETTINGS).having("dataset")
    changed(old).write()
    Lease(Folder(data.path / "models")).take(old.model)  # as a kill leaves it

    with pytest.raises(Trouble, match="Nothing has been clicked yet") as refused:
        retrain(data, ASKED)

    assert refused.value.exit_code == 2
    assert why in capsys.readouterr().err
    assert names(data.path / "learning") == [old.model]
    assert all_runs(data.path / "learning")[0].ended == "given up"


def test_new_forgets_a_run_that_was_not_finished(
    data: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    Run.begun(data.path / "learning", "live-1", SETTINGS).having("dataset")

    with pytest.raises(Trouble, match="Nothing has been clicked yet"):
        retrain(data, Retraining(anew=True, recipe={"steps": 1}))

    assert "--new was given: a new run begins" in capsys.readouterr().err


def test_while_another_model_is_on_its_way_nothing_is_begun(data: DataFolder) -> None:
    serving = Serving(Folder(data.path / "models"))
    serving.swap(serving.read()[1], ServingState("live-1", next="next-1"))

    with pytest.raises(Trouble, match="next-1 is being filled; wait for it"):
        retrain(data, ASKED)

    assert names(data.path / "learning") == []


def test_a_lease_that_another_holds_is_respected(data: DataFolder) -> None:
    Lease(Folder(data.path / "models")).take("arn:of:a:machine")

    with pytest.raises(RunInProgress, match="arn:of:a:machine is running"):
        retrain(data, ASKED)

    assert names(data.path / "learning") == []


def test_without_torch_one_is_told_what_to_install(
    data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retraining, "NEEDED", ("onnx", "no_such_torch"))

    with pytest.raises(Trouble, match=r"needs no_such_torch, .* -m pip install -e '\.\[train\]'"):
        retrain(data, ASKED)
