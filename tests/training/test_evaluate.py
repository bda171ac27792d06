"""What is measured: right answers by label, and nothing that flatters."""

import json
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.cards import ModelCard
from lookalike.models import SHIPPED
from training import described, evaluate, metrics, protocols, tables
from training.evaluate import Protocol
from training.measured import Measured, measure
from training.pictures import Labelled

A, B, C, D = (Path(name) for name in "abcd")
Output = pytest.CaptureFixture[str]


def at(degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    return np.array([np.cos(turn), np.sin(turn)], np.float32)


VECTORS = {A: at(0), B: at(10), C: at(40), D: at(90)}


def paint(path: Path, colour: str, stripes: int = 0) -> Path:
    """A picture of a colour, with as many white lines, so that no two are the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (64, 48), colour)
    for row in range(stripes):
        picture.paste("white", (0, 2 * row, 64, 2 * row + 1))
    picture.save(path, "PNG")
    return path


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    """Three red and three blue pictures, each in the folder of their colour."""
    for colour in ("red", "blue"):
        for i in range(3):
            paint(tmp_path / "kinds" / colour / f"{i}.png", colour, i)
    return tmp_path / "kinds"


@pytest.fixture
def table(kinds: Path) -> Callable[[str], Path]:
    """A CSV beside the pictures."""

    def write(text: str) -> Path:
        (kinds / "labels.csv").write_text(text)
        return kinds / "labels.csv"

    return write


def measured_json(tmp_path: Path, *arguments: str | Path) -> dict[str, object]:
    """What the command writes with --json, having ended well."""
    file = tmp_path / "found.json"
    given = ["--model", SHIPPED, *arguments, "--json", file]
    assert evaluate.main([str(argument) for argument in given]) == 0
    found: dict[str, object] = json.loads(file.read_text())
    return found


def test_a_query_is_right_when_its_nearest_has_its_label() -> None:
    gallery = [Labelled(B, "shoe"), Labelled(C, "hat"), Labelled(D, "shoe")]
    protocol = Protocol("p", [Labelled(A, "hat")], gallery)

    scores = measure(protocol, "m", VECTORS).scores

    assert scores["recall@1"].tolist() == [0]
    assert scores["recall@5"].tolist() == [1]
    assert scores["map@10"].tolist() == [0.5]


def test_what_was_found_is_kept_for_every_query_that_was_asked() -> None:
    asking = [Labelled(A, "hat"), Labelled(B, "coat"), Labelled(D, "hat")]
    protocol = Protocol("p", asking, [Labelled(C, "hat"), Labelled(B, "shoe")])

    found = measure(protocol, "m", VECTORS)

    assert [file.path for file in found.protocol.queries] == [A, D]
    assert found.protocol.unanswerable == 1
    assert found.found[:, :3].tolist() == [[1, 0, -1], [0, 1, -1]]
    assert found.relevant[:, :3].tolist() == [[False, True, False], [True, False, False]]
    assert found.similar[0, 0] == pytest.approx(np.cos(np.radians(10)))
    assert found.total.tolist() == [1, 1]
    assert found.found.shape == found.similar.shape == found.relevant.shape == (2, 10)


def test_a_contributors_own_pictures_are_never_found() -> None:
    files = [Labelled(A, "hat", "1"), Labelled(B, "hat", "1"), Labelled(C, "hat", "2")]
    protocol = Protocol("p", files, files, others_only=True)

    found = measure(protocol, "m", VECTORS)

    # The only right answer of A and B is C; C finds B first, then A: both right.
    assert found.scores["map@10"].tolist() == [1, 1, 1]
    assert found.found[:, :2].tolist() == [[2, -1], [2, -1], [1, 0]]


def test_pictures_of_unknown_contributors_are_not_one_contributors() -> None:
    files = [Labelled(A, "hat"), Labelled(B, "hat"), Labelled(C, "shoe", "2")]

    found = measure(Protocol("p", files, files, others_only=True), "m", VECTORS)

    assert found.found[:, :2].tolist() == [[1, 2], [0, 2]]
    assert found.total.tolist() == [1, 1]


def test_a_picture_never_finds_itself() -> None:
    files = [Labelled(A, "hat"), Labelled(D, "hat"), Labelled(B, "shoe"), Labelled(C, "shoe")]

    found = measure(Protocol("p", files, files), "m", VECTORS)

    assert all(row not in found.found[row] for row in range(4))
    assert found.total.tolist() == [1, 1, 1, 1]


def test_many_queries_against_many_pictures_never_stand_in_memory_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = [Labelled(Path(f"{i}"), str(i % 50), str(i % 7)) for i in range(2000)]
    drawn = np.random.default_rng(0).normal(size=(2000, 8)).astype(np.float32)
    vectors = {f.path: v / np.linalg.norm(v) for f, v in zip(files, drawn, strict=True)}
    monkeypatch.setattr(metrics, "CELLS", 50_000)
    protocol = Protocol("p", files, files, others_only=True)

    tracemalloc.start()
    found = measure(protocol, "m", vectors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(found.total) == 2000
    assert peak < 2000 * 2000  # not even one byte a pair


def test_the_histogram_sees_colours_and_nothing_else() -> None:
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (0, 0, 10, 20))

    seen = described.histogram(picture)

    assert seen @ described.histogram(picture.rotate(180)) == pytest.approx(1)
    assert seen @ described.histogram(Image.new("RGB", (4, 4), "green")) == 0


def test_a_prefix_of_the_vectors_is_measured_at_unit_length() -> None:
    short = described.shortened({A: np.array([3, 4, 12], np.float32)}, 2)

    assert short[A].tolist() == pytest.approx([0.6, 0.8])


def test_many_threads_see_what_one_sees(kinds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = sorted(kinds.rglob("*.png"))
    many = described.described({"h": described.histogram}, paths, at_least=64)

    monkeypatch.setattr("os.cpu_count", lambda: 1)
    one = described.described({"h": described.histogram}, paths, at_least=64)

    assert list(many.vectors["h"]) == paths
    assert all((many.vectors["h"][path] == one.vectors["h"][path]).all() for path in paths)
    assert many.sizes == dict.fromkeys(paths, 64 * 48)


def test_a_cell_shows_the_mean_within_its_interval() -> None:
    assert tables.cell(np.ones(50)) == "100.0 (100.0–100.0)"


def test_a_folder_without_the_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(protocols.NothingToMeasure, match=r"There is no .*labels\.csv; say with"):
        protocols.of_the_data(tmp_path, "test")


def test_unseen_classes_stand_beside_the_others_and_neither_finds_a_class_of_the_other(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocols, "UNSEEN_FROM", 2)

    found = {one.name: one for one in protocols.of_the_data(data, "test")}

    seen, unseen = found["grocery test→train, 0–40"], found["grocery test→train, 41–80"]
    assert {file.label for file in [*seen.queries, *seen.gallery]} == {"Apple", "Leek"}
    assert {file.label for file in [*unseen.queries, *unseen.gallery]} == {"Milk"}
    assert found["clothing, other contributors"].others_only


def test_anybodys_folders_are_measured_beside_the_floor_and_a_quarter_of_the_dimensions(
    kinds: Path, tmp_path: Path
) -> None:
    found = measured_json(tmp_path, "--pictures", kinds, "--slices", "--ann")

    version = ModelCard.read(SHIPPED).model
    rows = {row["encoder"]: row for row in found["measured"]}
    assert list(rows) == [version, f"{version}, first 64 dimensions", "RGB histogram"]
    assert {row["protocol"] for row in rows.values()} == {"kinds, leave one out"}
    assert rows["RGB histogram"]["queries"] == 6
    assert rows["RGB histogram"]["scores"]["map@10"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert {one["name"] for one in found["slices"]} >= {"red", "blue"}
    assert found["index"][0]["recall"] == 1
    assert found["skipped"] == found["missing"] == []


def test_a_copy_of_a_picture_is_no_answer(kinds: Path, tmp_path: Path) -> None:
    shutil.copy(kinds / "red/0.png", kinds / "red/copy.png")

    (row, *_) = measured_json(tmp_path, "--pictures", kinds)["measured"]

    assert (row["queries"], row["gallery"], row["copies"]) == (6, 6, 1)


def test_a_picture_that_is_alone_in_its_class_is_found_wrongly_but_never_asked(
    kinds: Path, tmp_path: Path, capsys: Output
) -> None:
    paint(kinds / "green/0.png", "green")

    (row, *_) = measured_json(tmp_path, "--pictures", kinds)["measured"]

    assert (row["queries"], row["gallery"], row["unanswerable"]) == (6, 7, 1)
    said = capsys.readouterr().out
    assert "1 queries were not asked" in said
    assert "no groups are known" in said


def test_a_table_may_say_groups_which_are_never_found(
    kinds: Path, table: Callable[[str], Path], tmp_path: Path, capsys: Output
) -> None:
    file = table(
        "path,label,group\nred/0.png,warm,1\nred/1.png,warm,1\nred/2.png,warm,2\n"
        "blue/0.png,cold,1\nblue/1.png,cold,2\nblue/2.png,,2\n"
    )

    (row, *_) = measured_json(tmp_path, "--labels", file)["measured"]

    assert "no groups are known" not in capsys.readouterr().out
    assert row["protocol"] == "labels.csv, leave one out, other groups"
    assert (row["queries"], row["gallery"]) == (5, 5)  # the one without a label is left out


def test_a_table_may_say_a_split_which_looks_among_train(
    kinds: Path, table: Callable[[str], Path], tmp_path: Path
) -> None:
    file = table(
        "path;label;split\nred/0.png;warm;train\nred/1.png;warm;test\nblue/0.png;cold;train\n"
        "blue/1.png;cold;val\nblue/2.png;cold;test\n"
    )

    (row, *_) = measured_json(tmp_path, "--labels", file)["measured"]

    assert row["protocol"] == "labels.csv, test→train"
    assert (row["queries"], row["gallery"]) == (2, 2)


def test_what_cannot_be_read_or_found_is_skipped_and_counted_and_strict_ends_with_3(
    kinds: Path, table: Callable[[str], Path], capsys: Output
) -> None:
    (kinds / "red/broken.png").write_bytes(b"\x89PNG and no more")
    rows = [f"{c}/{i}.png,{c}" for c in ("red", "blue") for i in range(4)]
    file = table("\n".join(["path,label", "red/broken.png,red", *rows]) + "\n")
    given = ["--model", str(SHIPPED), "--labels", str(file)]

    assert evaluate.main(given) == 0
    assert evaluate.main([*given, "--strict"]) == 3

    said = capsys.readouterr().out
    assert "1 pictures could not be read:" in said
    assert "broken.png: corrupt" in said
    assert "2 pictures are named but not there:" in said


def empty(folder: Path) -> list[str]:
    return ["--pictures", str(folder)]


def nowhere(folder: Path) -> list[str]:
    return ["--pictures", str(folder / "none")]


def one_class(folder: Path) -> list[str]:
    for i in range(2):
        paint(folder / "red" / f"{i}.png", "red", i)
    return ["--pictures", str(folder)]


def one_picture(folder: Path) -> list[str]:
    paint(folder / "red/0.png", "red")
    return ["--pictures", str(folder)]


def no_pair(folder: Path) -> list[str]:
    paint(folder / "red/0.png", "red")
    paint(folder / "blue/0.png", "blue")
    return ["--pictures", str(folder)]


def no_labels(folder: Path) -> list[str]:
    for i in range(2):
        paint(folder / f"{i}.png", "red", i)
    return ["--pictures", str(folder)]


def unreadable(folder: Path) -> list[str]:
    for kind in ("red", "blue"):
        (folder / kind).mkdir(parents=True)
        (folder / kind / "0.png").write_bytes(b"no picture")
    return ["--pictures", str(folder)]


def missing_files(folder: Path) -> list[str]:
    (folder / "labels.csv").write_text("path,label\na.png,red\nb.png,blue\n")
    return ["--labels", str(folder / "labels.csv")]


def no_such_split(folder: Path) -> list[str]:
    paint(folder / "0.png", "red")
    (folder / "labels.csv").write_text("path,label,split\n0.png,red,train\n")
    return ["--labels", str(folder / "labels.csv")]


def no_data(folder: Path) -> list[str]:
    return ["--data", str(folder)]


def recorded_in_part(folder: Path) -> list[str]:
    return ["--data", str(folder), "--limit", "3", "--record"]


def written_nowhere(folder: Path) -> list[str]:
    return ["--pictures", str(folder), "--json", str(folder / "none/found.json")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (empty, "There is no picture in"),
        (nowhere, "There is no folder"),
        (one_class, "every picture has the same label"),
        (one_picture, "1 of 1 pictures have a label; give at least two"),
        (no_pair, "every label needs at least two pictures"),
        (no_labels, "0 of 2 pictures have a label"),
        (unreadable, "None of the 2 pictures can be read"),
        (missing_files, "names no picture that exists"),
        (no_such_split, "has no row of the split test"),
        (no_data, "say with --data where the pictures are"),
        (recorded_in_part, "--record is for the whole data"),
        (written_nowhere, "name a file in a folder that exists"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence_and_2(
    given: Callable[[Path], list[str]], said: str, tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "given").mkdir()

    code = evaluate.main(["--model", str(SHIPPED), *given(tmp_path / "given")])

    told = capsys.readouterr()
    assert code == 2
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert told.out == ""


def test_a_folder_without_a_model_is_one_sentence_and_2(kinds: Path, capsys: Output) -> None:
    assert evaluate.main(["--model", str(kinds), "--pictures", str(kinds)]) == 2

    assert f"There is no model in {kinds}" in capsys.readouterr().err


def test_one_model_twice_is_refused(kinds: Path, capsys: Output) -> None:
    twice = ["--model", str(SHIPPED), "--model", str(SHIPPED)]

    assert evaluate.main([*twice, "--pictures", str(kinds)]) == 2

    assert "given twice" in capsys.readouterr().err


def test_scores_are_recorded_in_the_card_beside_what_stands_there(
    data: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "model"))
    before = ModelCard.read(folder).metrics

    rows = evaluate.evaluate(folder, data)
    found = measured_json(tmp_path, "--data", data, "--limit", "0")
    evaluate.record([row for row in rows if row.encoder == "default-1"], folder)

    after = ModelCard.read(folder).metrics
    means = {
        row["protocol"]: row["scores"]["recall@1"]["mean"]
        for row in found["measured"]
        if row["encoder"] == "default-1"
    }
    assert after.keys() >= before.keys()
    assert after["grocery test→train recall@1"] == round(means["grocery test→train"], 4)


def test_neither_torch_nor_matplotlib_is_needed_to_measure() -> None:
    program = "import sys, training.evaluate; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    loaded = set(done.stdout.split())
    assert "lookalike.encoder" in loaded
    assert not {"torch", "torchvision", "matplotlib"} & loaded


def test_without_matplotlib_a_report_is_refused_before_anything_is_measured(
    kinds: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    report = tmp_path / "report.html"

    given = ["--model", str(SHIPPED), "--pictures", str(kinds), "--report", str(report)]

    assert evaluate.main(given) == 2
    assert "need matplotlib" in capsys.readouterr().err
    assert not report.exists()


def test_a_report_is_written(kinds: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"

    measured_json(tmp_path, "--pictures", kinds, "--report", report)

    page = report.read_text()
    assert "kinds, leave one out" in page
    assert "RGB histogram" in page


def test_rows_of_a_table_are_the_protocols_and_encoders() -> None:
    files = [Labelled(A, "hat"), Labelled(B, "hat"), Labelled(C, "shoe"), Labelled(D, "shoe")]
    row: Measured = measure(Protocol("p", files, files), "m", VECTORS)

    lines = tables.main_table([row]).splitlines()

    assert lines[0] == "| protocol | encoder | queries | recall@1 | recall@10 | map@10 |"
    assert lines[2].startswith("| p | m | 4 | 75.0 (")
