"""One run of the suite: its own corner of a catalogue that others use, too."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from lookalike.catalogue import image_id_of, sidecar_of

from .asking import Reply, with_query
from .place import Entry, Place

# A deployment is waited for; on a laptop nothing takes that long.
PATIENT = pytest.mark.timeout(7200)

Found = TypeVar("Found")


class Run:
    """prefix: where its pictures lie. tag: of its pictures alone, to search among them.

    Nothing is asserted of pictures outside the prefix: a catalogue may hold any.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.id = uuid4().hex[:12]
        self.prefix = f"conformance/{self.id}/"
        self.tag = f"conformance-{self.id}"
        self.granted: list[str] = []  # keys that the API chose
        self.measured: list[str] = []

    def put(self, name: str, data: bytes, **said: Any) -> str:
        """A picture below the prefix, with what its sidecar says; returns its key."""
        key = f"{self.prefix}{name}"
        if said:
            self.describe(key, **said)
        self.place.put(key, data)
        return key

    def describe(self, key: str, **said: Any) -> None:
        self.place.put(sidecar_of(key), json.dumps(said).encode())

    def get(self, path: str, entry: Entry = "reader", **query: Any) -> Reply:
        return self.place.ask("GET", with_query(path, **query), entry=entry)

    def post(self, path: str, body: Any, entry: Entry = "reader") -> Reply:
        return self.place.ask("POST", path, json.dumps(body).encode(), "application/json", entry)

    def image(self, key: str) -> Reply:
        return self.get(f"/v1/images/{image_id_of(key)}")

    def listed(self, **query: Any) -> dict[str, dict[str, Any]]:
        """What browsing shows below the prefix, by key."""
        page = self.get("/v1/images", prefix=self.prefix, limit=100, **query).good()
        return {image["key"]: image for image in page["images"]}

    def similar(self, key: str, **query: Any) -> dict[str, Any]:
        path = f"/v1/images/{image_id_of(key)}/similar"
        found: dict[str, Any] = self.get(path, min_score=-1, **query).good()
        return found

    def search(self, data: bytes, **query: Any) -> dict[str, Any]:
        path = with_query("/v1/search", min_score=-1, **query)
        found: dict[str, Any] = self.place.ask("POST", path, data, "image/jpeg").good()
        return found

    def among_ours(self, **asked: Any) -> dict[str, float]:
        """The scores of a search in this run's tagged pictures, best first, by key."""
        body = {"tags": [self.tag], "min_score": -1, "limit": 100, **asked}
        found = self.post("/v1/search", body).good()
        return {result["key"]: result["score"] for result in found["results"]}

    def finds(self, key: str, data: bytes) -> bool:
        """Whether a search by these bytes shows the picture, or one that stands for it."""
        image_id = image_id_of(key)
        return any(
            image_id in (result["image_id"], *result["duplicate_ids"])
            for result in self.search(data, limit=10)["results"]
        )

    def until(self, what: str, true: Callable[[], Found], patience: float = 0) -> Found:
        """What it says, once it says yes; fails when it does not within the place's patience."""
        patience = patience or self.place.patience
        deadline = time.monotonic() + patience
        while not (found := true()):
            if time.monotonic() > deadline:
                pytest.fail(f"After {patience:.0f} seconds this was still not so: {what}.")
            time.sleep(self.place.pause)
        return found

    def wait_for(self, *keys: str) -> None:
        self.until(f"{', '.join(keys)} can be browsed", lambda: {*keys} <= self.listed().keys())

    def clean(self) -> None:
        """Remove what was put, and wait until nobody can find it any more."""
        self.place.purge(self.prefix)
        for key in self.granted:
            self.place.purge(key)
        self.until("nothing of this run is browsed", lambda: not self._left())

    def _left(self) -> bool:
        statuses = ("visible", "unmoderated", "blocked", "rejected")
        if any(self.listed(status=status) for status in statuses):
            return True
        return any(self.image(key).status != 404 for key in self.granted)
