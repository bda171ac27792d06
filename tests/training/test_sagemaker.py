"""What SageMaker's containers give and expect, in a folder that stands for /opt/ml."""

import json
import re
from pathlib import Path

import pytest

from lookalike.errors import CallerError
from training import sagemaker
from training.finishing import REPORTED
from training.options import Options, given
from training.progress import line
from training.sagemaker import (
    METRIC_DEFINITIONS,
    defaults,
    failures_reported,
    hyperparameters,
    places,
)

SHOWN = 1024  # characters of output/failure that DescribeTrainingJob returns


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("input/config", "input/data", "model", "output"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def write(root: Path, name: str, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "input/config" / name).write_text(text)


def read(text: str) -> dict[str, list[float]]:
    """What CloudWatch would get from this log."""
    found = {each["Name"]: re.findall(each["Regex"], text) for each in METRIC_DEFINITIONS}
    return {name: [float(value) for value in values] for name, values in found.items() if values}


def failure(root: Path) -> str:
    return (root / "output/failure").read_text()


def test_hyperparameters_become_arguments_whatever_their_spelling(root: Path) -> None:
    write(
        root,
        "hyperparameters.json",
        {
            "learning-rate": "0.001",
            "batch_size": "64",
            "pooling": '"gem"',
            "mixed": "true",
            "floor": "-0.5",
            "note": "",
            "steps": 200,
        },
    )

    arguments = hyperparameters(root)

    assert arguments == [
        *("--learning-rate", "0.001"),
        *("--batch-size", "64"),
        *("--pooling", "gem"),
        *("--mixed", "true"),
        "--floor=-0.5",  # argparse would take it for another option
        *("--note", ""),
        *("--steps", "200"),
    ]


def test_what_the_sdk_adds_is_no_hyperparameter_of_ours(root: Path) -> None:
    write(
        root,
        "hyperparameters.json",
        {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": '"s3://bucket/source.tar.gz"',
            "_tuning_objective_metric": "val_recall@1",
            "teacher": "null",
            "steps": "5",
        },
    )

    assert hyperparameters(root) == ["--steps", "5"]


def test_no_file_means_no_hyperparameters(tmp_path: Path) -> None:
    assert hyperparameters(tmp_path) == []


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"a b": "1"}', '{"--steps": "1"}'])
def test_a_broken_file_is_refused_in_one_sentence(root: Path, broken: str) -> None:
    write(root, "hyperparameters.json", broken)

    with pytest.raises(CallerError) as refused:
        hyperparameters(root)

    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def test_channels_are_found_without_the_sdk(root: Path) -> None:
    for name in ("pictures", "labels"):
        (root / "input/data" / name).mkdir()
    (root / "input/data/pictures-manifest").write_text("{}")

    found = places({}, root)

    assert dict(found.channels) == {
        "labels": root / "input/data/labels",
        "pictures": root / "input/data/pictures",
    }
    assert found.model_dir == root / "model"
    assert found.checkpoints == root / "checkpoints"
    assert found.output == root / "output/data"
    assert found.tensorboard == root / "output/tensorboard"


def test_the_variables_of_the_sdk_win(root: Path) -> None:
    (root / "input/data/Pictures").mkdir()

    found = places(
        {
            "SM_CHANNEL_PICTURES": "/elsewhere/pictures",
            "SM_CHANNEL_CLICKS": "/elsewhere/clicks",
            "SM_MODEL_DIR": "/elsewhere/model",
            "SM_OUTPUT_DATA_DIR": "/elsewhere/data",
        },
        root,
    )

    assert dict(found.channels) == {
        "Pictures": Path("/elsewhere/pictures"),
        "clicks": Path("/elsewhere/clicks"),
    }
    assert found.model_dir == Path("/elsewhere/model")
    assert found.output == Path("/elsewhere/data")


def test_a_container_is_told_from_a_laptop(root: Path, tmp_path: Path) -> None:
    laptop = tmp_path / "nothing"

    assert sagemaker.inside({}, root)
    assert sagemaker.inside({"TRAINING_JOB_NAME": "encoder-7"}, laptop)
    assert not sagemaker.inside({"SM_CHANNEL_PICTURES": "data"}, laptop)


def test_options_point_into_the_container_and_on_a_laptop_nowhere(
    root: Path, tmp_path: Path
) -> None:
    for name in ("pictures", "something"):
        (root / "input/data" / name).mkdir()

    known = defaults({"SM_CHANNEL_CLICKS": "/elsewhere/clicks"}, root)
    options = Options.from_command_line(["--out", "mine"], **known)

    assert options.pictures == root / "input/data/pictures"
    assert options.clicks == Path("/elsewhere/clicks")
    assert not given(options.labels)
    assert options.checkpoints == root / "checkpoints"
    assert not options.cache.is_relative_to(options.checkpoints)
    assert options.out == Path("mine")
    assert defaults({}, tmp_path / "laptop") == {}


def test_the_callers_fault_is_reported_as_one_sentence(root: Path) -> None:
    with pytest.raises(CallerError), failures_reported(root):
        raise CallerError("The folder of pictures is empty; add some.")

    assert failure(root) == "The folder of pictures is empty; add some.\n"


def test_a_fault_of_ours_is_reported_with_its_place_first_and_its_traceback_after(
    root: Path,
) -> None:
    with pytest.raises(ZeroDivisionError), failures_reported(root):
        _ = 1 / 0

    sentence, _, rest = failure(root)[:SHOWN].partition("\n")
    assert re.fullmatch(
        r"ZeroDivisionError: division by zero, at test_sagemaker.py line \d+", sentence
    )
    assert "Traceback (most recent call last)" in rest


def test_secrets_are_not_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", "correct-horse")

    with pytest.raises(RuntimeError), failures_reported(root):
        raise RuntimeError(
            "correct-horse refused by https://me:pass@host/x?X-Amz-Signature=abcdef now"
        )

    sentence, _, rest = failure(root).partition("\n")
    assert "<QDRANT_API_KEY> refused by https://host/x?… now" in sentence
    assert "correct-horse" not in rest


@pytest.mark.parametrize("code", [None, 0, 130, 143])
def test_an_end_on_purpose_is_no_failure(root: Path, code: int | None) -> None:
    with pytest.raises(SystemExit), failures_reported(root):
        raise SystemExit(code)

    assert not (root / "output/failure").exists()


def test_an_exit_code_is_reported_too(root: Path) -> None:
    with pytest.raises(SystemExit), failures_reported(root):
        raise SystemExit(2)

    assert "exit code 2" in failure(root)


def test_the_first_failure_of_several_processes_stays(root: Path) -> None:
    for sentence in ("This one failed.", "That one lost its peer."):
        with pytest.raises(CallerError), failures_reported(root):
            raise CallerError(sentence)

    assert failure(root) == "This one failed.\n"


def test_a_laptop_gets_no_failure_file(tmp_path: Path) -> None:
    nowhere = tmp_path / "opt/ml"

    with pytest.raises(CallerError), failures_reported(nowhere):
        raise CallerError("No pictures.")

    assert not nowhere.exists()


def test_a_report_that_cannot_be_written_hides_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "output").write_text("in the way")

    with pytest.raises(CallerError, match="No pictures"), failures_reported(tmp_path):
        raise CallerError("No pictures.")

    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("value", [0.0, 1e-05, -0.25, 123456.7, 3.0, 1e30, 0.5])
def test_every_metric_is_read_from_the_line_that_is_printed(value: float) -> None:
    values = {each["Name"]: value for each in METRIC_DEFINITIONS if each["Name"] != "step"}

    found = read(line(1_234_567, values))

    assert found.pop("step") == [1_234_567]
    assert found == {name: [pytest.approx(value, rel=1e-5)] for name in values}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_no_metric(value: float) -> None:
    assert read(line(7, {"loss": value, "step_share": 0.9})) == {"step": [7], "step_share": [0.9]}


def test_metrics_are_read_between_progress_bars_and_colours() -> None:
    log = (
        "training ━━━━ 10/200 loss 9.9 12 images/s\r\x1b[2K"
        f"\x1b[32m{line(10, {'loss': 1e-05})}\x1b[0m\r\n"
        f"2026-01-01T00:00:00Z [1,mpirank:0]<stdout>:{line(20, {'val_map@10': 0.5})}, then more\n"
        f"{line(30, {'other_loss': 5.0, 'loss': 4.0})}"
    )

    found = read(log)

    assert found == {"step": [10, 20, 30], "loss": [1e-05, 4.0], "val_map@10": [0.5]}


def test_every_validation_of_the_training_has_its_metric() -> None:
    assert {f"val_{name}" for name in REPORTED} <= {each["Name"] for each in METRIC_DEFINITIONS}


def test_the_definitions_are_within_sagemakers_limits() -> None:
    names = [each["Name"] for each in METRIC_DEFINITIONS]

    assert len(set(names)) == len(names) <= 40
    assert all(len(each["Regex"]) <= 500 for each in METRIC_DEFINITIONS)
    assert all(re.compile(each["Regex"]).groups == 1 for each in METRIC_DEFINITIONS)
