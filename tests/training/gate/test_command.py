"""The command as the learning machine runs it: its files, its exit codes, and what it refuses."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from lookalike import wiring
from lookalike.cards import ONNX_NAME
from lookalike.models import SHIPPED
from tests.conftest import World, event, jpeg
from tests.training.gate import challengers as made
from tests.training.gate.conftest import LIVE, Judge, Shop, arguments
from training import gate, labels
from training.gate import gathering

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module", autouse=True)
def _tiny(shop: Shop) -> None:
    made.model(shop.models, "tiny", made.perturbed(0.001))


def test_a_refusal_is_4_and_with_exit_zero_0(shop: Shop, tmp_path: Path) -> None:
    made.model(shop.models, "ballast", made.padded)
    given = arguments(shop, tmp_path / "out", "ballast")

    assert gate.main(given) == 4
    assert gate.main([*given, "--exit-zero"]) == 0

    assert json.loads((tmp_path / "out/verdict.json").read_text())["accepted"] is False


def test_the_same_question_has_the_same_answer(shop: Shop, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        gate.main(arguments(shop, tmp_path / name, "tiny"))
        said = json.loads((tmp_path / name / "verdict.json").read_text())
        found.append([said["figures"][what] for what in ("clicks", "gold", "slices", "evidence")])

    assert found[0] == found[1]


def test_too_few_clicks_are_not_enough_evidence(shop: Shop, judge: Judge) -> None:
    shop.held_out(shop.pairs[:30])

    said = judge("tiny")

    assert said["outcomes"]["evidence"] == "refused"
    assert "not enough evidence: 30 held-out clicks" in said["reason"]


def test_no_click_at_all_is_a_refusal_too(shop: Shop, judge: Judge) -> None:
    shop.held_out([])

    said = judge("tiny")

    assert said["outcomes"]["evidence"] == "refused"
    assert said["outcomes"]["clicks"] == "not measured"
    assert said["outcomes"]["gold"] == "passed"


def test_clicks_on_pictures_that_are_gone_are_counted_and_not_asked_about(
    shop: Shop, judge: Judge
) -> None:
    gone = [{"anchor": "gone.png", "clicked": "a/00-0.png"}, {**shop.pairs[0], "clicked": "no.png"}]
    shop.held_out([*shop.pairs, *gone])

    said = judge("tiny")

    assert said["accepted"] is True
    assert said["figures"]["evidence"]["gone"] == 2


def test_an_unreadable_picture_of_the_catalogue_stops_nothing(shop: Shop, judge: Judge) -> None:
    (shop.pictures / "broken.jpg").write_bytes(b"\xff\xd8 no picture")

    said = judge("tiny")

    (shop.pictures / "broken.jpg").unlink()
    assert said["accepted"] is True


def test_labelled_pictures_are_the_gold_set_where_they_are_given(
    shop: Shop, judge: Judge, tmp_path: Path
) -> None:
    for path in shop.pictures.rglob("*.png"):
        kind = tmp_path / "gold" / path.name.partition("-")[0]
        kind.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, kind)

    given = judge("tiny", LIVE, "--gold", str(tmp_path / "gold"))
    (tmp_path / "gold").rename(shop.models / "gold")
    said = judge("tiny")

    shutil.rmtree(shop.models / "gold")
    assert said["figures"] | {"milliseconds": 0} == given["figures"] | {"milliseconds": 0}
    assert said["figures"]["gold"]["metric"] == "map@10"
    assert said["figures"]["gold"]["questions"] == 40
    assert "not enough evidence: 40 questions" in said["reason"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--challenger": "nobody"}, "has no nobody/model.onnx"),
        ({"--challenger": LIVE}, "serves already"),
        ({"--clicks": "nowhere"}, "cannot be read"),
        ({"--images": "nowhere"}, "There is no folder nowhere"),
        ({"--models": "nowhere"}, "There is no folder nowhere"),
        ({"--gold": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_judged_is_one_sentence_and_2_and_no_verdict(
    changed: dict[str, str], said: str, shop: Shop, tmp_path: Path, capsys: Output
) -> None:
    given = arguments(shop, tmp_path / "out", "tiny")
    further = [word for pair in changed.items() for word in pair]

    assert gate.main([*given, *further, "--exit-zero"]) == 2

    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "out/verdict.json").exists()


def test_a_live_model_that_cannot_be_tried_out_is_a_failure_and_no_refusal(
    shop: Shop, tmp_path: Path, capsys: Output
) -> None:
    broken = made.model(shop.models, "broken-live", made.perturbed(0.001))
    (broken / ONNX_NAME).write_bytes(b"no model")

    assert gate.main(arguments(shop, tmp_path, "tiny", "broken-live")) == 1

    assert "The live model cannot be tried out" in capsys.readouterr().err


def test_an_older_verdict_is_gone_when_the_next_run_fails(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text('{"accepted": true, "reason": "of another run"}')

    assert gate.main([*arguments(shop, tmp_path, "tiny"), "--clicks", "nowhere"]) == 2

    assert not (tmp_path / "verdict.json").exists()


def test_the_learning_step_reads_the_verdict(
    shop: Shop, judge: Judge, tmp_path: Path, world: World
) -> None:
    said = judge("tiny")

    found = wiring.learning().judge("tiny", str(tmp_path / "out/verdict.json"))

    assert found == (True, said["reason"])
    assert event("learning_start")  # the same world as the machine's other steps


def test_the_page_needs_no_other_file_and_shows_both_sides(shop: Shop, tmp_path: Path) -> None:
    made.model(shop.models, "fewer", made.fewer(2))

    gate.main(arguments(shop, tmp_path, "fewer"))

    page = (tmp_path / "model-diff.html").read_text()
    assert "fewer against default-1" in page
    assert "Most lost, held-out clicks" in page
    assert page.count('class="side"') >= 4
    assert "Found by fewer" in page
    assert "Found by default-1" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert len(page) < 2_000_000


def test_a_challenger_that_cannot_be_tried_out_has_a_page_too(shop: Shop, tmp_path: Path) -> None:
    folder = made.model(shop.models, "half", made.perturbed(0.001))
    (folder / ONNX_NAME).write_bytes((folder / ONNX_NAME).read_bytes()[:1000])

    gate.main(arguments(shop, tmp_path, "half"))

    assert "sha256 differs" in (tmp_path / "model-diff.html").read_text()


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "example")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    wiring.forget()
    with mock_aws():
        yield
    wiring.forget()


@pytest.mark.usefixtures("cloud")
def test_buckets_say_the_same_as_folders(shop: Shop, tmp_path: Path) -> None:
    gate.main(arguments(shop, tmp_path / "here", "tiny"))
    s3 = boto3.client("s3")
    for name in ("images", "models"):
        place = {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    for path in shop.pictures.rglob("*.png"):
        key = path.relative_to(shop.pictures).as_posix()
        s3.put_object(Bucket="images", Key=key, Body=path.read_bytes())
    for path in (shop.models / "tiny").iterdir():
        s3.put_object(Bucket="models", Key=f"tiny/{path.name}", Body=path.read_bytes())
    for path in SHIPPED.iterdir():
        s3.put_object(Bucket="models", Key=f"{LIVE}/{path.name}", Body=path.read_bytes())

    given = [*arguments(shop, tmp_path / "there", "tiny"), "--images", "s3://images"]
    gate.main([*given, "--models", "s3://models"])

    here, there = (
        json.loads((tmp_path / name / "verdict.json").read_text()) for name in ("here", "there")
    )
    for what in ("clicks", "gold", "evidence"):
        assert there["figures"][what] == here["figures"][what]


@pytest.mark.usefixtures("cloud")
def test_a_gold_set_in_a_bucket_has_the_labels_of_its_folders(tmp_path: Path) -> None:
    s3 = boto3.client("s3")
    place = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="models", CreateBucketConfiguration=place)
    keys = ["gold/hat/1.jpg", "gold/hat/red/2.jpg", "golden/hat/3.jpg"]
    for key in keys:
        s3.put_object(Bucket="models", Key=key, Body=jpeg())

    found = gathering.gold_folder(gathering.gold_beside("s3://models"), tmp_path)

    assert sorted(one.label for one in labels.from_folders(found)) == ["hat", "hat/red"]


def test_torch_is_not_needed_to_judge() -> None:
    program = "import sys, training.gate, training.report.model_diff; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    loaded = set(done.stdout.split())
    assert "onnxruntime" in loaded
    assert not {"torch", "torchvision", "matplotlib"} & loaded
