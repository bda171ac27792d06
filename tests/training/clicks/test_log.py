"""The log is read whatever lies in it, and the same log in any order makes the same files."""

import random
from collections.abc import Iterator
from pathlib import Path

import boto3
import duckdb
import pytest
from moto import mock_aws

from lookalike.interaction_log import Row
from tests.training.clicks.conftest import Build, Command, Made
from tests.training.clicks.shop import UNTIL, Shop, write
from training import clicks
from training.clicks.files import BrokenSeal, described
from training.material import read_clicks
from training.options import Options
from training.pictures import Labelled
from training.pool import Pool

SEEDS = [1, 2, 3]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return Shop(9).visited(400)


def parquet(log: Path) -> Path:
    """The same log as Firehose leaves it: Parquet without a suffix."""
    for file in sorted(log.rglob("*.jsonl")):
        target = file.with_name("lookalike-1-2026-11-01-00-00-00-0af")
        with duckdb.connect() as engine:
            engine.execute(
                f"copy (select * replace (issued_at::timestamp as issued_at, "
                f"occurred_at::timestamp as occurred_at, received_at::timestamp as received_at) "
                f"from read_json('{file}', format='newline_delimited')) "
                f"to '{target}' (format parquet)"
            )
        file.unlink()
    return log


@pytest.mark.parametrize("seed", SEEDS)
def test_repeats_and_order_change_nothing(seed: int, rows: list[Row], build: Build) -> None:
    chance = random.Random(seed)
    again = [*rows, *chance.choices(rows, k=len(rows) // 2)]
    chance.shuffle(again)

    assert build(again).bytes == build(rows).bytes


@pytest.mark.parametrize("seed", SEEDS)
def test_the_day_a_file_bears_changes_nothing(
    seed: int, rows: list[Row], build: Build, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    log = write(tmp_path / "log", rows)
    for file in sorted(log.rglob("*.jsonl")):  # to the day before or after, as Firehose may
        day = int(file.parent.name[-2:]) + chance.choice([-1, 0, 1])
        target = log / f"dt=2026-11-{max(day, 1):02}" / f"{file.parent.name}.jsonl"
        target.parent.mkdir(exist_ok=True)
        file.rename(target)

    assert build(log).bytes == build(rows).bytes


def test_what_comes_after_the_end_changes_nothing(rows: list[Row], build: Build) -> None:
    later = [{**row, "received_at": "2026-11-23 00:00:00.000"} for row in Shop(10).visited(50)]

    assert build([*rows, *later]).bytes == build(rows).bytes


def test_parquet_says_the_same(rows: list[Row], build: Build, tmp_path: Path) -> None:
    log = parquet(write(tmp_path / "log", rows))

    assert build(log).bytes == build(rows).bytes


def test_broken_lines_are_counted_and_change_nothing_else(
    rows: list[Row], build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "log", rows)
    file = sorted(log.rglob("*.jsonl"))[3]
    whole = file.read_bytes().splitlines()
    nonsense = [
        whole[0][:-20],
        b"[1, 2]",
        b"null",
        b"\x00\x00",
        b"\xff\xfe\xc3",
        b'{"type": "click"}',
        whole[0].replace(b'"position": ', b'"position": -'),
        whole[0].replace(b'"propensity": 1.0', b'"propensity": NaN'),
        whole[0].replace(b'"image_id": "', b'"image_id": "\\u0000'),
        b'{"type": "' + b"x" * 20_000_000 + b'"}',
    ]
    file.write_bytes(b"\n".join([*nonsense, b"", *whole]) + b'\n{"event_id": "019a')

    made = build(log)

    assert made.told["broken"] == {"lines": len(nonsense) + 1, "files": 0}
    assert made.learnt == build(rows).learnt
    assert f"{len(nonsense) + 1} lines are no rows" in capsys.readouterr().err


def test_a_broken_file_of_parquet_is_counted_and_changes_nothing_else(
    rows: list[Row], build: Build, tmp_path: Path
) -> None:
    log = parquet(write(tmp_path / "log", rows))
    whole = next(log.rglob("lookalike-1*"))
    whole.with_name("cut").write_bytes(whole.read_bytes()[:2_000])
    with duckdb.connect() as engine:
        other = whole.with_name("other")
        engine.execute(f"copy (select 1 as something) to '{other}' (format parquet)")

    made = build(log)

    assert made.told["broken"] == {"lines": 0, "files": 2}
    assert made.learnt == build(rows).learnt


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "example")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    with mock_aws():
        yield


@pytest.mark.usefixtures("cloud")
def test_buckets_say_the_same_as_folders(
    rows: list[Row], build: Build, pictures: Path, tmp_path: Path
) -> None:
    expected = build(rows)
    s3 = boto3.client("s3")
    place = {"LocationConstraint": "eu-west-1"}
    for name in ("log", "pictures"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    log = parquet(write(tmp_path / "log", rows))
    for bucket, root, prefix in (("log", log, "interactions/"), ("pictures", pictures, "")):
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            name = prefix + file.relative_to(root).as_posix()
            s3.put_object(Bucket=bucket, Key=name, Body=file.read_bytes())
    s3.put_object(Bucket="log", Key="failed/dt=2026-11-05/x", Body=b"no row of ours")
    out = tmp_path / "out"

    named = ["--interactions", "s3://log", "--images", "s3://pictures", "--until", UNTIL]
    assert clicks.main([*named, "--out", str(out)]) == 0

    assert Made(out).bytes == expected.bytes


@pytest.mark.usefixtures("cloud")
def test_a_bucket_that_is_not_there_may_come_back(command: Command) -> None:
    assert command("s3://nowhere")[0] == 1


def test_training_reads_what_is_written(rows: list[Row], build: Build, pictures: Path) -> None:
    made = build(rows)
    files = [Labelled(path, "") for path in sorted(pictures.rglob("*.jpg"))]
    pool = Pool((), tuple(files), ())

    read = read_clicks(Options(pictures=pictures, clicks=made.folder / "clicks.jsonl"), pool)

    assert len(read.pairs) == len(made.learnt)
    assert sum(pair.weight for pair in read.pairs) == pytest.approx(len(read.pairs), abs=1e-3)


@pytest.mark.parametrize("name", ["clicks.jsonl", "held_out.jsonl", "dataset.json"])
def test_a_data_set_that_was_changed_is_known_by_its_seal(
    name: str, rows: list[Row], build: Build
) -> None:
    folder = build(rows).folder
    file = folder / name
    file.write_text(file.read_text().replace("0", "1", 1))

    with pytest.raises(BrokenSeal, match=rf"{name} changed"):
        described(folder)


def test_what_is_no_data_set_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(BrokenSeal, match="is no data set of clicks"):
        described(tmp_path)
