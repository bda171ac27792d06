"""An int8 encoder is made, judged beside its original, and kept only if it is worth it."""

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from lookalike.calibration import drawn
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard, Preprocessing, Thresholds
from lookalike.encoder import Encoder
from lookalike.models import VERSION_PATTERN
from training import variants, verdict
from training.export import export, write_model
from training.int8 import quantised
from training.model import EncoderNet
from training.pictures import Labelled
from training.variants import DRAWS, FAILED, REJECTED, main, table, with_verdict
from training.verdict import Change, Seen, UnusableVariant, Verdict, carried, decided, judge

SIZE = 64
CARD = ModelCard(
    model="tiny-1",
    sha256="",
    dimension=0,
    preprocessing=Preprocessing(SIZE),
    thresholds=Thresholds(duplicate=0.99, floor=0.1),
    architecture="squeezenet1_1, GeM pooling, linear projection",
    licence="Apache-2.0",
    created_at="2026-01-01T00:00:00+00:00",
    metrics={"somebody else's": 1.0},
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = EncoderNet("squeezenet1_1", dimension=16).eval()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    export(net, CARD, folder, check=drawn(2), half_weights=True)
    return folder


@pytest.fixture(scope="module")
def int8(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "int8"
    write_model(*quantised(model, drawn(8)), folder)
    return folder


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two labels of ten pictures: reddish and bluish; and one that nobody can read."""
    folder = tmp_path_factory.mktemp("shelves")
    for number, picture in enumerate(drawn(20)):
        label, tint = (("berries", "red"), ("plums", "blue"))[number % 2]
        (folder / label).mkdir(exist_ok=True)
        tinted = Image.blend(picture, Image.new("RGB", picture.size, tint), 0.6)
        tinted.save(folder / label / f"{number:02}.png")
    (folder / "plums" / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    return folder


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests ask does not hang on time."""
    monkeypatch.setattr(verdict, "TURNS", 1)
    monkeypatch.setattr(verdict, "ROUNDS", 1)


def labelled(shelves: Path) -> list[Labelled]:
    return [Labelled(path, path.parent.name) for path in sorted(shelves.glob("*/*.png"))]


def verdict_of(name: str, passes: bool, drop: float = 0.0) -> Verdict:
    """Of a draw, as the judge would give it."""
    changes = {each: unchanged(drop) for each in verdict.SHOWN}
    why = "as asked"
    cosines, kept = np.ones(1, np.float32), Thresholds(0.9, 0.2)
    return Verdict(name, 1, changes, 2.0, 1.0, cosines, 4, 2, kept, passes, why)


def unchanged(drop: float = 0.0) -> Change:
    return Change(drop, 0.0, -0.02, 0.02)


def at(*degrees: float) -> np.ndarray:
    """Unit vectors on a circle, so that a cosine is visible."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_an_int8_model_is_loaded_as_any_other_and_answers_nearly_alike(
    model: Path, int8: Path
) -> None:
    shown = drawn(12)

    cosines = (Encoder(int8).encode(shown) * Encoder(model).encode(shown)).sum(axis=1)

    assert cosines.min() > 0.98
    assert cosines.min() < 0.99999  # it is not the original


def test_its_card_is_its_own(model: Path, int8: Path) -> None:
    card, original = ModelCard.read(int8), ModelCard.read(model)

    assert card.model == f"tiny-1-int8-{card.sha256[:8]}"
    assert VERSION_PATTERN.fullmatch(card.model)
    assert card.sha256 != original.sha256
    assert card.preprocessing == original.preprocessing
    assert card.metrics == {}
    assert "Made of tiny-1" in card.notes


def test_pooling_projection_and_length_stay_in_32_bits(int8: Path) -> None:
    graph = onnx.load(int8 / ONNX_NAME).graph
    in_8_bits = {
        name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output
    }

    fed_8_bits = {node.op_type for node in graph.node if in_8_bits & set(node.input)}

    assert "Conv" in fed_8_bits
    assert not fed_8_bits & {"Pow", "ReduceMean", "Gemm", "ReduceL2"}


def test_a_model_in_8_bits_is_not_quantised_again(int8: Path) -> None:
    with pytest.raises(UnusableVariant, match="in 8 bits already"):
        quantised(int8, drawn(1))


def test_without_a_picture_nothing_can_be_quantised(model: Path) -> None:
    with pytest.raises(UnusableVariant, match="give some"):
        quantised(model, [])


@pytest.mark.parametrize(
    ("dropped", "drop", "after", "passes", "why"),
    [
        ("recall@10", 0.005, 0.89, True, "11% faster"),
        ("recall@10", -0.10, 0.50, True, "50% faster"),
        ("recall@10", 0.006, 0.50, False, "recall@10 drops by 0.6 points"),
        ("map@10", 0.020, 0.50, False, "map@10 drops by 2.0 points"),
        ("map@10", 0.000, 0.91, False, "falls by 9%, less than 10%"),
        ("recall@1", 0.100, 0.50, True, "50% faster"),  # shown, but too noisy to decide by
    ],
)
def test_a_variant_passes_if_it_is_as_good_and_faster(
    dropped: str, drop: float, after: float, passes: bool, why: str
) -> None:
    changes = {name: unchanged() for name in verdict.SHOWN} | {dropped: unchanged(drop)}

    decision, reason = decided(changes, 1.0, after)

    assert decision is passes
    assert why in reason


def test_thresholds_pass_as_many_pairs_as_before() -> None:
    before = Seen(at(0), at(10, 40, 80), copies=np.float32([0.99]))
    after = Seen(at(0), at(20, 50, 85), copies=np.float32([0.97]))
    at_25, at_45 = float(np.cos(np.deg2rad(25))), float(np.cos(np.deg2rad(45)))

    moved = carried(Thresholds(duplicate=at_25, floor=at_45), before, after)

    assert moved.duplicate == pytest.approx(np.cos(np.deg2rad(20)), abs=1e-4)
    assert moved.floor == pytest.approx(np.cos(np.deg2rad(50)), abs=1e-4)


def test_a_threshold_beyond_all_that_was_seen_stays() -> None:
    seen = Seen(at(0), at(60, 70), copies=np.float32([0.9]))

    assert carried(Thresholds(1.0, -1.0), seen, seen) == Thresholds(1.0, -1.0)


def test_a_model_judged_beside_itself_loses_nothing(
    model: Path, shelves: Path, tmp_path: Path
) -> None:
    same = ModelCard.read(model)
    twin = ModelCard.from_json(same.to_json().replace('"tiny-1"', '"tiny-2"'))
    write_model((model / ONNX_NAME).read_bytes(), twin, tmp_path)
    files = labelled(shelves)

    (found,) = judge(model, [tmp_path], files[::3], files[1::3])

    assert {change.drop for change in found.changes.values()} == {0.0}
    assert found.cosines == pytest.approx(1.0, abs=1e-5)
    assert found.thresholds.floor == pytest.approx(0.1, abs=0.02)


def test_queries_without_an_answer_in_the_gallery_judge_nothing(
    model: Path, int8: Path, shelves: Path
) -> None:
    files = labelled(shelves)

    with pytest.raises(UnusableVariant, match="No query has a picture of its label"):
        judge(model, [int8], files[:2], files[-2:])


def test_what_is_kept_becomes_a_model_beside_the_original(
    model: Path, shelves: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verdict, "MAX_DROP", 1.0)
    monkeypatch.setattr(verdict, "MIN_GAIN", -math.inf)
    given = ["--model", str(model), "--pictures", str(shelves)]

    first, second = main(given), main(given)

    said = capsys.readouterr()
    card = Encoder(model.with_name("tiny-int8")).card
    assert (first, second) == (0, FAILED)
    assert said.out.count("| tiny-1-int8-") == DRAWS
    assert said.out.splitlines()[3].startswith(f"| {card.model} |")  # the first draw, of the rows
    assert f"kept: all {DRAWS} draws pass" in said.out
    assert "skipped broken.jpg" in said.err
    assert "never overwritten" in said.err
    assert card.metrics.keys() >= {"recall@10 when judged", "drop of the worst draw"}


def test_one_draw_that_fails_is_enough_to_leave_nothing(
    model: Path,
    shelves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    decisions = iter([(True, "lucky"), (True, "lucky"), (False, "unlucky")])
    monkeypatch.setattr(verdict, "decided", lambda *_: next(decisions))
    here = tmp_path / "here"
    write_model((model / ONNX_NAME).read_bytes(), ModelCard.read(model), here)

    code = main(["--model", str(here), "--pictures", str(shelves)])

    assert code == REJECTED
    assert f"not kept: 1 of {DRAWS} draws" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [here]


def test_draws_differ_in_a_small_gallery_too_and_are_the_same_every_time(
    model: Path, shelves: Path
) -> None:
    files = labelled(shelves)

    draws = [[shown.tobytes() for shown in variants.drawn(model, files, i)] for i in (0, 1, 2, 0)]

    assert [len(draw) for draw in draws] == [10, 10, 10, 10]
    assert len({frozenset(draw) for draw in draws}) == 3
    assert draws[0] == draws[3]


def test_the_card_of_the_first_draw_tells_of_the_worst() -> None:
    draws = [verdict_of("a", True, 0.001), verdict_of("b", True, 0.004)]

    card = with_verdict(CARD, draws)

    assert card.thresholds == draws[0].thresholds
    assert card.metrics["drop of the worst draw"] == 0.004


def test_the_table_has_a_row_for_every_draw() -> None:
    shown = table("tiny-1", [verdict_of("a", True), verdict_of("b", False)])

    _, _, original, first, second = shown.splitlines()
    assert original.startswith("| tiny-1 | 0.0 | 2.00 (1.00) |")
    assert first.endswith("| passes: as asked |")
    assert second.endswith("| fails: as asked |")


def test_one_label_is_refused_in_one_sentence(
    model: Path, shelves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    write_model((model / ONNX_NAME).read_bytes(), ModelCard.read(model), here)

    codes = [
        main(["--model", str(here), "--pictures", str(shelves / "plums")]),
        main(["--model", str(tmp_path / "nowhere"), "--pictures", str(shelves)]),
    ]

    said = capsys.readouterr().err.splitlines()
    assert codes == [FAILED, FAILED]
    assert len(said) == 2
    assert f"no model in {tmp_path / 'nowhere'}; it needs a {CARD_NAME}" in said[1]
