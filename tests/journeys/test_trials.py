"""A model on trial at a laptop: beside the live one, until a person decides."""

import json
import signal
from pathlib import Path

from lookalike.catalogue import image_id_of
from lookalike.folder import Folder
from lookalike.models import SHIPPED, ModelStore, Serving, ServingState, Trial
from tests.journeys.conftest import Laptop, Page, until

TWIN = "twin-2"
SESSIONS = [f"session-{number}" for number in range(12)]


def add_twin(laptop: Laptop, folder: Path) -> None:
    """The shipped encoder under another version."""
    folder.mkdir()
    card = json.loads((SHIPPED / "card.json").read_text())
    (folder / "model.onnx").write_bytes((SHIPPED / "model.onnx").read_bytes())
    (folder / "card.json").write_text(json.dumps({**card, "model": TWIN}))
    store = Folder(laptop.data / "models")
    ModelStore(store, store.root).add(folder)


def answering(page: Page) -> list[str]:
    """The model that answers each session, with every other picture."""
    models = []
    for session in SESSIONS:
        similar = f"v1/images/{image_id_of('0003.jpg')}/similar?min_score=-1&session_id={session}"
        status, body = page.ask(similar)
        assert (status, len(body["results"])) == (200, 9)
        models.append(str(body["model"]))
    return models


def state(laptop: Laptop) -> ServingState:
    return Serving(Folder(laptop.data / "models")).read()[0]


def test_a_model_is_tried_and_then_promoted(laptop: Laptop, tmp_path: Path) -> None:
    laptop.draw(10)
    laptop.index()
    live = state(laptop).live
    add_twin(laptop, tmp_path / "twin")
    with laptop.up() as page:
        tried = laptop.run("trial", TWIN, "--share", "0.5")
        models = answering(page)
        health = page.ask("v1/health")[1]
        other = laptop.run("trial", live, "--share", "0.5")
        listed = laptop.run("models")
        status = laptop.run("status")
        promoted = laptop.run("promote", TWIN)
        after = answering(page)

    assert tried.returncode == 0, tried.stderr
    assert tried.stdout == f"{TWIN} answers 50% of the sessions\n"
    assert "lookalike trial --stop" in tried.stderr
    expected = ServingState(live, TWIN, trial=Trial(**health["trial"]))
    assert models == [expected.answering(session) for session in SESSIONS]
    assert set(models) == {live, TWIN}
    assert (other.returncode, "serves already" in other.stderr) == (1, True)
    assert f"trial     {TWIN}" in listed.stdout
    assert f"model {live}, {TWIN} on trial for 50% of the sessions" in status.stdout
    assert (promoted.returncode, promoted.stdout) == (0, f"{TWIN} serves\n"), promoted.stderr
    assert set(after) == {TWIN}


def test_a_trial_survives_kill_9_while_it_is_filled_and_is_stopped(
    laptop: Laptop, tmp_path: Path
) -> None:
    laptop.draw(10)
    laptop.index()
    live = state(laptop).live
    add_twin(laptop, tmp_path / "twin")
    with laptop.up() as page:
        status, _ = page.ask("local/trial", "POST", {"model": TWIN, "share": 0.5})
        page.process.send_signal(signal.SIGKILL)
        page.process.wait()
    assert status == 202
    assert state(laptop).next == TWIN

    with laptop.up() as page:
        until(lambda: state(laptop).challenger == TWIN)
        during = answering(page)
        stopped = laptop.run("trial", "--stop")
        after = answering(page)
    again = laptop.run("trial", "--stop")

    assert set(during) == {live, TWIN}
    assert (stopped.returncode, stopped.stdout) == (0, f"{live} answers everybody\n")
    assert set(after) == {live}
    assert again.returncode == 1
    assert "No model is on trial" in again.stderr


def test_a_trial_begins_and_ends_without_a_server_too(laptop: Laptop, tmp_path: Path) -> None:
    laptop.draw(10)
    laptop.index()
    live = state(laptop).live
    add_twin(laptop, tmp_path / "twin")

    tried = laptop.run("trial", TWIN, "--share", "0.25")
    answers = state(laptop).challenger
    stopped = laptop.run("trial", "--stop")

    assert (tried.returncode, tried.stdout) == (0, f"{TWIN} answers 25% of the sessions\n")
    assert answers == TWIN
    assert stopped.stdout == f"{live} answers everybody\n"
    assert state(laptop) == ServingState(live)


def test_a_trial_whose_model_file_is_gone_says_how_to_do_without(
    laptop: Laptop, tmp_path: Path
) -> None:
    laptop.draw(10)
    laptop.index()
    add_twin(laptop, tmp_path / "twin")
    laptop.run("trial", TWIN, "--share", "0.5")
    (laptop.data / "models" / TWIN / "model.onnx").write_bytes(b"poison")

    refused = laptop.index()
    stopped = laptop.run("trial", "--stop")

    assert refused.returncode == 1
    assert "differs from its card. To do without it: lookalike trial --stop" in refused.stderr
    assert stopped.returncode == 0, stopped.stderr
    assert laptop.index().stdout == "10 indexed, 0 rejected\n"
