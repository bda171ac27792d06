"""Which model serves; and another one taking over, and going back, while people search."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from lookalike.models import SHIPPED

from .place import Place
from .run import PATIENT, Run

pytestmark = PATIENT

PROMOTION_SECONDS = 3600
MOST_PICTURES = 20_000  # each is encoded once more for another model


def test_health_names_the_model_that_serves(
    run: Run, place: Place, gallery: dict[str, str]
) -> None:
    health = run.get("/v1/health").good()

    assert health["status"] == "ok"
    assert health["model"] == place.serving()["live"]
    assert health["model"] == run.similar(gallery["left"])["model"]
    assert health["indexed"] >= len(gallery)


@pytest.fixture
def twin(run: Run, place: Place, tmp_path: Path) -> Iterator[str]:
    """The shipped encoder under another version; afterwards all is as it was."""
    before = place.serving()
    indexed = run.get("/v1/health").good()["indexed"]
    if before["previous"] or before["next"]:
        pytest.skip(
            "it would take the place of the model that can be rolled back to, or comes next"
        )
    if indexed > MOST_PICTURES:
        pytest.skip(f"it would encode {indexed:,} pictures once more")
    version = f"conformance-{run.id}"
    card = json.loads((SHIPPED / "card.json").read_text())
    (tmp_path / "model.onnx").write_bytes((SHIPPED / "model.onnx").read_bytes())
    (tmp_path / "card.json").write_text(json.dumps({**card, "model": version}))
    place.add_model(tmp_path)
    yield version
    place.restore(before, version)


def test_another_model_takes_over_and_goes_back_without_a_moment_of_no_answer(
    run: Run, place: Place, gallery: dict[str, str], twin: str
) -> None:
    def answering() -> str:
        found = run.similar(gallery["left"], tags=run.tag)
        assert found["results"]
        return str(found["model"])

    def through(entry: Literal["promote", "rollback"], wanted: str) -> set[str]:
        """The models that answered from the beginning of a change to its end."""
        over = place.begin(entry, twin if entry == "promote" else "")
        models: set[str] = set()
        done = False

        def has_happened() -> bool:
            nonlocal done
            models.add(answering())
            done = done or over()
            return done and answering() == wanted

        run.until(f"{wanted} answers", has_happened, PROMOTION_SECONDS)
        return models

    original = answering()
    began = time.monotonic()

    forth = through("promote", twin)
    minutes = (time.monotonic() - began) / 60
    time.sleep(place.settling)
    assert answering() == run.get("/v1/health").good()["model"] == twin
    back = through("rollback", original)
    time.sleep(place.settling)

    assert forth | back <= {original, twin}
    assert answering() == run.get("/v1/health").good()["model"] == original
    run.measured.append(f"{place.name}: another model took over in {minutes:.1f} minutes")
