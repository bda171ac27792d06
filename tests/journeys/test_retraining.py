"""`lookalike retrain` from outside: killed, asked for twice, refused, and with little to go by."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.folder import Folder
from lookalike.lease import LEASE_KEY
from lookalike.models import ModelStore, Serving, ServingState
from tests.journeys import clicked, small_encoder
from tests.journeys.conftest import PATIENCE_SECONDS, Laptop, hear_sigint, until

LONG_SECONDS = 4 * PATIENCE_SECONDS  # a run takes 15 on a machine that has nothing else to do
RETRAIN = [sys.executable, "-m", "tests.journeys.small_retrain", "retrain"]


@dataclass
class Learner(Laptop):
    """A person whose Lookalike has a small encoder. shown: the pictures, if they lie elsewhere."""

    shown: Path | None = None

    @property
    def pictures(self) -> Path:
        return self.shown or super().pictures

    def make(self) -> None:
        clicked.catalogue(self.pictures)
        small_encoder.write(self.folder / "encoder")
        store = Folder(self.data / "models")
        Serving(store).start(ModelStore(store, store.root).add(self.folder / "encoder").model)
        (self.data / "catalogue.json").write_text(json.dumps({"pictures": str(self.pictures)}))
        assert self.index().returncode == 0

    def again(self, folder: Path) -> "Learner":
        """Another that knows the same of the same pictures."""
        shutil.copytree(self.data, folder / "data")
        return Learner(folder, self.environment, self.pictures)

    def begin(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*RETRAIN, "--data", str(self.data)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hear_sigint,
        )

    def retrain(self) -> tuple[int, str, str]:
        process = self.begin()
        out, err = process.communicate(timeout=LONG_SECONDS)
        return process.returncode, out, err

    def killed_when(self, so_far: Callable[[], Any]) -> None:
        process = self.begin()
        try:
            until(lambda: so_far() or process.poll() is not None, LONG_SECONDS)
            assert process.returncode is None, process.communicate()
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()

    def in_run(self, pattern: str) -> list[Path]:
        return list((self.data / "learning").glob(f"clicks-*/{pattern}"))

    def record(self) -> dict[str, Any]:
        (only,) = self.in_run("run.json")
        found: dict[str, Any] = json.loads(only.read_bytes())
        return found

    def serving(self) -> ServingState:
        return Serving(Folder(self.data / "models")).read()[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Learner:
    """Indexed, and nothing clicked; not to be changed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    one_thread = {"OMP_NUM_THREADS": "1"}  # tiny networks only wait for more
    home = {"XDG_DATA_HOME": str(tmp_path_factory.mktemp("xdg"))}
    made = Learner(tmp_path_factory.mktemp("world"), {**kept, **one_thread, **home})
    made.make()
    return made


@pytest.fixture
def learner(world: Learner, tmp_path: Path) -> Learner:
    return world.again(tmp_path)


@dataclass
class SeenThrough:
    learner: Learner
    out: str
    err: str
    answered_by: str


@pytest.fixture(scope="module")
def learnt(world: Learner, tmp_path_factory: pytest.TempPathFactory) -> SeenThrough:
    """A run from beginning to end, while `lookalike up` served."""
    learner = world.again(tmp_path_factory.mktemp("learnt"))
    clicked.log(learner.data / "interactions")
    with learner.up() as page:
        code, out, err = learner.retrain()
        answered_by = page.progress()["model"]
    assert code == 0, err
    return SeenThrough(learner, out, err, answered_by)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model_of(learner: Learner) -> str:
    (folder,) = learner.in_run("")
    return folder.name


def test_what_people_clicked_comes_to_answer_beside_a_lookalike_that_serves(
    learnt: SeenThrough,
) -> None:
    model = model_of(learnt.learner)

    assert learnt.out.splitlines()[0] == f"{model} serves"
    assert learnt.answered_by == model
    assert learnt.learner.serving() == ServingState(live=model, previous="small-1")
    page = Path(learnt.out.splitlines()[2].partition(": ")[2])
    assert "<html" in page.read_text()
    card = ModelCard.read(learnt.learner.data / "models" / model)
    assert (card.preprocessing.size, card.dimension) == (small_encoder.SIZE, 256)


def test_of_a_run_that_ended_only_what_one_reads_is_kept(learnt: SeenThrough) -> None:
    assert learnt.learner.record()["ended"] == "accepted"
    kept = {path.name for path in learnt.learner.in_run("*")}
    assert kept == {"run.json", "dataset", "gate"}


def test_killed_in_each_of_its_steps_it_goes_on_to_the_same_bytes(
    learner: Learner, learnt: SeenThrough
) -> None:
    clicked.log(learner.data / "interactions")

    learner.killed_when(lambda: learner.in_run("pictures/*/*"))
    begun = model_of(learner)
    learner.killed_when(lambda: len(lines(learner.in_run("checkpoints/history.jsonl"))) > 5)
    assert learner.record()["done"] == ["dataset"]
    learner.killed_when(lambda: learner.in_run(".gate-*"))
    assert learner.record()["done"] == ["dataset", "train"]
    learner.killed_when(lambda: learner.serving().next)
    assert learner.serving().live == "small-1"
    code, out, err = learner.retrain()

    assert code == 0, err
    assert "Going on with" in err
    assert out.splitlines()[0] == f"{begun} serves"
    assert model_of(learner) == begun == learner.serving().live
    ours, theirs = (
        sha256(each.data / "models" / model_of(each) / ONNX_NAME)
        for each in (learner, learnt.learner)
    )
    assert ours == theirs
    assert not learner.in_run(".gate-*")


def lines(paths: list[Path]) -> list[str]:
    return [line for path in paths for line in path.read_text().splitlines()]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_of_two_at_once_the_second_is_told_who_is_at_work(
    number: signal.Signals, code: int, learner: Learner
) -> None:
    clicked.log(learner.data / "interactions")
    first = learner.begin()
    until(lambda: learner.in_run("pictures/*/*"), LONG_SECONDS)

    second, out, err = learner.retrain()

    first.send_signal(number)
    first.communicate()
    assert (second, out) == (1, "")
    assert f"Another retraining (process {first.pid}) is at work" in err
    assert first.returncode == code
    assert json.loads((learner.data / "models" / LEASE_KEY).read_bytes())["execution"] == ""
    assert not learner.in_run("")  # of which nothing was done


def unfinished(learner: Learner, learnt: SeenThrough) -> Path:
    """A run of which data set and model are made, and the gate is still to see them."""
    of = learnt.learner
    source = of.data / "learning" / model_of(of)
    folder = learner.data / "learning" / source.name
    shutil.copytree(source / "dataset", folder / "dataset")
    shutil.copytree(of.data / "models" / source.name, folder / "trained/model")
    for key in of.pictures.rglob("*.jpg"):
        link = folder / "pictures" / key.relative_to(of.pictures)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(key)
    record = json.loads((source / "run.json").read_bytes())
    record |= {"done": ["dataset", "train"], "ended": ""}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def test_a_poisoned_model_is_refused_with_four_and_nothing_changes(
    learner: Learner, learnt: SeenThrough
) -> None:
    folder = unfinished(learner, learnt)
    with (folder / "trained/model" / ONNX_NAME).open("ab") as file:
        file.write(b"one byte more")

    code, out, _ = learner.retrain()

    assert code == 4
    said = out.splitlines()
    assert said[0] == f"{folder.name} was refused; what served before serves on"
    assert said[1].startswith("file: ")
    assert Path(said[2].partition(": ")[2]) == folder / "gate/model-diff.html"
    assert (folder / "gate/model-diff.html").is_file()
    assert learner.serving() == ServingState(live="small-1")
    assert not (learner.data / "models" / folder.name / CARD_NAME).exists()
    assert learner.record()["ended"] == "refused"


def test_a_run_is_not_gone_on_with_when_another_model_took_over(
    learner: Learner, learnt: SeenThrough
) -> None:
    folder = unfinished(learner, learnt)
    store = Folder(learner.data / "models")
    serving = Serving(store)
    state, etag = serving.read()
    serving.swap(etag, replace(state, live="default-1"))

    code, _, err = learner.retrain()

    assert f"{folder.name} was not finished, and meanwhile default-1 serves" in err
    assert code == 2  # of the new run: there is no log
    assert not (folder / "trained").exists()
    assert learner.record()["ended"] == "given up"


def nothing(log: Path) -> None:
    """Not even a folder."""


def broken_lines(log: Path) -> None:
    (log / "dt=2026-11-20").mkdir(parents=True)
    (log / "dt=2026-11-20/interactions.jsonl").write_text('{"type": "click"}\nnot JSON\n\x00\n')


def one_user(log: Path) -> None:
    clicked.log(log, sessions=1)


def few(log: Path) -> None:
    clicked.log(log, answers=200)


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        (nothing, "Nothing has been clicked yet. Needed are 100 pairs"),
        (broken_lines, "There is too little to learn from. Needed are 100 pairs"),
        (one_user, "There is too little to learn from. Needed are 100 pairs"),
        (few, "Too few clicks yet: of 518 the latest that count make 71 pairs"),
    ],
)
def test_with_too_little_to_go_by_nothing_is_trained(
    happened: Callable[[Path], None], said: str, learner: Learner
) -> None:
    happened(learner.data / "interactions")

    code, out, err = learner.retrain()

    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]
    assert "metric step" not in err
    assert not learner.in_run("")  # the next run counts what is clicked until then
    assert learner.serving().live == "small-1"
