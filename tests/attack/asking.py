"""What a client asks and tells, in few words."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.attack.target import Target
from tests.local.conftest import Answer

UNKNOWN = "00000000-0000-4000-8000-000000000000"
SESSION = "attacking-session"


def search(target: Target, **fields: Any) -> Answer:
    return target.ask("POST", "/v1/search", fields)


def similar(target: Target, number: int, **parameters: str) -> dict[str, Any]:
    asked = "&".join(f"{name}={value}" for name, value in parameters.items())
    answer = target.ask("GET", f"/v1/images/{target.image_ids[number]}/similar?{asked}")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def clicks(token: str, image_id: str, count: int = 1, first: int = 0) -> list[dict[str, Any]]:
    """Each with an id of its own, from `first` on."""
    now = datetime.now(UTC).isoformat()
    about = {"type": "click", "query_id": token, "image_id": image_id, "occurred_at": now}
    numbers = range(first, first + count)
    return [{**about, "event_id": str(UUID(int=(4 << 76) | (8 << 60) | one))} for one in numbers]


def tell(target: Target, events: list[Any], session: str = SESSION) -> Answer:
    return target.ask("POST", "/v1/interactions", {"session_id": session, "events": events})


def reasons(target: Target, events: list[Any]) -> set[str]:
    return {one["reason"] for one in tell(target, events).json()["rejected"]}
