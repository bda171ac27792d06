"""The steps of the learning run, as the state machine asks for them."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lookalike import wiring
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.catalogue import image_id_of
from lookalike.errors import (
    IndexUnavailable,
    InvalidRequest,
    ModelUnavailable,
    RunInProgress,
)
from lookalike.models import SHIPPED, ServingState
from lookalike.stores import MissingObject
from tests.conftest import KEY, Context, World, event, jpeg

Step = Callable[..., dict[str, Any]]
NEXT = "next-1"


@pytest.fixture
def step(world: World) -> Step:
    def asked(name: str, **given: Any) -> dict[str, Any]:
        handler = world.handler("learning")
        answer: dict[str, Any] = handler.lambda_handler({"step": name, **given}, Context())
        assert json.loads(json.dumps(answer)) == answer  # the machine reads it as JSON
        return answer

    return asked


def start(step: Step, **changes: Any) -> dict[str, Any]:
    return step(**{**event("learning_start"), "name": "start", **changes})


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """What a training job leaves: the shipped encoder under another version."""
    return packed(tmp_path, {})


def packed(folder: Path, card: dict[str, Any], onnx: bytes | None = None) -> Path:
    made = replace(ModelCard.read(SHIPPED), **{"model": NEXT, **card})
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, data in {
            ONNX_NAME: onnx or (SHIPPED / ONNX_NAME).read_bytes(),
            CARD_NAME: made.to_json().encode(),
        }.items():
            info = tarfile.TarInfo(f"model/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def written(folder: Path, **verdict: Any) -> str:
    path = folder / "verdict.json"
    path.write_text(json.dumps(verdict))
    return str(path)


def test_a_run_from_start_to_finish(world: World, step: Step, tmp_path: Path) -> None:
    world.drop(red=jpeg("red"), blue=jpeg("blue"))
    started = start(step, entry="retrain")
    model = started["model"]
    artifact = packed(tmp_path, {"model": model})
    verdict = written(tmp_path, accepted=True, reason="Recall rose.", model=model)

    assert step("register", model=model, artifact=str(artifact)) == {"model": model}
    assert step("judge", model=model, verdict=verdict)["accepted"]
    assert step("nominate", model=model) == {"model": model}
    items = [{"Key": "red.jpg"}, {"Key": "blue.jpg"}]
    assert step("fill", Items=items, BatchInput={"model": model})["indexed"] == 2
    assert step("verify", model=model)["ready"]
    assert step("switch", model=model) == {"live": model, "next": None, "previous": world.model}
    assert step("retire") == {"retired": []}
    assert step("finish", execution=event("learning_start")["execution"]) == {}

    nothing = {"previous": None, "share": None}
    assert started == {"entry": "retrain", "model": model, "live": world.model, **nothing}
    assert model == "clicks-20261122-030000"


def test_a_second_run_is_refused_until_the_first_is_finished(step: Step) -> None:
    execution = event("learning_start")["execution"]
    assert start(step) == start(step)  # the same run again is harmless

    with pytest.raises(RunInProgress, match=execution):
        start(step, execution="another")

    for _ in range(2):
        step("finish", execution=execution)
    start(step, execution="another")


def test_a_rollback_waits_for_no_run_and_stops_what_it_fills(
    world: World, step: Step, tmp_path: Path
) -> None:
    world.drop(red=jpeg("red"))
    promote(step, tmp_path, "good-1")
    run = start(step)["model"]
    step("register", model=run, artifact=str(packed(tmp_path, {"model": run})))
    step("nominate", model=run)

    back = start(step, entry="rollback", execution="in a hurry")
    step("rollback", model=back["model"])
    step("finish", execution="in a hurry")

    assert wiring.serving().read()[0] == ServingState(live=world.model, previous="good-1")
    with pytest.raises(InvalidRequest, match="not being filled any more"):
        step("fill", Items=[{"Key": "red.jpg"}], BatchInput={"model": run})
    with pytest.raises(InvalidRequest, match="is not the next model"):
        step("switch", model=run)
    with pytest.raises(RunInProgress):  # the lease is still that run's
        start(step, execution="another")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"entry": "fly"}, "/entry: 'fly' is not one of retrain, promote, trial, stop, rollback"),
        ({"entry": "promote"}, "has no model None"),
        ({"entry": "promote", "model": "lost-1"}, "has no model lost-1"),
        ({"started_at": "yesterday"}, "/started_at: 'yesterday' is no time with its zone"),
        ({"started_at": "2026-11-22T03:00:00"}, "is no time with its zone"),
    ],
)
def test_a_run_that_cannot_begin_holds_no_lease(
    step: Step, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        start(step, **given)

    start(step, execution="another")


def test_what_a_dead_run_was_filling_is_let_go(world: World, step: Step, artifact: Path) -> None:
    step("register", model=NEXT, artifact=str(artifact))
    step("nominate", model=NEXT)

    start(step)

    assert wiring.serving().read()[0].next is None


def test_a_promotion_goes_on_with_what_a_dead_run_began(step: Step, artifact: Path) -> None:
    step("register", model=NEXT, artifact=str(artifact))
    step("nominate", model=NEXT)

    assert start(step, entry="promote", model=NEXT)["model"] == NEXT

    assert wiring.serving().read()[0].next == NEXT


def promote(step: Step, folder: Path, model: str) -> None:
    step("register", model=model, artifact=str(packed(folder, {"model": model})))
    step("nominate", model=model)
    step("fill", Items=[{"Key": "red.jpg"}], BatchInput={"model": model})
    step("switch", model=model)


def test_a_rollback_names_the_model_that_will_serve(
    world: World, step: Step, tmp_path: Path
) -> None:
    world.drop(red=jpeg("red"))
    promote(step, tmp_path, NEXT)

    started = start(step, entry="rollback")
    answers = [step("rollback", model=started["model"]) for _ in range(2)]

    assert (started["live"], started["model"]) == (NEXT, world.model)
    assert answers[0] == answers[1] == {"live": world.model, "next": None, "previous": NEXT}


def test_a_rollback_with_nowhere_to_go_is_refused(step: Step) -> None:
    assert start(step, entry="rollback")["model"] is None

    with pytest.raises(InvalidRequest, match="no previous model is kept"):
        step("rollback")


def begin_trial(step: Step, artifact: Path, **changes: Any) -> dict[str, Any]:
    if NEXT not in [card.model for card in wiring.models().cards()]:
        step("register", model=NEXT, artifact=str(artifact))
    return step(**{**event("learning_trial"), "name": "start", **changes})


def test_a_trial_from_start_to_its_end(world: World, step: Step, artifact: Path) -> None:
    world.drop(red=jpeg("red"))
    started = begin_trial(step, artifact)
    model, share = started["model"], started["share"]

    assert step("nominate", model=model, share=share) == {"model": model}
    step("fill", Items=[{"Key": "red.jpg"}], BatchInput={"model": model})
    admitted = [step("admit", model=model) for _ in range(2)]
    step("finish", execution=event("learning_trial")["execution"])
    stopping = [start(step, entry="stop", execution="in a hurry") for _ in range(2)]
    stopped = [step("abandon", model=stopping[0]["model"]) for _ in range(2)]

    assert (started["entry"], model, share) == ("trial", NEXT, 0.1)
    assert admitted[0] == admitted[1]
    assert (admitted[0]["live"], admitted[0]["next"]) == (world.model, NEXT)
    assert admitted[0]["trial"].keys() == {"share", "since"}
    assert stopping[0] == stopping[1]
    assert stopped == [{"live": world.model}] * 2
    assert step("retire") == {"retired": [NEXT]}


def test_a_trial_is_not_admitted_before_it_is_filled(
    world: World, step: Step, artifact: Path
) -> None:
    world.drop(red=jpeg("red"))
    begin_trial(step, artifact)
    step("nominate", model=NEXT, share=0.1)

    with pytest.raises(InvalidRequest, match="1 pictures are not in it yet"):
        step("admit", model=NEXT)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"share": None}, "/share: None is not a number between 0 and 1"),
        ({"share": 1}, "/share: 1 is not a number between 0 and 1"),
        ({"share": "0.1"}, "/share: '0.1' is not a number"),
        ({"entry": "retrain", "share": 0}, "/share: 0 is not a number"),
        ({"entry": "promote"}, "/share: is not for promote"),
        ({"entry": "rollback"}, "/share: is not for rollback"),
        ({"entry": "stop", "share": None}, "/model: next-1 is not on trial"),
        ({"entry": "stop", "share": None, "model": None}, "/model: No model is on trial"),
        ({"model": "lost-1"}, "has no model lost-1"),
    ],
)
def test_an_order_for_a_trial_that_makes_no_sense_holds_no_lease(
    step: Step, artifact: Path, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        begin_trial(step, artifact, **given)

    start(step, execution="another")


def on_trial(step: Step, artifact: Path) -> ServingState:
    started = begin_trial(step, artifact)
    step("nominate", model=NEXT, share=started["share"])
    step("admit", model=NEXT)
    step("finish", execution=event("learning_trial")["execution"])
    return wiring.serving().read()[0]


def test_a_weekly_run_ends_no_trial_and_leaves_no_lease(
    world: World, step: Step, artifact: Path
) -> None:
    trial = on_trial(step, artifact)
    for given in ({"entry": "retrain"}, {"entry": "promote", "model": world.model}):
        with pytest.raises(InvalidRequest, match="next-1 is on trial; promote it or stop"):
            start(step, **given)

    assert wiring.serving().read()[0] == trial
    started = start(step, entry="promote", model=NEXT, execution="another")
    assert started["model"] == NEXT


def test_a_trial_that_a_dead_run_never_began_is_let_go(
    world: World, step: Step, artifact: Path
) -> None:
    begin_trial(step, artifact)
    step("nominate", model=NEXT, share=0.1)
    step("finish", execution=event("learning_trial")["execution"])

    start(step)

    assert wiring.serving().read()[0] == ServingState(world.model)


def test_registering_again_is_harmless(step: Step, artifact: Path) -> None:
    for _ in range(2):
        step("register", model=NEXT, artifact=str(artifact))

    assert NEXT in [card.model for card in wiring.models().cards()]


@pytest.mark.parametrize(
    ("card", "onnx", "said"),
    [
        ({"model": "other-1"}, None, "Its card says other-1, not next-1"),
        ({"sha256": "0" * 64}, None, "differs from its card"),
        ({}, b"poison", "differs from its card"),
        ({"dimension": 7}, None, "its card says 7"),
    ],
)
def test_a_model_that_is_not_what_it_says_is_never_added(
    world: World, step: Step, tmp_path: Path, card: dict[str, Any], onnx: bytes | None, said: str
) -> None:
    artifact = packed(tmp_path, card, onnx)

    with pytest.raises(InvalidRequest, match=said):
        step("register", model=NEXT, artifact=str(artifact))

    assert [card.model for card in wiring.models().cards()] == [world.model]


def test_an_artifact_that_is_not_there_or_is_none_is_named(step: Step, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")

    with pytest.raises(InvalidRequest, match=r"There is no object gone\.tar\.gz"):
        step("register", model=NEXT, artifact=str(tmp_path / "gone.tar.gz"))
    with pytest.raises(InvalidRequest, match=r"no model\.tar\.gz"):
        step("register", model=NEXT, artifact=str(tmp_path / "text"))


def test_an_artifact_that_is_too_large_is_not_read(
    step: Step, artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.learning.MAX_ARCHIVE_BYTES", 1000)

    with pytest.raises(InvalidRequest, match="has more than 1000 bytes"):
        step("register", model=NEXT, artifact=str(artifact))


@pytest.mark.parametrize("accepted", [True, False])
def test_the_gates_verdict_is_passed_on(step: Step, tmp_path: Path, accepted: bool) -> None:
    verdict = written(tmp_path, accepted=accepted, reason="Because.", slices=[1, 2])

    assert step("judge", model=NEXT, verdict=verdict) == {
        "accepted": accepted,
        "reason": "Because.",
    }


@pytest.mark.parametrize(
    "verdict",
    [{}, {"accepted": True}, {"accepted": "yes", "reason": ""}, {"accepted": 1, "reason": ""}],
)
def test_what_is_not_plainly_a_verdict_is_an_error(
    step: Step, tmp_path: Path, verdict: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest, match="/verdict: It cannot be read"):
        step("judge", model=NEXT, verdict=written(tmp_path, **verdict))


def test_a_verdict_about_another_model_is_an_error(step: Step, tmp_path: Path) -> None:
    verdict = written(tmp_path, accepted=True, reason="", model="other-1")

    with pytest.raises(InvalidRequest, match="is about other-1, not next-1"):
        step("judge", model=NEXT, verdict=verdict)


@pytest.fixture
def filling(world: World, step: Step, artifact: Path) -> Step:
    step("register", model=NEXT, artifact=str(artifact))
    step("nominate", model=NEXT)
    return step


def test_a_batch_of_the_listing_is_filled_whatever_is_in_it(world: World, filling: Step) -> None:
    """Raw keys, sidecars, folders' stand-ins, files that are no pictures."""
    batch = event("learning_fill")
    world.write(KEY, jpeg())
    world.write(f"{KEY}.metadata.json", b'{"tags": ["red"]}')
    world.write("textiles/notes.txt", b"text")

    counts = filling(**{**batch, "name": batch["step"]})

    image = wiring.index().get(NEXT, image_id_of(KEY))
    assert image is not None
    assert image.tags == ("red",)
    assert counts == {"indexed": 1, "unchanged": 0, "removed": 1, "rejected": 1}


def test_filling_again_is_cheap_and_harmless(world: World, filling: Step) -> None:
    world.drop(red=jpeg("red"))
    world.write("broken.jpg", b"text")
    items = [{"Key": "red.jpg"}, {"Key": "broken.jpg"}, {"Key": "red.jpg"}]

    counts = filling("fill", Items=items, BatchInput={"model": NEXT})

    assert counts == {"indexed": 0, "unchanged": 1, "removed": 0, "rejected": 1}


def test_one_picture_that_fails_holds_up_no_other(
    world: World, filling: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write("a.jpg", jpeg("red"))
    world.write("b.jpg", jpeg("blue"))
    real = wiring.index().put

    def put_all_but_one(model: str, image: Any, vector: Any) -> None:
        if image.key == "a.jpg":
            raise IndexUnavailable("down")
        real(model, image, vector)

    monkeypatch.setattr(wiring.index(), "put", put_all_but_one)
    items = [{"Key": "a.jpg"}, {"Key": "b.jpg"}]

    with pytest.raises(IndexUnavailable):
        filling("fill", Items=items, BatchInput={"model": NEXT})

    assert wiring.index().get(NEXT, image_id_of("b.jpg")) is not None


def test_a_model_that_was_let_go_is_not_filled(filling: Step) -> None:
    assert filling("abandon", model=NEXT) == {"live": wiring.serving().read()[0].live}

    with pytest.raises(InvalidRequest, match="next-1 is not being filled any more"):
        filling("fill", Items=[{"Key": "a.jpg"}], BatchInput={"model": NEXT})


def test_a_collection_that_is_behind_is_not_ready_and_not_switched_to(
    world: World, filling: Step
) -> None:
    world.drop(red=jpeg("red"))
    wiring.index().delete(NEXT, image_id_of("red.jpg"))

    found = filling("verify", model=NEXT)

    assert (found["ready"], found["behind"], found["problems"]) == (False, 1, [])
    with pytest.raises(InvalidRequest, match="1 pictures are not in next-1 yet"):
        filling("switch", model=NEXT)


def test_a_model_that_nobody_named_is_not_switched_to(step: Step) -> None:
    with pytest.raises(InvalidRequest, match="other-1 is not the next model"):
        step("switch", model="other-1")


def test_a_model_that_is_not_in_the_store_is_not_nominated(step: Step) -> None:
    with pytest.raises(ModelUnavailable, match="has no model lost-1"):
        step("nominate", model="lost-1")


def test_an_unknown_step_or_a_missing_field_is_named(step: Step) -> None:
    with pytest.raises(InvalidRequest, match="/step: 'dance' is not one of start, register"):
        step("dance")
    with pytest.raises(InvalidRequest, match="/artifact: is missing"):
        step("register", model=NEXT)


def test_a_location_is_a_bucket_and_a_key_or_a_file(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    store, key = wiring.locate("s3://lookalike-dev-models/jobs/a b/model.tar.gz")
    here, name = wiring.locate(str(tmp_path / "verdict.json"))

    assert (getattr(store, "name", ""), key) == ("lookalike-dev-models", "jobs/a b/model.tar.gz")
    assert name == "verdict.json"
    with pytest.raises(MissingObject):
        here.get(name)
