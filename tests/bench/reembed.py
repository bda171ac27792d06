"""How fast another encoder's vectors are made, and what those who search meanwhile feel of it."""

import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.catalogue import image_id_of
from lookalike.models import SHIPPED
from tests.bench.bench import Bench
from tests.bench.clocks import p50, p99
from tests.bench.pictures import gathered
from tests.bench.served import LOOK_SECONDS, Served, served
from tests.bench.tables import Row, Table, at_least, ms, times

EQUAL = 0.95  # of the indexer's rate: two runs of the same differ by so much
BETWEEN = (0.1, 0.9)  # of the pictures: neither the start nor the last ones are a rate
FOLDER = "re-embedded"
PAUSE = 0.02  # seconds from one question to the next: a busy shop, and no flood

Seen = list[tuple[float, int]]  # when so many pictures were done


@dataclass
class Figures:
    """rates: pictures a second. serving: seconds from `lookalike promote` to its last word."""

    indexed: float | None = None
    alone: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    serving: list[float] = field(default_factory=list)
    at_rest: list[float] = field(default_factory=list)
    meanwhile: list[float] = field(default_factory=list)


def tables(bench: Bench) -> Iterator[Table]:
    pictures = gathered(bench.small, bench.folder / FOLDER)
    figures = Figures()
    with served(pictures, bench.folder / "re-embedding") as lookalike:
        figures.indexed = rate(_indexing(lookalike, len(bench.small)), len(bench.small))
        for number in range(bench.sizes.rounds):
            _round(lookalike, bench, number, figures)
    yield _rates(figures, len(bench.small))
    yield _questions(figures)


def rate(seen: Seen, pictures: int) -> float | None:
    """Pictures a second; None where too few were done for anybody to tell."""
    low, high = (share * pictures for share in BETWEEN)
    within = [(moment, done) for moment, done in seen if low <= done <= high]
    if len(within) < 2 or within[-1][1] == within[0][1]:
        return None
    (began, first), (ended, last) = within[0], within[-1]
    return (last - first) / (ended - began)


def _indexing(lookalike: Served, pictures: int) -> Seen:
    seen: Seen = []
    for progress in lookalike.looks():
        done = progress["indexed"] + progress["rejected"]
        seen.append((time.monotonic(), done))
        if done == pictures and not progress["pending"]:
            break
    return seen


def _round(lookalike: Served, bench: Bench, number: int, figures: Figures) -> None:
    """Each re-embedding is to another version of the same encoder, so that nothing is done yet."""
    pictures = len(bench.small)
    ask = _questioner(lookalike, bench)
    lookalike.settle()
    for _ in range(max(1, bench.sizes.queries // bench.sizes.rounds)):
        figures.at_rest.append(ask())
    began = time.monotonic()
    seen = _promoted(lookalike, bench, f"alone-{number}", lambda: time.sleep(LOOK_SECONDS))
    figures.serving.append(time.monotonic() - began)
    figures.alone += filter(None, [rate(seen, pictures)])
    lookalike.settle()
    answered = figures.meanwhile
    seen = _promoted(lookalike, bench, f"asked-{number}", lambda: answered.append(ask()))
    figures.asked += filter(None, [rate(seen, pictures)])


def _questioner(lookalike: Served, bench: Bench) -> Callable[[], float]:
    """Asks for the look-alikes of any picture; how many seconds the answer took."""
    folder = bench.folder / FOLDER
    keys = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    chance = random.Random(6)

    def ask() -> float:
        path = f"v1/images/{image_id_of(chance.choice(keys))}/similar"
        began = time.perf_counter()
        lookalike.ask(path)
        taken = time.perf_counter() - began
        time.sleep(max(0.0, PAUSE - taken))
        return taken

    return ask


def _promoted(
    lookalike: Served, bench: Bench, version: str, meanwhile: Callable[[], object]
) -> Seen:
    """Let a version serve as a person does; how many pictures were done when."""
    lookalike.command("models", "add", _twin(bench.folder / version, version))
    seen: Seen = []
    looked = 0.0
    with lookalike.promoting(version) as is_over:
        while not is_over():
            meanwhile()
            if time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                filling = lookalike.progress()["filling"]
                if filling and filling["model"] == version:
                    seen.append((looked, filling["done"]))
    return seen


def _twin(folder: Path, version: str) -> Path:
    """The encoder that ships, under another name."""
    folder.mkdir()
    shutil.copy(SHIPPED / ONNX_NAME, folder / ONNX_NAME)
    card = replace(ModelCard.read(SHIPPED), model=version)
    (folder / CARD_NAME).write_text(card.to_json())
    return folder


def _rates(figures: Figures, pictures: int) -> Table:
    rows = [
        _rate(f"{pictures:,} small pictures", figures.alone, figures.indexed, EQUAL),
        _rate("the same while people search", figures.asked, figures.indexed, None),
        Row("from `lookalike promote` to its last word", f"{median(figures.serving):.1f} s"),
    ]
    notes = (
        "Measured: pictures a second while a next model is filled, from the tenth to the last "
        f"tenth; median of {len(figures.serving)}. Against: the first indexing of the same "
        "pictures by the same process, measured alike.",
        "The last row is filling, verification and the switch.",
    )
    return Table("Re-embedding", rows, notes)


def _rate(what: str, rates: Sequence[float], indexed: float | None, least: float | None) -> Row:
    if not rates or indexed is None:
        return Row(what, "too few to tell")
    ratio = median(rates) / indexed
    goal = None if least is None else at_least(ratio, least, f"{least:.2f} ×")
    return Row(what, f"{median(rates):.0f}/s", f"{indexed:.0f}/s", f"{ratio:.2f} ×", goal)


def _questions(figures: Figures) -> Table:
    rest, busy = figures.at_rest, figures.meanwhile
    rows = [
        Row(f"similar by id, {name}", ms(of(busy)), ms(of(rest)), times(of(busy) / of(rest)))
        for name, of in (("p50", p50), ("p99", p99))
    ]
    notes = (
        f"Measured: {len(busy):,} questions over HTTP while a next model is filled, verified and "
        f"switched to, all cores at work. Against: {len(rest):,} at rest. One after the other, "
        f"with {1000 * PAUSE:.0f} ms from one to the next; every one was answered with 200.",
    )
    return Table("Questions during a re-embedding", rows, notes)
