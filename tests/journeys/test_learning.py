"""The loop, closed in one process: upload, search, click, retrain, switch, search, rollback."""

import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from local.data_folder import DataFolder
from local.retraining.command import Outcome, Retraining, retrain
from local.up import ANY_PORT, running
from lookalike.catalogue import image_id_of
from lookalike.folder import Folder
from lookalike.models import ModelStore, Serving
from tests.journeys import clicked, small_encoder
from tests.journeys.conftest import Site, until
from tests.journeys.small_retrain import SMALL
from tests.journeys.test_laptop import upload

SHOWN = 10
PAUSE_SECONDS = 0.02  # between two rounds of questions: what learns meanwhile needs the cores too
BETWEEN = 20  # degrees of hue off any colour of the catalogue: the motif of a picture of one's own

Answers = dict[str, tuple[tuple[str, float], ...]]  # by anchor: images and scores, in order


@pytest.fixture(autouse=True)
def _process(own_process: None) -> Iterator[None]:
    on_sigterm = signal.getsignal(signal.SIGTERM)
    os.environ["LOOKALIKE_EXPLORATION"] = "0"  # answers are compared
    os.environ["OMP_NUM_THREADS"] = "1"
    yield
    signal.signal(signal.SIGTERM, on_sigterm)


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    """Of a catalogue with a small encoder, and ten days of clicks on it."""
    clicked.catalogue(tmp_path / "pictures")
    made = DataFolder(tmp_path / "data")
    made.claim(tmp_path / "pictures")
    small_encoder.write(tmp_path / "encoder")
    store = Folder(made.path / "models")
    Serving(store).start(ModelStore(store, store.root).add(tmp_path / "encoder").model)
    clicked.log(made.path / "interactions")
    made.lock()
    return made


class Visitor:
    """Asks about a few pictures, again and again, and notes what is answered by whom."""

    def __init__(self, site: Site, anchors: list[str]) -> None:
        self.site, self.anchors = site, anchors

    def answers(self) -> tuple[str, Answers]:
        """Of one moment in which nothing changes: the model, and what it says."""
        asked = [self.ask(anchor) for anchor in self.anchors]
        (model,) = {model for model, _ in asked}
        return model, dict(zip(self.anchors, (shown for _, shown in asked), strict=True))

    def ask(self, anchor: str) -> tuple[str, tuple[tuple[str, float], ...]]:
        path = f"v1/images/{anchor}/similar?min_score=-1&limit={SHOWN}"
        status, body = self.site.ask(path)
        assert status == 200, body
        return body["model"], tuple((one["image_id"], one["score"]) for one in body["results"])

    @contextmanager
    def asking(self) -> Iterator[list[tuple[str, str, Any]]]:
        """Goes on while the block runs; gives anchor, model and answer, in the order of asking."""
        heard: list[tuple[str, str, Any]] = []
        done, failed = threading.Event(), []

        def run() -> None:
            try:
                while not done.is_set():
                    heard.extend((anchor, *self.ask(anchor)) for anchor in self.anchors)
                    done.wait(PAUSE_SECONDS)
            except Exception as error:
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield heard
        finally:
            done.set()
            thread.join()
        assert not failed


def own_picture(site: Site) -> str:
    """Uploaded, in a colour that the catalogue has not; its id, once it is found."""
    file = io.BytesIO()
    clicked.picture(3, 0, hue=BETWEEN).save(file, "JPEG", quality=90)
    image_id = upload(site, file.getvalue())["image_id"]
    until(lambda: site.ask(f"v1/images/{image_id}/similar?min_score=-1")[0] == 200)
    return image_id


def click(site: Site, anchor: str, motif: int) -> int:
    """Look at an answer, and click what has the motif; returns how many clicks were believed."""
    _, answer = site.ask(f"v1/images/{anchor}/similar?min_score=-1&limit={SHOWN}")
    liked = {image_id_of(clicked.key(motif, colour)) for colour in range(clicked.COLOURS)}
    now = datetime.now(UTC).isoformat()
    events = [
        {
            "event_id": str(uuid4()),
            "type": kind,
            "image_id": one["image_id"],
            "position": one["position"],
            "occurred_at": now,
        }
        for one in answer["results"]
        for kind in ("impression", "click")
        if kind == "impression" or one["image_id"] in liked
    ]
    said = {"session_id": "somebody-new", "query_id": answer["query_id"], "events": events}
    status, told = site.ask("v1/interactions", "POST", said)
    assert (status, told["rejected"]) == (202, [])
    return sum(event["type"] == "click" for event in events)


def held_out(outcome: Outcome) -> list[tuple[str, str]]:
    """Clicks that no training saw: ids of what was asked about, and of what was clicked."""
    lines = (outcome.folder / "dataset/held_out.jsonl").read_text().splitlines()
    pairs = (json.loads(line) for line in lines)
    return [(image_id_of(pair["anchor"]), image_id_of(pair["clicked"])) for pair in pairs]


def among_the_first(visitor: Visitor, pairs: list[tuple[str, str]]) -> float:
    answers = {anchor: visitor.ask(anchor)[1] for anchor in {anchor for anchor, _ in pairs}}
    found = [any(shown == right for shown, _ in answers[asked]) for asked, right in pairs]
    return sum(found) / len(found)


@pytest.mark.filterwarnings("ignore:No application metrics")  # a laptop's goes to its log
def test_clicks_come_to_answer_and_can_be_taken_back(data: DataFolder) -> None:
    with running(data, ANY_PORT, watching=True) as (laptop, url, _):
        site = Site(url)
        until(laptop.keeper.settled)
        own = own_picture(site)
        believed = click(site, own, motif=3)
        few = [image_id_of(clicked.key(motif, motif % 3)) for motif in range(0, 12, 3)]
        visitor = Visitor(site, [own, *few])
        until(laptop.keeper.settled)
        before = visitor.answers()

        with visitor.asking() as heard:
            outcome = retrain(DataFolder(data.path), Retraining(recipe=SMALL))
            assert outcome.accepted, outcome.reason
            until(lambda: heard[-1][1] == outcome.model)
        after = visitor.answers()
        taught = held_out(outcome)
        found_after = among_the_first(visitor, taught)
        with visitor.asking() as heard_again:
            status, state = site.ask("local/rollback", "POST", {})
        found_before = among_the_first(visitor, taught)
        back = visitor.answers()
        listed = json.loads((outcome.folder / "dataset/dataset.json").read_bytes())

    # what was clicked through the API is among what was learnt from
    assert believed >= 1
    assert listed["clicks"]["all"] == clicks_in(data)
    # every answer was one model's alone, and each model had its time
    by_model = {before[0]: before[1], after[0]: after[1]}
    assert set(by_model) == {small_encoder.MODEL, outcome.model}
    assert all(answer == by_model[model][anchor] for anchor, model, answer in heard)
    models = [model for _, model, _ in heard]
    assert models == sorted(models, key=models.index)  # it never went back by itself
    assert all(answer == by_model[model][anchor] for anchor, model, answer in heard_again)
    # the new one finds what people who looked at the same later clicked
    assert found_after > found_before + 0.1
    # and the way back leads to where it began
    assert (status, state["live"]) == (200, small_encoder.MODEL)
    assert back == before != after


def clicks_in(data: DataFolder) -> int:
    files = (data.path / "interactions").rglob("*.jsonl")
    rows = (json.loads(line) for file in files for line in file.read_text().splitlines())
    return sum(row["type"] == "click" for row in rows)
