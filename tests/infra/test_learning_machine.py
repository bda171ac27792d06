"""The learning machine, executed: whatever fails, `live` serves, the lease is free, one is told."""

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from lookalike import wiring
from lookalike.cards import ModelCard
from lookalike.models import SHIPPED
from tests.conftest import World, jpeg
from tests.infra.asl_values import Json, StateError
from tests.infra.learning_world import LearningWorld, edges, fails, resolved

WALKED: set[tuple[str, str | None]] = set()  # by all tests of this module
RAN: set[str] = set()  # of its tests, in this process
RETRAIN = {"entry": "retrain"}
CHALLENGER = "clicks-20261122-030000"
SHIPPED_DIMENSION = ModelCard.read(SHIPPED).dimension
DOWN = fails("IndexUnavailable", cause="Qdrant does not answer")


@pytest.fixture(scope="session")
def machine(resources: Callable[[str], dict[str, Any]]) -> Json:
    """As synthesised for dev."""
    (found,) = (
        one["Properties"]
        for one in resources("dev").values()
        if one["Type"] == "AWS::StepFunctions::StateMachine"
    )
    return resolved(found)


@pytest.fixture(autouse=True)
def _told_of(request: pytest.FixtureRequest) -> None:
    """What did not run here, under pytest-xdist or by choice, walked nothing here."""
    RAN.add(request.node.originalname)


@pytest.fixture
def learning(
    machine: Json, world: World, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LearningWorld]:
    """Three pictures that the shipped encoder serves."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        made = LearningWorld(world, machine)
        world.drop(red=jpeg("red"), green=jpeg("green"), blue=jpeg("blue"))
        yield made
    wiring.index().open(world.model, SHIPPED_DIMENSION)  # other tests begin with it
    for run in made.runs:
        WALKED.update(run.steps)


def told(learning: LearningWorld) -> str:
    """The one notification there must be."""
    (one,) = learning.news
    return f"{one['Subject']}\n{one['Message']}"


def assert_nothing_changed(learning: LearningWorld) -> None:
    serving = learning.serving
    assert (serving.live, serving.next) == (learning.world.model, None)
    assert learning.lease_is_free


def assert_serves(learning: LearningWorld, model: str, previous: str) -> None:
    """And finds every picture."""
    serving = learning.serving
    assert (serving.live, serving.next, serving.previous) == (model, None, previous)
    assert wiring.index().count(model) == len([*wiring.image_store().keys()])
    assert learning.lease_is_free


def test_a_challenger_that_is_accepted_serves_all_pictures(learning: LearningWorld) -> None:
    learning.run(RETRAIN)

    assert_serves(learning, CHALLENGER, previous=learning.world.model)
    assert f"{CHALLENGER} serves" in told(learning)
    assert len(learning.written) == 1  # what became of each batch is written down, not carried


def test_jobs_are_told_where_everything_lies(learning: LearningWorld) -> None:
    learning.run(RETRAIN)

    dataset, train, gate = learning.jobs
    (clicks,) = dataset["ProcessingOutputConfig"]["Outputs"]
    channels = {
        one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"]
        for one in train["InputDataConfig"]
    }
    assert f"{clicks['S3Output']['S3Uri']}/" == channels["clicks"]
    assert channels["live"] == f"s3://the-models-bucket/{learning.world.model}/"
    assert train["HyperParameters"]["model"] == CHALLENGER
    assert gate["AppSpecification"]["ContainerArguments"][:4] == [
        "--challenger",
        CHALLENGER,
        "--live",
        learning.world.model,
    ]


def test_no_two_runs_share_the_name_of_a_job(learning: LearningWorld) -> None:
    learning.verdict = {"accepted": False, "reason": "It is no better."}
    learning.run(RETRAIN)
    learning.run(RETRAIN, name="run-2", started_at="2026-11-29T03:00:00.123Z")

    names = [job.get("ProcessingJobName") or job.get("TrainingJobName") for job in learning.jobs]
    assert len({*names}) == len(names) == 6


def test_the_model_before_last_is_dropped(learning: LearningWorld) -> None:
    learning.run(RETRAIN)
    learning.run(RETRAIN, name="run-2", started_at="2026-11-29T03:00:00.123Z")

    assert_serves(learning, "clicks-20261129-030000", previous=CHALLENGER)
    assert learning.world.model not in wiring.index().models()


def test_a_refused_challenger_is_an_ordinary_end(learning: LearningWorld) -> None:
    learning.verdict = {"accepted": False, "reason": "Recall fell by 0.04."}

    learning.run(RETRAIN)

    assert_nothing_changed(learning)
    assert learning.count("nominate") == 0
    assert "refused" in told(learning)
    assert "Recall fell by 0.04." in told(learning)


@pytest.mark.parametrize(
    "broken",
    ["start", "training.clicks", "training.train", "register", "training.gate", "judge"],
)
def test_what_fails_before_a_nomination_changes_nothing(
    learning: LearningWorld, broken: str
) -> None:
    learning.trouble[broken] = fails("States.TaskFailed", cause="out of disk")

    with pytest.raises(StateError, match="out of disk"):
        learning.run(RETRAIN)

    serving = learning.serving
    assert (serving.live, serving.next) == (learning.world.model, None)
    assert learning.count("abandon") == learning.count("nominate") == 0
    assert "out of disk" in told(learning)
    if broken != "start":
        assert learning.lease_is_free


@pytest.mark.parametrize("broken", ["nominate", "fill", "verify", "switch"])
def test_what_fails_after_a_nomination_names_nobody_next(
    learning: LearningWorld, broken: str
) -> None:
    learning.trouble[broken] = DOWN

    with pytest.raises(StateError, match=r"Qdrant does not answer|the last one"):
        learning.run(RETRAIN)

    assert_nothing_changed(learning)
    assert learning.count("abandon") == 1
    assert f"{learning.world.model} serves" in told(learning)


def test_an_outage_that_passes_is_waited_out(learning: LearningWorld) -> None:
    for step in ("start", "register", "judge", "nominate", "fill", "verify", "switch", "retire"):
        learning.trouble[step] = fails("IndexUnavailable", times=8)

    learning.run(RETRAIN)

    assert_serves(learning, CHALLENGER, previous=learning.world.model)
    assert sum(learning.runs[0].waited) > 8 * 15 * 60  # each step for a quarter of an hour


def test_a_step_that_can_never_succeed_is_asked_once(learning: LearningWorld) -> None:
    learning.verdict = {"accepted": "perhaps", "reason": ""}

    with pytest.raises(StateError, match="verdict"):
        learning.run(RETRAIN)

    assert learning.count("judge") == 1
    assert_nothing_changed(learning)


def test_a_backfill_that_failed_half_way_is_done_again(learning: LearningWorld) -> None:
    learning.trouble["fill"] = fails("IndexUnavailable", times=9)  # once more than is retried

    learning.run(RETRAIN)

    assert learning.listings == 2
    assert_serves(learning, CHALLENGER, previous=learning.world.model)
    assert len(learning.news) == 1


def test_one_batch_in_many_may_fail_where_verify_then_finds_nothing_missing(
    learning: LearningWorld,
) -> None:
    for number in range(2_400):
        learning.world.write(f"notes/{number:04}.txt", b"no picture")
    learning.trouble["fill"] = only_batch_with("notes/1000.txt", "StoreUnavailable")

    learning.run(RETRAIN)

    assert learning.listings == 1
    assert_serves_pictures(learning, 3)


def only_batch_with(key: str, error: str) -> Callable[[Json], None]:
    def trouble(payload: Json) -> None:
        if {"Key": key} in payload["Items"]:
            raise StateError(error)

    return trouble


def assert_serves_pictures(learning: LearningWorld, pictures: int) -> None:
    assert learning.serving.live == CHALLENGER
    assert wiring.index().count(CHALLENGER) == pictures


def test_a_picture_that_ends_the_process_takes_no_other_with_it(learning: LearningWorld) -> None:
    learning.world.write("bomb.jpg", b"ends the process")  # so the live collection lacks it too
    learning.trouble["fill"] = only_batch_with("bomb.jpg", "Runtime.ExitError")

    learning.run(RETRAIN)

    assert_serves_pictures(learning, 3)


def test_what_came_in_during_the_backfill_is_filled_in_another_pass(
    learning: LearningWorld,
) -> None:
    learning.unlisted = lambda listing: {"blue.jpg"} if listing == 1 else set()

    learning.run(RETRAIN)

    assert learning.listings == learning.count("verify") == 2
    assert_serves(learning, CHALLENGER, previous=learning.world.model)


def test_a_collection_that_stays_behind_never_serves(learning: LearningWorld) -> None:
    learning.unlisted = lambda listing: {"blue.jpg"}

    with pytest.raises(StateError, match=r"not fit to serve after 3 passes.*behind"):
        learning.run(RETRAIN)

    assert learning.listings == 3
    assert_nothing_changed(learning)
    assert len(learning.news) == 1


def test_vectors_of_another_encoder_never_serve(learning: LearningWorld) -> None:
    def swap_vectors(payload: Json) -> None:
        index, model = wiring.index(), payload["model"]
        first, second, *_ = index.scan(model)
        index.put(model, first, index.vector(model, second.image_id))

    learning.trouble["verify"] = swap_vectors

    with pytest.raises(StateError, match="do not find themselves"):
        learning.run(RETRAIN)

    assert learning.count("verify") == 1  # filling again would not help
    assert_nothing_changed(learning)


def a_late_picture(learning: LearningWorld, model: str) -> Callable[[Json], None]:
    """It reaches the live collection alone: the other's event was lost on the way."""

    def arrives(payload: Json) -> None:
        if not learning.world.pictures.joinpath("late.jpg").exists():
            learning.world.drop(late=jpeg("purple"))
            index = wiring.index()
            late = next(one for one in index.scan(model) if one.key == "late.jpg")
            index.delete(model, late.image_id)

    return arrives


def test_a_picture_that_comes_in_before_the_switch_is_filled_first(
    learning: LearningWorld,
) -> None:
    learning.trouble["switch"] = a_late_picture(learning, CHALLENGER)

    learning.run(RETRAIN)

    assert learning.count("switch") == 2
    assert_serves(learning, CHALLENGER, previous=learning.world.model)


def test_an_empty_bucket_which_cannot_be_listed_is_no_obstacle(learning: LearningWorld) -> None:
    for key in [key for key, _ in wiring.image_store().keys()]:
        learning.world.pictures.joinpath(key).unlink()
        wiring.ingest().sync(key)
    learning.trouble["list"] = fails("States.ItemReaderFailed")

    learning.run(RETRAIN)

    assert_serves(learning, CHALLENGER, previous=learning.world.model)


def test_what_cannot_be_tidied_does_not_undo_the_switch(learning: LearningWorld) -> None:
    learning.trouble["retire"] = DOWN

    with pytest.raises(StateError, match="Qdrant does not answer"):
        learning.run(RETRAIN)

    assert_serves(learning, CHALLENGER, previous=learning.world.model)
    assert f"{CHALLENGER} serves" in told(learning)


def test_a_model_that_is_there_is_promoted_without_training(learning: LearningWorld) -> None:
    model = learning.add_model("by-hand-1")

    learning.run({"entry": "promote", "model": model})

    assert learning.jobs == []
    assert_serves(learning, model, previous=learning.world.model)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"entry": "promote", "model": "nobody-1"}, "has no model nobody-1"),
        ({"entry": "promote"}, "has no model"),
        ({"entry": "trial", "model": "nobody-1", "share": 0.5}, "has no model nobody-1"),
        ({"entry": "stop"}, "No model is on trial"),
        ({"entry": "retrain", "share": 1.5}, "1.5 is not a number between 0 and 1"),
        ({"entry": "rollback", "share": 0.5}, "share: is not for rollback"),
        ({"entry": "dance"}, "not one of retrain, promote, trial, stop, rollback"),
        ({}, "entry: is missing"),
        ("retrain", "States.IntrinsicFailure"),
    ],
)
def test_a_wrong_order_is_told_and_leaves_no_lease(
    learning: LearningWorld, given: Json, said: str
) -> None:
    with pytest.raises(StateError, match=said):
        learning.run(given)

    assert learning.serving.live == learning.world.model
    assert learning.count("start") <= 1
    assert len(learning.news) == 1
    learning.run(RETRAIN, name="run-2")


def test_a_rollback_brings_back_the_previous_model(learning: LearningWorld) -> None:
    learning.run(RETRAIN)
    learning.news.clear()

    learning.run({"entry": "rollback"}, name="run-2")

    assert_serves(learning, learning.world.model, previous=CHALLENGER)
    assert f"{learning.world.model} serves again" in told(learning)


def test_a_rollback_without_a_way_back_says_so(learning: LearningWorld) -> None:
    with pytest.raises(StateError, match="no previous model"):
        learning.run({"entry": "rollback"})

    assert_nothing_changed(learning)
    assert len(learning.news) == 1


def test_a_rollback_whose_answer_was_lost_does_not_go_forth_again(
    learning: LearningWorld,
) -> None:
    learning.run(RETRAIN)
    answered, first = learning.handler, []

    def lose_the_first(payload: Json, context: Any) -> Json:
        answer = answered(payload, context)
        if payload["step"] == "rollback" and not first:
            first.append(answer)
            raise ConnectionError("the answer was lost")
        return answer

    learning.handler = lose_the_first

    learning.run({"entry": "rollback"}, name="run-2")

    assert learning.count("rollback") == 2
    assert_serves(learning, learning.world.model, previous=CHALLENGER)


def test_a_rollback_waits_for_no_run(learning: LearningWorld) -> None:
    """It stops the one that is under way, wherever that is."""
    learning.run(RETRAIN)

    def roll_back(payload: Json) -> None:
        del learning.trouble["verify"]
        learning.run({"entry": "rollback"}, name="run-3")

    learning.trouble["verify"] = roll_back
    with pytest.raises(StateError):
        learning.run(RETRAIN, name="run-2", started_at="2026-11-29T03:00:00.123Z")

    assert_serves(learning, learning.world.model, previous=CHALLENGER)
    assert [one["Subject"] for one in learning.news[1:]] == [
        "Lookalike dev: rolled back",
        "Lookalike dev: learning failed",
    ]


def on_trial(learning: LearningWorld, share: float = 0.5) -> str:
    model = learning.add_model("by-hand-1")
    learning.run({"entry": "trial", "model": model, "share": share}, name="trial-1")
    learning.news.clear()
    return model


def assert_tried(learning: LearningWorld, model: str, share: float) -> None:
    """Beside the live model, on all pictures; and no run holds the lease."""
    serving = learning.serving
    assert (serving.live, serving.challenger) == (learning.world.model, model)
    assert serving.trial is not None
    assert serving.trial.share == share
    assert wiring.index().count(model) == len([*wiring.image_store().keys()])
    assert learning.lease_is_free


def test_a_trial_is_filled_and_verified_before_it_answers(learning: LearningWorld) -> None:
    model = learning.add_model("by-hand-1")
    seen: list[str | None] = []
    learning.trouble["admit"] = lambda payload: seen.append(learning.serving.challenger)

    learning.run({"entry": "trial", "model": model, "share": 0.25})

    assert seen == [None]
    assert learning.jobs == []
    assert_tried(learning, model, share=0.25)
    assert f"{model} answers 0.25 of the sessions" in told(learning)


def test_a_retraining_may_end_in_a_trial(learning: LearningWorld) -> None:
    learning.run({**RETRAIN, "share": 0.5})

    assert_tried(learning, CHALLENGER, share=0.5)


def test_a_model_on_trial_is_promoted(learning: LearningWorld) -> None:
    model = on_trial(learning)

    learning.run({"entry": "promote", "model": model}, name="run-2")

    assert_serves(learning, model, previous=learning.world.model)
    assert learning.serving.trial is None


@pytest.mark.parametrize("given", [RETRAIN, {"entry": "promote", "model": "by-hand-2"}])
def test_no_run_ends_a_trial_of_another_model(learning: LearningWorld, given: Json) -> None:
    model = on_trial(learning)
    learning.add_model("by-hand-2")

    with pytest.raises(StateError, match="by-hand-1 is on trial; promote it or stop its trial"):
        learning.run(given, name="run-2")

    assert_tried(learning, model, share=0.5)
    assert "by-hand-1 is on trial" in told(learning)


def test_a_trial_is_stopped_and_its_collection_dropped(learning: LearningWorld) -> None:
    model = on_trial(learning)

    learning.run({"entry": "stop"}, name="run-2")

    assert_nothing_changed(learning)
    assert learning.serving.trial is None
    assert model not in wiring.index().models()
    assert f"{learning.world.model} answers everybody. {model} was let go." in told(learning)


def test_a_trial_that_cannot_be_stopped_goes_on_and_one_is_told(learning: LearningWorld) -> None:
    model = on_trial(learning)
    learning.trouble["abandon"] = DOWN

    with pytest.raises(StateError, match="Qdrant does not answer"):
        learning.run({"entry": "stop"}, name="run-2")

    assert_tried(learning, model, share=0.5)
    assert "learning failed" in told(learning)


def test_stopping_a_trial_waits_for_no_run(learning: LearningWorld) -> None:
    """It stops the one that is still being filled for it."""
    model = learning.add_model("by-hand-1")

    def stop(payload: Json) -> None:
        del learning.trouble["verify"]
        learning.run({"entry": "stop"}, name="run-2")

    learning.trouble["verify"] = stop
    with pytest.raises(StateError):
        learning.run({"entry": "trial", "model": model, "share": 0.5})

    assert_nothing_changed(learning)
    assert [one["Subject"] for one in learning.news] == [
        "Lookalike dev: a trial has ended",
        "Lookalike dev: learning failed",
    ]


def test_a_trial_that_cannot_be_admitted_names_nobody_next(learning: LearningWorld) -> None:
    model = learning.add_model("by-hand-1")
    learning.trouble["admit"] = DOWN

    with pytest.raises(StateError, match="Qdrant does not answer"):
        learning.run({"entry": "trial", "model": model, "share": 0.5})

    assert_nothing_changed(learning)
    assert learning.serving.trial is None


def test_a_picture_that_comes_in_before_the_trial_is_filled_first(
    learning: LearningWorld,
) -> None:
    model = learning.add_model("by-hand-1")
    learning.trouble["admit"] = a_late_picture(learning, model)

    learning.run({"entry": "trial", "model": model, "share": 0.5})

    assert learning.count("admit") == 2
    assert_tried(learning, model, share=0.5)


def test_an_admission_whose_answer_was_lost_is_one_admission(learning: LearningWorld) -> None:
    model = learning.add_model("by-hand-1")
    answered, since = learning.handler, []

    def lose_the_first(payload: Json, context: Any) -> Json:
        answer = answered(payload, context)
        if payload["step"] == "admit":
            since.append(answer["trial"]["since"])
            if len(since) == 1:
                raise ConnectionError("the answer was lost")
        return answer

    learning.handler = lose_the_first

    learning.run({"entry": "trial", "model": model, "share": 0.5})

    assert since[0] == since[1]
    assert_tried(learning, model, share=0.5)


def test_a_rollback_ends_a_trial(learning: LearningWorld) -> None:
    learning.run(RETRAIN)
    learning.add_model("by-hand-1")
    learning.run({"entry": "trial", "model": "by-hand-1", "share": 0.5}, name="run-2")

    learning.run({"entry": "rollback"}, name="run-3")

    assert_serves(learning, learning.world.model, previous=CHALLENGER)
    assert learning.serving.trial is None


def test_a_second_run_is_turned_away_and_the_first_goes_on(learning: LearningWorld) -> None:
    def another_begins(job: Json) -> None:
        with pytest.raises(StateError, match="RunInProgress"):
            learning.run(RETRAIN, name="run-2")
        assert not learning.lease_is_free  # it is not the second's to give back

    learning.trouble["training.train"] = another_begins

    learning.run(RETRAIN)

    assert_serves(learning, CHALLENGER, previous=learning.world.model)
    assert [one["Subject"] for one in learning.news] == [
        "Lookalike dev: learning failed",
        "Lookalike dev: another model serves",
    ]


@pytest.mark.parametrize("also_broken", ["abandon", "finish", "publish"])
def test_the_first_error_is_the_one_that_is_told(learning: LearningWorld, also_broken: str) -> None:
    learning.trouble["fill"] = DOWN
    learning.trouble[also_broken] = fails("StoreUnavailable", cause="S3 does not answer")

    with pytest.raises(StateError) as caught:
        learning.run(RETRAIN)

    assert caught.value.name == "States.ExceedToleratedFailureThreshold"
    assert "S3 does not answer" not in caught.value.cause
    assert learning.serving.live == learning.world.model
    if also_broken != "publish":
        assert "Qdrant does not answer" in told(learning)
    if also_broken == "abandon":
        assert "is still named as next" in told(learning)


def test_a_model_that_was_left_as_next_is_let_go_by_the_next_run(
    learning: LearningWorld,
) -> None:
    learning.trouble = {"fill": DOWN, "abandon": DOWN}
    with pytest.raises(StateError):
        learning.run(RETRAIN)
    assert learning.serving.next == CHALLENGER
    learning.trouble.clear()

    learning.run(RETRAIN, name="run-2", started_at="2026-11-29T03:00:00.123Z")

    assert_serves(learning, "clicks-20261129-030000", previous=learning.world.model)


def test_every_way_through_the_machine_was_walked(machine: Json) -> None:
    module = sys.modules[__name__]
    tests = {name for name, _ in inspect.getmembers(module) if name.startswith("test_")}
    if tests - RAN:
        pytest.skip("only some tests of this module were asked for, or of this process")

    assert edges(machine) - WALKED == set()
    assert WALKED - edges(machine) == set()
