"""People search while another encoder takes over and gives way: each answer is one model's."""

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lookalike import wiring
from lookalike.calibration import drawn
from lookalike.catalogue import image_id_of
from lookalike.models import Serving
from lookalike.tokens import verify
from tests.conftest import Context, World, event
from tests.training.gate import challengers as made

PICTURES, PEOPLE, SIDE = 20, 3, 96
STALE_SECONDS = 0.3  # how late this instance hears of a switch; five times as late elsewhere
PATIENCE_SECONDS = 60.0
NEXT = "swapped-1"

Question = dict[str, Any]
Shown = list[tuple[str, float]]


@pytest.fixture
def shop(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Drawn pictures, and an instance that goes by an old serving state as others would."""
    monkeypatch.setattr("lookalike.models.STATE_SECONDS", STALE_SECONDS)
    for number, picture in enumerate(drawn(PICTURES)):
        world.drop(**{f"{number:02}": as_jpeg(picture)})
    wiring.search().serving = Serving(wiring.serving().store)
    return world


@pytest.fixture
def challenger(shop: World, tmp_path: Path) -> str:
    """It takes the features in another order, so that no score of it is one of the first."""
    folder = made.model(tmp_path / "made", NEXT, made.projection(made.swapped))
    return wiring.models().add(folder).model


def as_jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.resize((SIDE, SIDE)).save(file, "JPEG")
    return file.getvalue()


def questions(shop: World) -> list[Question]:
    """By picture of the catalogue, and by the bytes of one."""
    few = [f"{number:02}.jpg" for number in range(0, PICTURES, 4)]
    return [*(by_id(key) for key in few), *(by_bytes(shop.pictures / key) for key in few)]


def by_id(key: str) -> Question:
    return {
        **event("similar_images"),
        "path": f"/v1/images/{image_id_of(key)}/similar",
        "queryStringParameters": {"min_score": "-1"},
        "multiValueQueryStringParameters": {"min_score": ["-1"]},
    }


def by_bytes(path: Path) -> Question:
    image = base64.b64encode(path.read_bytes()).decode()
    return {**event("search_with_json"), "body": json.dumps({"image": image, "min_score": -1})}


@dataclass
class Traffic:
    """One instance of the search function, asked by several people, one at a time as in Lambda."""

    function: Callable[..., dict[str, Any]]
    questions: list[Question]
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    troubles: list[object] = field(default_factory=list)
    _sandbox: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def ask(self, number: int) -> dict[str, Any]:
        with self._sandbox:
            said = self.function(self.questions[number], Context())
        body: dict[str, Any] = json.loads(said["body"])
        if said["statusCode"] != 200:
            raise AssertionError(body)
        return body

    def at_rest(self) -> list[Shown]:
        return [shown(self.ask(number)) for number in range(len(self.questions))]

    @contextmanager
    def going_on(self) -> Iterator[None]:
        people = [threading.Thread(target=self._person, args=(n,)) for n in range(PEOPLE)]
        for person in people:
            person.start()
        try:
            yield
        finally:
            self._over.set()
            for person in people:
                person.join()

    def until_answered_by(self, model: str) -> None:
        deadline, seen = time.monotonic() + PATIENCE_SECONDS, len(self.answers)
        while not any(body["model"] == model for _, body in self.answers[seen:]):
            assert not self.troubles
            assert time.monotonic() < deadline, f"{model} never answered"
            time.sleep(0.01)

    def _person(self, first: int) -> None:
        number = first
        while not self._over.is_set() and not self.troubles:
            number = (number + 1) % len(self.questions)
            try:
                self.answers.append((number, self.ask(number)))
            except Exception as error:  # whatever it is, it is what nobody may see
                self.troubles.append(error)


def shown(body: dict[str, Any]) -> Shown:
    return [(result["key"], result["score"]) for result in body["results"]]


@pytest.fixture
def traffic(shop: World) -> Traffic:
    return Traffic(shop.handler("search").lambda_handler, questions(shop))


def test_no_answer_is_mixed_empty_or_short_while_models_change(
    shop: World, challenger: str, traffic: Traffic
) -> None:
    right = {shop.model: traffic.at_rest()}
    reindex = wiring.reindex()

    with traffic.going_on():
        traffic.until_answered_by(shop.model)
        reindex.nominate(challenger)
        reindex.fill()
        assert reindex.verify(challenger).ready
        traffic.until_answered_by(shop.model)  # filled and proven, it still serves nobody
        reindex.switch(challenger)
        reindex.retire()
        traffic.until_answered_by(challenger)
        reindex.rollback()
        traffic.until_answered_by(shop.model)
        reindex.rollback(to=challenger)
        traffic.until_answered_by(challenger)

    right[challenger] = traffic.at_rest()
    assert traffic.troubles == []
    assert all(len(page) >= PICTURES - 2 for pages in right.values() for page in pages)
    assert not set(map(str, right[shop.model])) & set(map(str, right[challenger]))
    for number, body in traffic.answers:
        assert shown(body) == right[body["model"]][number]
        assert verify(body["query_id"], wiring.naming().keys.find).model == body["model"]
