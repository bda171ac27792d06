"""What people do with answers is believed as far as it can be proved, and kept."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from .place import Place
from .run import PATIENT, Run

pytestmark = PATIENT

DELIVERY_SECONDS = 900  # Firehose collects for a minute, and tries again when it must


def click(answer: dict[str, Any]) -> dict[str, Any]:
    shown = answer["results"][0]
    return {
        "event_id": str(uuid4()),
        "type": "click",
        "query_id": answer["query_id"],
        "image_id": shown["image_id"],
        "position": shown["position"],
        "occurred_at": datetime.now(UTC).isoformat(),
    }


def test_a_click_on_an_answer_is_kept_and_a_forged_one_is_not(
    run: Run, place: Place, gallery: dict[str, str]
) -> None:
    answer = run.similar(gallery["left"], tags=run.tag)
    token = answer["query_id"]
    forged = token[:50] + ("B" if token[50] == "A" else "A") + token[51:]
    true, false = click(answer), {**click(answer), "query_id": forged}
    sent = {"session_id": run.tag, "events": [true, false]}

    # A page that is about to close can send no key, so nobody is asked for one.
    told = run.post("/v1/interactions", sent, entry="nobody").good(202)

    assert told["accepted"] == 1
    assert told["rejected"] == [{"index": 1, "reason": "forged_query"}]
    row = run.until(
        "the click is in the log", lambda: place.logged(true["event_id"]), DELIVERY_SECONDS
    )
    assert row["type"] == "click"
    assert row["session_id"] == run.tag
    assert row["image_id"] == true["image_id"]
    assert row["model"] == answer["model"]
    assert place.logged(false["event_id"]) is None


def test_a_click_that_comes_twice_is_counted_once(run: Run, gallery: dict[str, str]) -> None:
    answer = run.similar(gallery["right"], tags=run.tag)
    event = click(answer)
    sent = {"session_id": run.tag, "events": [event, event]}

    told = run.post("/v1/interactions", sent).good(202)

    assert (told["accepted"], told["duplicate"]) == (1, 1)
