"""The report: one file, honest, readable by everybody, and safe to open whatever a label says."""

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.calibration import drawn
from lookalike.cards import ModelCard, Preprocessing, Thresholds
from training import report
from training.compare import compared
from training.cosines import Distributions
from training.measured import Measured, measure
from training.outcome import HISTOGRAM
from training.pictures import Labelled, Skipped
from training.protocols import Protocol
from training.report import contact_sheet, plots

HOSTILE = "\"><script>alert('boo')</script><b>&amp;"


class Page(HTMLParser):
    """A file of HTML as its elements and its words."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.html = file.read_text(encoding="utf-8")
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            have
            for name, have in self.elements
            if name == tag and all(have.get(k.rstrip("_")) == v for k, v in wanted.items())
        ]

    def described(self) -> list[str]:
        return [attributes["aria-label"] or "" for attributes in self.all("svg", role="img")]


def card(model: str, data: tuple[str, ...] = ()) -> ModelCard:
    return ModelCard(
        model=model,
        sha256="0" * 64,
        dimension=2,
        preprocessing=Preprocessing(size=32),
        thresholds=Thresholds(duplicate=0.987, floor=0.123),
        architecture="two numbers",
        licence="MIT",
        created_at="2026-01-02T03:04:05+00:00",
        training_data=data,
    )


def kitchen(folder: Path) -> Protocol:
    """Six pictures of three labels, one of them written to do harm."""
    files = []
    for i, picture in enumerate(drawn(6)):
        path = folder / f"{i}.png"
        picture.resize((40, 40)).save(path)
        files.append(Labelled(path, ("leek", "plum", HOSTILE)[i % 3]))
    return Protocol("kitchen", files, files)


def measured(protocol: Protocol, encoder: str, degrees: Sequence[float]) -> Measured:
    """An encoder that sees the pictures at these angles."""
    turns = np.radians(degrees)
    vectors = np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)
    return measure(
        protocol, encoder, dict(zip([f.path for f in protocol.queries], vectors, strict=True))
    )


def encoders(protocol: Protocol) -> list[Measured]:
    """good finds every pair first, poor none, the floor one of three."""
    return [
        measured(protocol, "poor", (0, 1, 2, 180, 181, 182)),
        measured(protocol, "good", (0, 90, 180, 1, 91, 181)),
        measured(protocol, HISTOGRAM, (0, 90, 91, 1, 182, 180)),
    ]


def write(rows: list[Measured], folder: Path, **more: Any) -> Page:
    file = folder / "out" / "report.html"
    cards = [card("poor"), card("good", ("kitchen, with its labels (MIT)", "more, unlabelled"))]
    comparisons = compared(rows, "good", "poor")
    report.write(rows, comparisons, file, title="A title", cards=cards, **more)
    return Page(file)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Two models, the floor, the history of a run that was killed, and a histogram."""
    folder = tmp_path_factory.mktemp("report")
    reports = [{"step": 100 * i, "loss": 4.0 - i, "val_recall@1": i / 4} for i in range(4)]
    lines = [*(json.dumps(one) for one in reports), '{"step": 400, "lo']
    (folder / "history.jsonl").write_text("\n".join(lines), encoding="utf-8")
    some = np.linspace(0, 1, 30, dtype=np.float32)
    return write(
        encoders(kitchen(folder)),
        folder,
        history=folder / "history.jsonl",
        distributions=[Distributions("good", some, some / 2, -some)],
    )


def test_the_page_needs_no_other_file_and_no_network(page: Page) -> None:
    sources = [have["src"] for _, have in page.elements if "src" in have]
    targets = [value for _, have in page.elements for k, value in have.items() if "href" in k]
    assert sources
    assert all((source or "").startswith("data:image/webp;base64,") for source in sources)
    assert all((target or "").startswith("#") for target in targets)
    assert not {"script", "link", "iframe"} & {name for name, _ in page.elements}
    assert "url(http" not in page.html
    assert "@import" not in page.html


def test_a_label_written_to_do_harm_is_only_text(page: Page) -> None:
    assert "<script" not in page.html
    assert HOSTILE in page.words
    assert any(HOSTILE in (image["alt"] or "") for image in page.all("img"))


def test_a_picture_that_is_gone_leaves_a_grey_tile_and_a_note(tmp_path: Path) -> None:
    protocol = kitchen(tmp_path)
    protocol.queries[0].path.write_bytes(b"no picture")
    protocol.queries[1].path.unlink()

    page = write(encoders(protocol), tmp_path, skipped=[Skipped(Path("odd.tif"), "no picture")])

    assert page.all("span", class_="missing", role="img")
    assert "2 pictures could not be read again for this page" in page.words
    assert "Pictures that could not be read: 1, odd.tif (no picture)." in page.words
    assert not page.all("section", id="training")


def test_the_floor_stands_below_every_model(page: Page) -> None:
    order = [page.words.index(name) for name in ("good100.0", "poor0.0", f"{HISTOGRAM}33.3")]
    assert order == sorted(order)


def test_it_says_in_words_which_model_is_better(page: Page) -> None:
    assert "good against poor by hit rate @1: better on 1, worse on 0" in page.words
    assert page.all("span", class_="chip is-better")
    assert re.search(r"\+\d+ points of AP", page.words)


def test_it_says_whose_labels_a_model_was_told(page: Page) -> None:
    assert "good was told labels: kitchen, with its labels (MIT)." in page.words
    assert "The card of poor does not say what it learned from." in page.words


def test_somebody_who_cannot_see_it_can_read_it(page: Page) -> None:
    ids = [have["id"] for _, have in page.elements if "id" in have]
    named = [have["aria-labelledby"] for have in page.all("section") if "aria-labelledby" in have]
    assert len(ids) == len(set(ids))
    assert set(named) <= set(ids)
    assert all(image["alt"] for image in page.all("img"))
    assert len(page.all("main")) == len(page.all("h1")) == 1
    assert page.all("html", lang="en")
    assert "Hit rate from the first result to the tenth: good 100 to 100 %; poor 0 to" in " ".join(
        page.described()
    )


def test_plots_take_the_colours_and_the_letters_of_the_page(page: Page) -> None:
    assert not [ink for ink in plots.INKS if ink in page.html]
    assert page.html.count("<text") > 10
    assert "DejaVu" not in page.html


def test_a_training_run_is_drawn_up_to_the_line_that_a_kill_cut_short(page: Page) -> None:
    assert "Training over 300 steps: loss from 4 to 1." in page.described()
    assert "Training over 300 steps: val_recall@1 from 0 to 0.75." in page.described()


def test_the_histogram_is_cut_by_the_thresholds_of_the_card(page: Page) -> None:
    said = next(one for one in page.described() if one.startswith("Cosine similarities of good"))

    assert "near copies 0.50, same label 0.25, different label -0.50" in said
    assert "The floor is 0.123, duplicates start at 0.987." in said
    assert "floor 0.123" in page.words


def test_where_nobody_compared_pairs_the_results_are_drawn(page: Page) -> None:
    said = next(one for one in page.described() if "what poor found" in one)

    assert "Medians: right results " in said


def test_of_the_failures_those_with_most_to_find_come_first_one_of_a_label() -> None:
    row = asked(labels="aabc", precision=[0, 0, 0, 1], total=[1, 3, 2, 9], farthest=[0, 0, 0, 0.5])

    assert contact_sheet.worst(row, 3) == [1, 2, 3]


def test_of_the_successes_those_that_are_no_copies_come_first() -> None:
    row = asked(labels="abb", precision=[1, 1, 1], total=[2, 2, 2], farthest=[0.9, 0.7, 0.3])

    assert contact_sheet.best(row, 3) == [2, 0]


def asked(labels: str, precision: list[float], total: list[int], farthest: list[float]) -> Measured:
    """One query a letter. farthest: the cosine of its one right result; 0 if it found none."""
    files = [Labelled(Path(f"{i}.jpg"), label) for i, label in enumerate(labels)]
    cosines = np.array(farthest, np.float32)[:, None]
    return Measured(
        Protocol("p", files, files),
        "m",
        {"map@10": np.array(precision, np.float64)},
        np.zeros((len(files), 1), np.int64),
        cosines,
        cosines > 0,
        np.array(total, np.int64),
    )
