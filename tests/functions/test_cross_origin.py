"""Pages of other apps may read the answers that an environment lets them read, errors included."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import functions
from lookalike import wiring
from tests.conftest import Context, World, event

SHOP, ADMIN, STRANGER = "https://shop.example", "https://admin.example", "https://evil.example"
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture
def open_to_two(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("LOOKALIKE_CORS_ORIGINS", f'["{SHOP}", "{ADMIN}"]')
    wiring.settings.cache_clear()
    yield world
    monkeypatch.undo()
    wiring.settings.cache_clear()


def ask(world: World, origin: str, name: str = "health", **changes: Any) -> dict[str, Any]:
    request = event(name) | changes
    request["headers"] = {**request["headers"], "Origin": origin}
    request["multiValueHeaders"] = {**request["multiValueHeaders"], "Origin": [origin]}
    function = "search" if name in ("similar_images", "search_with_json") else "catalogue"
    answer: dict[str, Any] = world.handler(function).lambda_handler(request, Context())
    return answer


def header(answer: dict[str, Any], name: str) -> str | None:
    return (answer["multiValueHeaders"].get(name) or [None])[0]


@pytest.mark.parametrize("origin", [SHOP, ADMIN])
def test_a_page_that_is_let_in_may_read_an_answer(open_to_two: World, origin: str) -> None:
    answer = ask(open_to_two, origin)

    assert answer["statusCode"] == 200
    assert header(answer, ALLOWED) == origin
    assert header(answer, "Access-Control-Allow-Credentials") is None


def test_a_page_that_is_let_in_may_read_what_went_wrong(open_to_two: World) -> None:
    broken = ask(open_to_two, SHOP, "search_with_json", body="{")
    unknown = ask(open_to_two, SHOP, path="/v1/nowhere")
    wiring.serving().store.delete("serving.json")
    wiring.serving().forget()
    unavailable = ask(open_to_two, SHOP)

    answers = [broken, unknown, unavailable]
    assert [answer["statusCode"] for answer in answers] == [422, 404, 503]
    assert [header(answer, ALLOWED) for answer in answers] == [SHOP] * 3
    assert header(unavailable, "Access-Control-Expose-Headers") == "Retry-After"


def test_a_stranger_may_not(open_to_two: World) -> None:
    assert header(ask(open_to_two, STRANGER), ALLOWED) is None


def test_nobody_is_let_in_unless_the_environment_says_so(world: World) -> None:
    assert header(ask(world, SHOP), ALLOWED) is None


def test_every_function_with_routes_follows_the_environment(open_to_two: World) -> None:
    with_routes = [
        path.parent.name
        for path in Path(next(iter(functions.__path__))).glob("*/handler.py")
        if "resolver(" in path.read_text()
    ]

    assert {"search", "catalogue"} <= set(with_routes)
    for name in with_routes:
        app = importlib.reload(importlib.import_module(f"functions.{name}.handler")).app
        assert app._cors is not None, f"functions/{name}: resolver(wiring.settings().cors_origins)"
