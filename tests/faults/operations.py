"""What callers ask for, what the answer promised them, and whether that holds."""

import base64
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote_plus
from uuid import NAMESPACE_URL, UUID, uuid5

from PIL import Image

from lookalike.api import PROBLEM
from lookalike.catalogue import image_id_of, sidecar_of
from lookalike.errors import DependencyError
from lookalike.ingest import thumbnail_of
from lookalike.tokens import Shown, SignedAnswer, sign
from tests.conftest import event, jpeg
from tests.faults.pace import API_SECONDS, EMBED_SECONDS, RECONCILE_SECONDS
from tests.faults.place import MODEL, Place
from tests.infra.aws_here import SIGNING_KEYS

KNOWN = "known.jpg"  # a picture that was indexed in good times
DRIFT = 11  # keys that reconcile has to tell of: more than SQS takes at once
SIDE = 96


@dataclass(frozen=True, slots=True)
class Said:
    """done: what was asked for is promised. words: for the table. wrong: what may not be said."""

    done: bool
    words: str
    wrong: str = ""


class Operation(Protocol):
    """One request, whose `tag` no other one has. seconds: what infra gives the function."""

    name: str
    function: str
    seconds: float

    def prepare(self, place: Place, tag: str) -> None:
        """In good times, and without the function."""

    def ask(self, place: Place, seconds: float) -> Said: ...

    def lost(self, place: Place) -> list[str]:
        """What was promised and is not there; asked for after an answer that said `done`."""


class Index:
    """A picture was put."""

    name = "embed: a new picture"
    function = "embed"
    seconds = EMBED_SECONDS

    def prepare(self, place: Place, tag: str) -> None:
        self.key = f"{tag}.jpg"
        self.data = _picture(tag)
        place.put(self.key, self.data)

    def ask(self, place: Place, seconds: float) -> Said:
        return _embed(place, self.key, "ObjectCreated:Put", seconds)

    def lost(self, place: Place) -> list[str]:
        point = place.points().get(self.key)
        if point is None:
            return [f"no point of {self.key}"]
        thumbnail = place.on.objects("derived").get(thumbnail_of(image_id_of(self.key)))
        held = {
            "bytes": point["sha256"] == hashlib.sha256(self.data).hexdigest(),
            "thumbnail": thumbnail is not None and _is_picture(thumbnail),
        }
        return [f"{self.key} has other {name}" for name, right in held.items() if not right]


class Remove(Index):
    """A picture that was indexed is deleted."""

    name = "embed: a deleted picture"

    def prepare(self, place: Place, tag: str) -> None:
        super().prepare(place, tag)
        place.fresh(self.function)
        assert super().ask(place, EMBED_SECONDS).done
        place.delete(self.key)

    def ask(self, place: Place, seconds: float) -> Said:
        return _embed(place, self.key, "ObjectRemoved:Delete", seconds)

    def lost(self, place: Place) -> list[str]:
        left = [self.key] if self.key in place.points() else []
        thumbnail = thumbnail_of(image_id_of(self.key))
        return left + [one for one in place.on.objects("derived") if one == thumbnail]


class Similar:
    """Look-alikes by id."""

    name = "search by id"
    function = "search"
    seconds = API_SECONDS

    def prepare(self, place: Place, tag: str) -> None:
        pass

    def ask(self, place: Place, seconds: float) -> Said:
        path = f"/v1/images/{image_id_of(KNOWN)}/similar"
        asked = {"path": path, **_query(min_score="-1")}
        return _api(place, self.function, event("similar_images") | asked, 200, seconds)

    def lost(self, place: Place) -> list[str]:
        return []


class Upload(Similar):
    """Look-alikes of bytes."""

    name = "search by upload"

    def ask(self, place: Place, seconds: float) -> Said:
        body = base64.b64encode(jpeg("orange")).decode()
        asked = {"body": body, "isBase64Encoded": True, **_query(min_score="-1")}
        return _api(place, self.function, event("search_with_bytes") | asked, 200, seconds)


class Part(Similar):
    """Look-alikes of a part of a picture in the store."""

    name = "search by crop"

    def ask(self, place: Place, seconds: float) -> Said:
        crop = {"x": 0.0, "y": 0.0, "w": 0.5, "h": 0.5}
        body = json.dumps({"image_id": image_id_of(KNOWN), "crop": crop, "min_score": -1})
        return _api(place, self.function, event("search_with_json") | {"body": body}, 200, seconds)


class Describe(Similar):
    name = "catalogue GET"
    function = "catalogue"

    def ask(self, place: Place, seconds: float) -> Said:
        asked = {"path": f"/v1/images/{image_id_of(KNOWN)}"}
        return _api(place, self.function, event("get_image") | asked, 200, seconds)


class Edit(Similar):
    """A tag is written to the sidecar."""

    name = "catalogue PATCH"
    function = "catalogue"

    def prepare(self, place: Place, tag: str) -> None:
        self.tag = tag

    def ask(self, place: Place, seconds: float) -> Said:
        body = json.dumps({"tags": [self.tag]})
        asked = {"path": f"/v1/images/{image_id_of(KNOWN)}", "body": body}
        return _api(place, self.function, event("edit_image") | asked, 200, seconds)

    def lost(self, place: Place) -> list[str]:
        written = json.loads(place.on.objects("images").get(sidecar_of(KNOWN), b"{}"))
        return [] if written.get("tags") == [self.tag] else [f"the tag {self.tag}"]


class Tell(Similar):
    """Three interactions with an answer."""

    name = "interactions POST"
    function = "interactions"

    def prepare(self, place: Place, tag: str) -> None:
        shown = (Shown(image_id_of(KNOWN), 1),)
        now = datetime.now(UTC)
        query = str(uuid5(NAMESPACE_URL, tag))
        answer = SignedAnswer(query, None, MODEL, "baseline-1", now, timedelta(days=1), shown)
        token = sign(answer, "first", SIGNING_KEYS["first"].encode())
        told = {"query_id": token, "image_id": image_id_of(KNOWN), "position": 1}
        self.events: list[dict[str, Any]] = [
            {**told, "event_id": _event_id(f"{tag} {kind}"), "type": kind, **more}
            for kind, more in {"impression": {}, "click": {}, "dwell": {"dwell_ms": 1}}.items()
        ]
        self.session = uuid5(NAMESPACE_URL, tag).hex

    def ask(self, place: Place, seconds: float) -> Said:
        now = datetime.now(UTC).isoformat()
        events = [{**one, "occurred_at": now} for one in self.events]
        body = json.dumps({"session_id": self.session, "events": events})
        asked = event("interactions") | {"body": body}
        return _api(place, self.function, asked, 202, seconds, self._is_taken)

    def _is_taken(self, said: Mapping[str, Any]) -> bool:
        return bool(said["accepted"] + said["duplicate"] == len(self.events))

    def lost(self, place: Place) -> list[str]:
        """Firehose may hold a row twice; its readers count an event_id once."""
        rows = Counter(row["event_id"] for row in place.rows())
        return [one["type"] for one in self.events if not rows[one["event_id"]]]


class Reconcile:
    """Pictures that no event told of."""

    name = "reconcile"
    function = "reconcile"
    seconds = RECONCILE_SECONDS

    def prepare(self, place: Place, tag: str) -> None:
        self.keys = [f"{tag} {number:02}.jpg" for number in range(DRIFT)]
        for key in self.keys:
            place.put(key, b"a picture")
        place.told()
        self.told: set[str] = set()

    def ask(self, place: Place, seconds: float) -> Said:
        try:
            answer = place.call(self.function, event("reconcile"), self.seconds)
        except DependencyError as error:
            return Said(False, type(error).__name__)
        except Exception as error:
            return Said(False, type(error).__name__, wrong=repr(error))
        return Said(True, "done", wrong="" if not answer["left"] else f"{answer['left']} left")

    def lost(self, place: Place) -> list[str]:
        for body in place.told():
            key = json.loads(body)["Records"][0]["s3"]["object"]["key"]
            self.told.add(key)
        missing = [key for key in self.keys if quote_plus(key, safe="/") not in self.told]
        for key in self.keys:
            place.delete(key)
        return missing


def _embed(place: Place, key: str, change: str, seconds: float) -> Said:
    message = event("image_created")
    body = json.loads(message["Records"][0]["body"])
    body["Records"][0]["eventName"] = change
    body["Records"][0]["s3"]["object"]["key"] = quote_plus(key, safe="/")
    message["Records"][0]["body"] = json.dumps(body)
    try:
        answer = place.call("embed", message, seconds)
    except Exception as error:
        return Said(False, type(error).__name__, wrong=repr(error))
    failed = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
    if failed not in ([], [message["Records"][0]["messageId"]]):
        return Said(False, "other failures", wrong=str(failed))
    return Said(not failed, "kept in the queue" if failed else "done")


def _api(
    place: Place,
    function: str,
    asked: Mapping[str, Any],
    status: int,
    seconds: float,
    is_whole: Callable[[Mapping[str, Any]], bool] = bool,
) -> Said:
    try:
        answer = place.call(function, asked, seconds)
    except Exception as error:
        return Said(False, type(error).__name__, wrong=repr(error))
    if answer["statusCode"] == status:
        whole = is_whole(json.loads(answer["body"]))
        return Said(True, str(status), wrong="" if whole else answer["body"])
    return Said(False, str(answer["statusCode"]), wrong=_no_refusal(answer))


def _no_refusal(answer: Mapping[str, Any]) -> str:
    """Why this is not a 503 that says what it is and when to come back; "" if it is one."""
    headers = {name.lower(): values for name, values in answer["multiValueHeaders"].items()}
    problem = json.loads(answer["body"])
    right = (
        answer["statusCode"] == problem.get("status") == 503
        and headers.get("content-type") == [PROBLEM]
        and int(headers["retry-after"][0]) > 0
        and problem["type"].startswith("urn:lookalike:errors:")
    )
    return "" if right else f"{answer['statusCode']} {headers} {answer['body']}"


def _query(**parameters: str) -> dict[str, Any]:
    many = {name: [value] for name, value in parameters.items()}
    return {"queryStringParameters": parameters, "multiValueQueryStringParameters": many}


def _event_id(tag: str) -> str:
    """As a page makes it, but always the same for one tag."""
    return str(UUID(bytes=hashlib.sha256(tag.encode()).digest()[:16], version=4))


def _picture(tag: str) -> bytes:
    """Another picture for each tag."""
    colour = "#" + hashlib.sha256(tag.encode()).hexdigest()[:6]
    return jpeg(colour, (SIDE, SIDE))


def _is_picture(data: bytes) -> bool:
    return Image.open(io.BytesIO(data)).format == "WEBP"
