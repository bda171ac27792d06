"""CloudFormation asks for the first model, and always hears what became of it."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from functions.deployment import answering
from lookalike import wiring
from lookalike.edge import QdrantEdge
from lookalike.errors import IndexUnavailable
from lookalike.models import SERVING_KEY, ServingState
from tests.conftest import Context, World, event, jpeg
from tests.infra.fake_qdrant import FakeQdrant

# The fake server is qdrant-client's own engine, which says so.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

Deploy = Callable[..., dict[str, Any]]


class Stack:
    """Where CloudFormation waits for the answer, as S3 takes it: one PUT, of no content type."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.types: list[str | None] = []
        self.refusals = 0

    def handler(stack) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Waiting(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                stack.refusals -= 1
                if stack.refusals < 0:
                    stack.answers.append(json.loads(body))
                    stack.types.append(self.headers["Content-Type"])
                self.send_response(200 if stack.refusals < 0 else 503)
                self.end_headers()

            def log_message(self, *args: Any) -> None: ...

        return Waiting


@pytest.fixture
def stack() -> Iterator[Stack]:
    waiting = Stack()
    server = ThreadingHTTPServer(("127.0.0.1", 0), waiting.handler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    waiting.url = f"http://127.0.0.1:{server.server_port}/answer"  # type: ignore[attr-defined]
    yield waiting
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def deploy(world: World, stack: Stack) -> Deploy:
    def asked(name: str, seconds: float = 30, **changes: Any) -> dict[str, Any]:
        context = Context()
        context.get_remaining_time_in_millis = lambda: int(seconds * 1000)  # type: ignore[method-assign]
        request = {**event(name), "ResponseURL": getattr(stack, "url", ""), **changes}
        world.handler("deployment").lambda_handler(request, context)
        return stack.answers[-1]

    return asked


@pytest.fixture
def fresh(world: World) -> World:
    """A deployment where no model serves yet."""
    wiring.serving().store.delete(SERVING_KEY)
    wiring.serving().store.delete(f"{world.model}/card.json")
    return world


def test_a_fresh_deployment_can_answer(fresh: World, deploy: Deploy, stack: Stack) -> None:
    asked = event("deployment_created")

    answer = deploy("deployment_created")

    assert answer == {
        "Status": "SUCCESS",
        "Reason": "Done.",
        "PhysicalResourceId": "FirstModel",
        "StackId": asked["StackId"],
        "RequestId": asked["RequestId"],
        "LogicalResourceId": "FirstModel",
        "Data": {"live": fresh.model},
    }
    assert stack.types == [""]  # the address is signed for none
    assert wiring.serving().read()[0] == ServingState(live=fresh.model)
    assert [card.model for card in wiring.models().cards()] == [fresh.model]
    fresh.drop(red=jpeg())


def test_an_upgrade_changes_nothing_that_serves(world: World, deploy: Deploy) -> None:
    _, etag = wiring.serving().read()
    state = ServingState(live=world.model, previous=world.model)
    wiring.serving().swap(etag, state)
    world.drop(red=jpeg())

    answers = [
        deploy("deployment_created", RequestType="Update", PhysicalResourceId="FirstModel")
        for _ in range(2)
    ]

    assert [answer["PhysicalResourceId"] for answer in answers] == ["FirstModel"] * 2
    assert wiring.serving().read()[0] == state
    assert wiring.index().count(world.model) == 1


def test_the_collections_of_all_who_serve_are_there_after_it(
    world: World, deploy: Deploy, engine: QdrantEdge
) -> None:
    engine.drop(world.model)

    assert deploy("deployment_created")["Status"] == "SUCCESS"

    assert engine.count(world.model) == 0


def test_a_database_that_does_not_answer_fails_the_deploy_with_what_to_mend(
    world: World, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_QDRANT", "http://127.0.0.1:9")
    wiring.settings.cache_clear()
    wiring.deployment.cache_clear()
    unreachable = wiring._qdrant_server("http://127.0.0.1:9")
    monkeypatch.setattr(wiring, "index", lambda: unreachable)

    answer = deploy("deployment_created")

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(
        "The vector database cannot be used; look at its URL and key in http://127.0.0.1:9, "
        "and whether it can be reached from here: "
    )
    assert "\n" not in answer["Reason"]


def test_a_key_that_the_database_refuses_fails_the_deploy_too(
    world: World, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeQdrant(api_key="the right one") as server:
        refusing = wiring._qdrant_server(server.url)
        wiring.deployment.cache_clear()
        monkeypatch.setattr(wiring, "index", lambda: refusing)

        answer = deploy("deployment_created")

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].endswith("401 (Unauthorized)")
    assert "the right one" not in answer["Reason"]


def test_two_environments_on_one_cluster_leave_each_other_alone(
    world: World, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeQdrant() as server:
        for name in ("staging", "dev"):
            monkeypatch.setenv("LOOKALIKE_COLLECTION_PREFIX", f"{name}-images-")
            wiring.settings.cache_clear()
            wiring.deployment.cache_clear()
            index = wiring._qdrant_server(server.url)
            monkeypatch.setattr(wiring, "index", lambda index=index: index)
            assert deploy("deployment_created")["Status"] == "SUCCESS"
        answer = deploy("deployment_removed")
        left = [one.name for one in server.engine.get_collections().collections]

    assert answer["Data"] == {"dropped": world.model}
    assert left == [f"staging-images-{world.model}"]


def test_whatever_fails_while_it_is_built_is_answered_too(
    world: World, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        raise ValueError("nobody thought of this" * 1000)

    monkeypatch.setattr(wiring, "deployment", broken)

    answer = deploy("deployment_created")

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("nobody thought of this")
    assert len(json.dumps(answer)) < 4096


def test_a_deploy_that_hangs_is_answered_in_time(
    world: World, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = threading.Event()
    monkeypatch.setattr(wiring, "deployment", enough.wait)

    answer = deploy("deployment_created", seconds=15.2)
    enough.set()

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("It took too long")


def test_removing_the_stack_drops_the_collections_if_told(world: World, deploy: Deploy) -> None:
    wiring.index().open("next-1", 4)

    answer = deploy("deployment_removed")

    assert answer["Status"] == "SUCCESS"
    assert answer["Data"] == {"dropped": ",".join(sorted(["next-1", world.model]))}
    assert wiring.index().models() == []
    wiring.index().open(world.model, wiring.models().encoder(world.model).card.dimension)


@pytest.mark.parametrize("properties", [{}, {"OnDelete": "keep"}])
def test_removing_the_stack_keeps_the_collections_otherwise(
    world: World, deploy: Deploy, properties: dict[str, str]
) -> None:
    assert deploy("deployment_removed", ResourceProperties=properties)["Status"] == "SUCCESS"

    assert wiring.index().models() == [world.model]


def test_a_removal_never_fails_the_stack(
    world: World, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> list[str]:
        raise IndexUnavailable("The cluster was deleted before the stack.")

    with monkeypatch.context() as patch:
        patch.setattr(wiring.index(), "models", gone)
        answer = deploy("deployment_removed")

    assert (answer["Status"], answer["Reason"]) == (
        "SUCCESS",
        "The cluster was deleted before the stack.",
    )


def test_an_answer_that_is_refused_is_sent_again(
    world: World, deploy: Deploy, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "PAUSE_SECONDS", 0.0)
    stack.refusals = 2

    assert deploy("deployment_created")["Status"] == "SUCCESS"
    stack.refusals = 3
    with pytest.raises(OSError, match="503"):
        deploy("deployment_created")
