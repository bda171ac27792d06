"""A serving state that cannot be read: who knows a better one goes by it, and nothing is lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lookalike import wiring
from lookalike.catalogue import image_id_of
from lookalike.errors import ModelUnavailable
from lookalike.models import SERVING_KEY
from tests.conftest import World, jpeg

Ask = Callable[..., tuple[int, dict[str, Any]]]
HALF = [b"", b'{"live": "defau', b"\x00" * 40, b'{"live": "../..", "next": null}']


@pytest.fixture
def file(world: World) -> Path:
    world.drop(red=jpeg("red"), orange=jpeg("orangered"))
    return Path(world.data, "models", SERVING_KEY)


def search(ask: Ask) -> tuple[int, dict[str, Any]]:
    asked = {"image_id": image_id_of("red.jpg"), "min_score": -1}
    return ask("search", "search_with_json", body=json.dumps(asked))


def begin_anew() -> None:
    """As another instance that starts now."""
    wiring.serving().forget()


@pytest.mark.parametrize("half", HALF)
def test_an_instance_that_starts_says_what_is_wrong_until_it_is_mended(
    file: Path, ask: Ask, half: bytes
) -> None:
    whole = file.read_bytes()
    file.write_bytes(half)
    begin_anew()

    status, problem = search(ask)
    file.write_bytes(whole)

    assert status == 503
    assert "serving.json cannot be read" in problem["detail"]
    assert search(ask)[0] == 200


def test_an_instance_that_knew_who_serves_goes_on(
    file: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.models.STATE_SECONDS", 0)
    file.write_bytes(b'{"live": "defau')

    status, body = search(ask)

    assert status == 200
    assert [result["key"] for result in body["results"]] == ["orange.jpg"]


def test_a_change_waits_until_it_is_known_where_it_belongs(world: World, file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(b'{"live": "defau')
    begin_anew()
    world.write("late.jpg", jpeg("teal"))

    refused = world.deliver("late.jpg")
    file.write_bytes(whole)
    taken = world.deliver("late.jpg")

    assert len(refused["batchItemFailures"]) == 1
    assert taken == {"batchItemFailures": []}
    assert wiring.index().get(world.model, image_id_of("late.jpg"))


def test_nobody_is_switched_to_over_a_state_that_cannot_be_read(world: World, file: Path) -> None:
    half = b'{"live": "defau'
    file.write_bytes(half)

    for change in (wiring.reindex().rollback, wiring.reindex().retire):
        with pytest.raises(ModelUnavailable):
            change()

    assert file.read_bytes() == half
    assert wiring.index().count(world.model) == 2
