"""The training command, from pictures to a model folder: whole, stopped, killed, misled."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lookalike.calibration import drawn
from lookalike.encoder import Encoder
from lookalike.models import SHIPPED
from training import train
from training.torchvision_shim import torchvision

ROOT = Path(__file__).parent.parent.parent
TINY = {
    "arch": "mobilenet_v3_small",
    "size": "32",
    "dimension": "8",
    "prefixes": "4",
    "steps": "4",
    "batch": "8",
    "each": "2",
    "report-every": "1",
    "precision": "fp32",
}
PATIENCE = 120.0  # seconds until a process that does not begin is given up


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labels of six pictures each, as folders."""
    folder = tmp_path_factory.mktemp("shop")
    for i, picture in enumerate(drawn(18)):
        place = folder / f"label {i % 3}"
        place.mkdir(exist_ok=True)
        picture.resize((48, 48)).save(place / f"{i}.png")
    return folder


def arguments(out: Path, **given: object) -> list[str]:
    chosen = {**TINY, "out": out, **given}
    return [part for name, value in chosen.items() for part in (f"--{name}", str(value))]


def history(out: Path) -> list[dict[str, float]]:
    lines = (out / "checkpoints" / "history.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def losses(out: Path) -> list[float]:
    return [row["loss"] for row in history(out) if "loss" in row]


@pytest.fixture(scope="module")
def whole(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run, to compare with."""
    out = tmp_path_factory.mktemp("whole")
    assert train.main(arguments(out, labels=shop)) == 0
    return out


def test_labels_become_an_encoder_with_a_card(whole: Path) -> None:
    encoder = Encoder(whole / "model")

    assert encoder.encode(drawn(2)).shape == (2, 8)
    assert "labels: 3" in encoder.card.training_data[1]
    assert 0 <= encoder.card.metrics["val_recall@1"] <= 1
    assert len(losses(whole)) == 4


def test_the_same_seed_gives_the_same_curve_and_another_seed_another(
    shop: Path, whole: Path, tmp_path: Path
) -> None:
    train.main(arguments(tmp_path / "again", labels=shop))
    train.main(arguments(tmp_path / "other", labels=shop, seed=2))

    assert losses(tmp_path / "again") == losses(whole)
    assert losses(tmp_path / "other") != losses(whole)


def test_a_run_out_of_time_says_that_it_can_go_on(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = train.main(arguments(tmp_path, labels=shop, minutes=1e-9))

    assert code == 0
    assert "stopped at step 0; the same command goes on from here" in capsys.readouterr().out
    assert not (tmp_path / "model").exists()


@pytest.fixture
def running(shop: Path, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """The command as a process of its own, with a thousand steps to go and some done."""
    command = [sys.executable, "-m", "training.train"]
    given = [*arguments(tmp_path, labels=shop, steps=1000), "--save-every", "0"]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, *given], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        until = time.monotonic() + PATIENCE
        assert process.stdout is not None
        for line in process.stdout:
            if "metric step=6 " in line or time.monotonic() > until:
                break
        yield process
        process.kill()


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    shop: Path, running: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    running.kill()
    running.wait()
    before = losses(tmp_path)

    again = tmp_path / "uninterrupted"
    train.main(arguments(again, labels=shop, steps=1000, minutes=0.05))
    train.main(arguments(tmp_path, labels=shop, steps=1000, minutes=0.02))

    after, reference = losses(tmp_path), losses(again)
    common = min(len(after), len(reference), 20)  # rounding grows with every step
    assert len(before) >= 5
    assert len(after) > len(before)
    assert after[:common] == pytest.approx(reference[:common], rel=0.01)
    assert [row["step"] for row in history(tmp_path)] == list(range(1, len(after) + 1))


def test_sigterm_keeps_the_step_under_way_and_tells_the_shell(
    running: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    running.send_signal(signal.SIGTERM)
    said, _ = running.communicate(timeout=PATIENCE)

    state = torch.load(tmp_path / "checkpoints" / "checkpoint.pt", weights_only=True)
    assert running.returncode == 128 + signal.SIGTERM
    assert f"stopped at step {state['step']}" in said
    assert state["step"] == history(tmp_path)[-1]["step"]


def test_a_folder_alone_is_enough_to_learn_from(shop: Path, tmp_path: Path) -> None:
    assert train.main(arguments(tmp_path, pictures=shop)) == 0

    assert Encoder(tmp_path / "model").card.training_data == ("18 pictures",)


def test_a_sidecars_group_is_a_label_too(shop: Path, tmp_path: Path) -> None:
    for number, picture in enumerate(sorted(shop.glob("*/*.png"))):
        target = tmp_path / "catalogue" / picture.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(picture.read_bytes())
        sidecar = target.with_name(target.name + ".metadata.json")
        sidecar.write_text(json.dumps({"group": f"product {number % 4}"}))

    given = {"labels": tmp_path / "catalogue", "label-by": "group", "validation-share": 0}

    assert train.main(arguments(tmp_path / "out", **given)) == 0
    assert "labels: 4" in Encoder(tmp_path / "out" / "model").card.training_data[1]


def test_clicks_teach_beside_the_pictures_they_are_on(shop: Path, tmp_path: Path) -> None:
    clicks = tmp_path / "clicks.jsonl"
    clicks.write_text('{"anchor": "label 0/0.png", "clicked": "label 1/1.png", "weight": 2}\n')

    code = train.main(arguments(tmp_path, pictures=shop, clicks=clicks, loss="triplet"))

    assert code == 0
    assert "clicks: clicks.jsonl" in Encoder(tmp_path / "model").card.training_data


def test_the_projection_alone_learns_on_features_that_are_computed_once(
    shop: Path, tmp_path: Path
) -> None:
    given = {"labels": shop, "train": "projection", "cache": tmp_path / "cache"}

    train.main(arguments(tmp_path / "one", **given))
    computed = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*.npy")}
    train.main(arguments(tmp_path / "two", **given, loss="triplet"))

    assert len(computed) == 1
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").glob("*.npy")} == computed
    assert losses(tmp_path / "one") != losses(tmp_path / "two")
    assert Encoder(tmp_path / "two" / "model").card.dimension == 8


@pytest.mark.parametrize("teacher", ["start", str(SHIPPED)])
def test_a_teacher_can_be_the_start_itself_or_any_encoder_that_serves(
    teacher: str, shop: Path, tmp_path: Path
) -> None:
    given = {"labels": shop, "teacher": teacher, "teacher-size": 160, "steps": 2}

    assert train.main(arguments(tmp_path, **given)) == 0

    assert [-0.001 < row["direction"] < 4 for row in history(tmp_path)[:2]] == [True] * 2


def test_two_processes_train_one_model(shop: Path, tmp_path: Path) -> None:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *torchrun, "-m", "training.train"]

    done = subprocess.run(
        [*command, *arguments(tmp_path, labels=shop)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("metric step=4 metric loss=") == 1
    assert Encoder(tmp_path / "model").card.dimension == 8


def test_training_goes_on_from_a_model_folder(shop: Path, whole: Path, tmp_path: Path) -> None:
    before = Encoder(whole / "model").encode(drawn(4))

    code = train.main(
        arguments(
            tmp_path, labels=shop, weights=whole / "model", steps=1, **{"learning-rate": 1e-9}
        )
    )

    after = Encoder(tmp_path / "model").encode(drawn(4))
    assert code == 0
    assert (before * after).sum(axis=1).min() > 0.999


def test_validations_on_the_way_are_part_of_the_curve(shop: Path, tmp_path: Path) -> None:
    train.main(arguments(tmp_path, labels=shop, **{"validate-every": 2}))

    validated = [row["step"] for row in history(tmp_path) if "val_recall@1" in row]
    assert validated == [2, 4]


def misled(capsys: pytest.CaptureFixture[str], out: Path, **given: object) -> str:
    """The one sentence a wrong input ends with; the exit code is that of wrong usage."""
    assert train.main(arguments(out, **given)) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert not (out / "model").exists()
    return said


def test_nothing_to_learn_from_says_what_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "give --pictures FOLDER" in misled(capsys, tmp_path)


def test_a_file_of_clicks_that_is_not_there_is_named(
    tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = misled(capsys, tmp_path, pictures=shop, clicks=tmp_path / "gone.jsonl")

    assert "gone.jsonl cannot be read" in said


def test_wrong_pictures_are_named(
    tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, alone = tmp_path / "empty", tmp_path / "alone"
    empty.mkdir()
    (alone / "one label").mkdir(parents=True)
    for name in ("0.png", "3.png"):
        (alone / "one label" / name).write_bytes((shop / "label 0" / name).read_bytes())
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.jpg").write_bytes(b"\xff\xd8 no picture")

    assert "no picture" in misled(capsys, tmp_path / "1", labels=empty)
    assert "only by contrast" in misled(capsys, tmp_path / "2", labels=alone)
    assert "an be read" in misled(capsys, tmp_path / "3", pictures=broken)
    assert "There is no folder" in misled(capsys, tmp_path / "4", pictures=tmp_path / "gone")


def test_unreadable_pictures_are_skipped_counted_and_named(
    tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for picture in shop.glob("*/*.png"):
        target = tmp_path / "shop" / picture.parent.name / picture.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture.read_bytes())
    (tmp_path / "shop" / "label 0" / "broken.jpg").write_bytes(b"\xff\xd8 no picture")

    assert train.main(arguments(tmp_path / "out", labels=tmp_path / "shop", steps=1)) == 0

    assert "1 pictures could not be read, such as broken.jpg: " in capsys.readouterr().out


def test_a_table_that_names_its_splits_is_held_to_them(tmp_path: Path, shop: Path) -> None:
    table = tmp_path / "labels.csv"
    files = sorted(shop.glob("*/*.png"))
    rows = [
        f"{path},{path.parent.name},{'val' if i % 6 == 0 else 'train'}"
        for i, path in enumerate(files)
    ]
    table.write_text("\n".join(["path,label,split", *rows]))

    train.main(arguments(tmp_path, labels=table, steps=1))

    assert "of 15 of the pictures" in Encoder(tmp_path / "model").card.training_data[1]


def test_labels_that_name_missing_files_are_counted(
    tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    rows = [f"{path},{path.parent.name}" for path in sorted(shop.glob("*/*.png"))]
    table.write_text("\n".join(["path,label", *rows, "gone.png,label 1"]))

    assert train.main(arguments(tmp_path, labels=table, steps=1)) == 0

    assert "1 labelled pictures are missing, such as " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"steps": 0}, "--steps must be at least 1"),
        ({"prefixes": "64;128"}, "--prefixes are numbers with commas"),
        ({"validation-share": 1}, "--validation-share is a share"),
        ({"mixtures": 8}, "--mixtures are learnt from a teacher"),
        ({"start-share": 0.5}, "--start-share needs a start"),
        ({"loss": "hinge"}, "invalid choice"),
        ({"learning-rate": "fast"}, "invalid float"),
    ],
)
def test_options_that_cannot_work_are_refused_before_anything_is_read(
    given: dict[str, object], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        train.main(arguments(tmp_path, **given))

    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_weights_of_another_network_are_refused(
    tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "other.pth"
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), weights)

    said = misled(capsys, tmp_path, labels=shop, weights=weights)

    assert "not weights of mobilenet_v3_small" in said


def test_a_teacher_with_too_little_to_say_is_refused(
    tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = misled(capsys, tmp_path, labels=shop, teacher=SHIPPED, dimension=300)

    assert "ask for --dimension 256 or less" in said


def test_a_checkpoint_of_another_recipe_is_refused_by_name(
    whole: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = train.main(arguments(whole, labels=shop, temperature=0.5))

    assert code == 2
    assert "was made with another temperature" in capsys.readouterr().err


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path: Path, shop: Path) -> None:
    train.main(arguments(tmp_path, labels=shop, minutes=1e-9))
    before = (tmp_path / "checkpoints" / "checkpoint.pt").read_bytes()
    limited = (
        "import resource, sys; from training import train;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "sys.exit(train.main(sys.argv[1:]))"
    )

    done = subprocess.run(
        [sys.executable, "-c", limited, *arguments(tmp_path, labels=shop)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == 2
    assert "could not be written" in done.stderr
    assert (tmp_path / "checkpoints" / "checkpoint.pt").read_bytes() == before
    assert not list((tmp_path / "checkpoints").glob("*.unfinished"))
