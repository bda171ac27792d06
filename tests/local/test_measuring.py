"""`lookalike metrics` says what the log says, to a person and to a program."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from local import commands
from local.cli import main
from local.data_folder import data_folder_of
from lookalike.api import problem_of
from lookalike.duckdb_log import DuckDBLog
from lookalike.errors import LookalikeError
from lookalike.folder import Folder
from lookalike.interaction_log import Row
from lookalike.metrics import GROUPINGS, Measure
from lookalike.models import Serving, ServingState, Trial
from lookalike.reports import Reports
from lookalike.requests import parse_parameters
from tests.unit.crowd import row, rows, written

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)

Output = pytest.CaptureFixture[str]
SiteOf = Callable[..., Any]


class Catalogue:
    def count(self, *asked: object) -> int:
        return 500


class Shop:
    """A running Lookalike whose log is at hand."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.serving = Serving(Folder(folder / "models"))
        self.serving.start("m1")
        self.reports = Reports(DuckDBLog(self.log), Catalogue(), self.serving, lambda: NOW)  # type: ignore[arg-type]

    def sees(self, people: list[Row]) -> None:
        written(self.log, people)

    def tries(self, share: float) -> None:
        _, etag = self.serving.read()
        began = Trial(share, "2026-11-01T00:00:00Z")
        self.serving.swap(etag, ServingState("m1", next="m2", trial=began))

    def answer(self, event: dict[str, Any], context: object) -> dict[str, Any]:
        assert (event["httpMethod"], event["path"]) == ("GET", "/v1/metrics")
        asked = event["multiValueQueryStringParameters"] or {}
        try:
            body = self.reports.measure(parse_parameters(Measure, asked))
        except LookalikeError as error:
            said = problem_of(error)
            return {"statusCode": said.status_code, "body": said.body}
        return {"statusCode": 200, "body": json.dumps(body)}


@pytest.fixture
def shop(tmp_path: Path, site_of: SiteOf, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Its data folder is the one used last."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    made = Shop(tmp_path)
    site = site_of(made.answer)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    data = data_folder_of(pictures)
    data.claim(pictures)
    data.lock()
    data.announce(f"http://{site.host}/")
    yield made
    data.unlock()


def said(capsys: Output, *arguments: str) -> list[str]:
    assert main(["metrics", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def clicked_one_in_four() -> list[Row]:
    """By both of two sessions, of four suggestions each."""
    found = []
    for who in ("session-1", "session-2"):
        found += [
            row("impression", who, f"q-{who}", f"image-{place}", place) for place in range(1, 5)
        ]
        found.append(row("click", who, f"q-{who}", "image-1", 1))
        found.append(row("dwell", who, f"q-{who}", "image-1", 1, dwell_ms=2500))
    return found


def test_without_a_metric_there_is_a_line_for_each(shop: Shop, capsys: Output) -> None:
    shop.sees(clicked_one_in_four())

    lines = said(capsys)

    assert lines[0] == "Since 2026-10-24, UTC. In brackets: 95 %, clustered by session."
    assert [line.split("  ")[0] for line in lines[4:]] == [
        "CTR",
        "query CTR",
        "time spent",
        "coverage",
        "sponsored share",
    ]
    assert lines[4].split() == [
        "CTR",
        "25.0",
        "%",
        "(25.0",
        "to",
        "25.0",
        "%)",
        *["2", "of", "8", "2"],
    ]
    assert "2.5 s" in lines[6]
    assert "4 of 500" in lines[7]


def test_all_columns_stand_below_each_other(shop: Shop, capsys: Output) -> None:
    shop.sees(list(rows(sessions=80, seed=5)))

    table = said(capsys, "--metric", "ctr", "--by", "model", "--interval", "week")[3:]

    assert table[0].split() == ["period", "model", "value", "clicked", "of", "seen", "sessions"]
    assert table[2].split()[:2] == ["all", "all"]
    assert len({len(line) for line in table}) == 1
    assert {line.split()[1] for line in table[2:]} == {"all", "m1", "m2"}


def test_by_alone_is_about_ctr(shop: Shop, capsys: Output) -> None:
    shop.sees(clicked_one_in_four())

    lines = said(capsys, "--by", "position")

    assert lines[0] == "CTR by position, since 2026-10-24, UTC."
    assert [line.split()[0] for line in lines[5:]] == ["all", "1", "2", "3", "4"]


def test_nothing_seen_is_a_dash_and_a_word_of_where_to_begin(shop: Shop, capsys: Output) -> None:
    assert main(["metrics"]) == 0

    told = capsys.readouterr()
    assert told.out.splitlines()[4].split() == ["CTR", "–", "0", "of", "0", "0"]
    assert "Nobody has seen an answer yet" in told.err


def test_json_is_the_body_of_the_api(shop: Shop, capsys: Output) -> None:
    shop.sees(clicked_one_in_four())

    body = json.loads("\n".join(said(capsys, "--json", "--metric", "time_spent")))

    assert body == shop.reports.measure(Measure(metric="time_spent"))


def test_json_of_everything_is_a_list_of_bodies(shop: Shop, capsys: Output) -> None:
    bodies = json.loads("\n".join(said(capsys, "--json")))

    assert [body["metric"] for body in bodies] == [*GROUPINGS]


def test_a_trial_says_by_how_much_and_whether_to_believe_it(shop: Shop, capsys: Output) -> None:
    shop.tries(0.5)
    shop.sees(
        [
            one
            for number in range(40)
            for model in ("m1", "m2")
            for one in _seen(f"session-{model}-{number}", model, click=number % 4 == 0)
        ]
    )

    lines = said(capsys, "--metric", "trial")

    assert "50 % of the sessions for m2, the others for m1." in lines[0]
    assert lines[4].split()[:3] == ["m1", "live", "25.0"]
    assert lines[5].split()[:3] == ["m2", "challenger", "25.0"]
    assert lines[6].split()[:3] == ["difference", "+0.0", "%"]
    assert lines[-1] == "The sessions part as they should (p = 1.00)."
    assert lines[0] in said(capsys)


def test_a_trial_that_cannot_be_believed_says_so(shop: Shop, capsys: Output) -> None:
    shop.tries(0.5)
    shop.sees([one for number in range(40) for one in _seen(f"session-{number:02}", "m1")])

    assert "Do not go by these numbers." in said(capsys, "--metric", "trial")[-1]


def _seen(who: str, model: str, click: bool = False) -> list[Row]:
    made = [row("impression", who, f"q-{who}", "image-1", 1, model=model)]
    return [*made, row("click", who, f"q-{who}", "image-1", 1, model=model)] if click else made


def test_without_a_trial_it_says_how_to_begin_one(shop: Shop, capsys: Output) -> None:
    assert main(["metrics", "--metric", "trial"]) == 2

    assert "lookalike trial VERSION" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--since", "yesterday"], "/since must be a day, such as 2026-11-22"),
        (["--metric", "coverage", "--by", "position"], "group_by of coverage is model or slot"),
    ],
)
def test_what_cannot_be_counted_is_said_in_a_sentence(
    shop: Shop, capsys: Output, arguments: list[str], why: str
) -> None:
    assert main(["metrics", *arguments]) == 1

    told = capsys.readouterr()
    assert told.out == ""
    assert why in told.err


def test_the_command_line_offers_what_the_api_knows() -> None:
    known = commands.parser().parse_args
    for metric, groupings in GROUPINGS.items():
        assert known(["metrics", "--metric", metric]).metric == metric
        for by in groupings:
            assert known(["metrics", "--by", by]).by == by


def test_nothing_needs_to_run_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: pictures, index, log, function, table; twice, as the folder is let go of."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for colour in ("red", "blue"):
        Image.new("RGB", (64, 64), colour).save(pictures / f"{colour}.jpg")

    def lookalike(*arguments: str) -> str:
        program = [sys.executable, "-m", "local.cli", *arguments]
        return subprocess.run(program, capture_output=True, text=True, check=True).stdout

    lookalike("index", str(pictures))
    written(data_folder_of(pictures).path / "interactions", clicked_one_in_four())

    (first, second) = (json.loads(lookalike("metrics", "--json")) for _ in range(2))

    assert [body["rows"] for body in first] == [body["rows"] for body in second]
    by_metric = {body["metric"]: body["rows"][0] for body in first}
    assert by_metric["ctr"]["value"] == 0.25
    assert (by_metric["coverage"]["events"], by_metric["coverage"]["of"]) == (4, 2)
    assert by_metric["coverage"]["value"] == 1
