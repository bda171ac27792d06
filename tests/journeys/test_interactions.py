"""What a person does with answers on a laptop, from the first glance to the morning after."""

import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from lookalike.catalogue import image_id_of
from tests.journeys.conftest import Laptop, Page, until


def asked(page: Page) -> dict[str, Any]:
    path = f"v1/images/{image_id_of('0000.jpg')}/similar?min_score=-1&limit=5"
    answer: dict[str, Any] = until(lambda: page.ask(path)[1])
    return answer


def happened(answer: dict[str, Any], kind: str, place: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()),
        "type": kind,
        "image_id": answer["results"][place]["image_id"],
        "position": place + 1,
        "occurred_at": datetime.now(UTC).isoformat(),
        **more,
    }


def send(page: Page, answer: dict[str, Any], *events: dict[str, Any]) -> Any:
    sent = {"session_id": "session-1", "query_id": answer["query_id"], "events": events}
    return page.ask("v1/interactions", "POST", sent)


def rows(data: Path) -> list[dict[str, Any]]:
    files = (data / "interactions").rglob("*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_clicks_on_an_answer_count_also_after_the_process_was_killed(laptop: Laptop) -> None:
    laptop.draw(6)
    laptop.index()
    with laptop.up() as page:
        answer = asked(page)
        seen = [happened(answer, "impression", place) for place in range(5)]
        assert send(page, answer, *seen) == (202, {"accepted": 5, "duplicate": 0, "rejected": []})
        os.kill(page.process.pid, signal.SIGKILL)
        page.process.wait()

    with laptop.up() as page:
        clicked = happened(answer, "click", 2)
        token = answer["query_id"]
        forged = {"query_id": token[:50] + ("B" if token[50] == "A" else "A") + token[51:]}

        assert send(page, answer, clicked)[1]["accepted"] == 1
        assert send(page, answer, clicked)[1]["duplicate"] == 1
        assert send(page, forged, happened(answer, "click", 1))[1]["rejected"] == [
            {"index": 0, "reason": "forged_query"}
        ]

    kept = rows(laptop.data)
    assert [row["type"] for row in kept] == ["impression"] * 5 + ["click"]
    assert len({row["query_id"] for row in kept}) == 1
    assert kept[-1]["position"] == 3
    assert oct((laptop.data / "signing.json").stat().st_mode & 0o777) == "0o600"
