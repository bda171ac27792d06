"""Data folders in which the real handlers run, here in this process."""

import copy
import importlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from local.data_folder import DataFolder
from local.laptop import prepare
from local.sandbox import Context
from lookalike import wiring
from lookalike.index import Index

EVENTS = Path(__file__).parents[2] / "events"

Event = dict[str, Any]
Call = Callable[[Event], dict[str, Any]]


@contextmanager
def world(data: Path, pictures: Path) -> Iterator[None]:
    """While the block runs, handlers work on this data folder, as on a laptop."""
    before = dict(os.environ)
    folder = DataFolder(data)
    folder.claim(pictures.resolve())
    os.environ.update(folder.environment())
    wiring.forget()
    try:
        with redirect_stdout(StringIO()):  # what functions print is their log
            prepare()
            yield
    finally:
        wiring.forget()
        os.environ.clear()
        os.environ.update(before)


def handler(function: str) -> Call:
    """The real handler, started afresh in the world that is open: an event in, its answer out."""
    module = importlib.reload(importlib.import_module(f"functions.{function}.handler"))

    def call(event: Event) -> dict[str, Any]:
        answer: dict[str, Any] = module.lambda_handler(event, Context(function))
        if answer.get("statusCode", 200) != 200 or answer.get("batchItemFailures"):
            raise RuntimeError(f"The {function} function answered {answer}")
        return answer

    return call


def event(name: str) -> Event:
    loaded: Event = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


def similar_event(image_id: str) -> Event:
    """As the page asks: the default limit of 24."""
    asked = copy.deepcopy(_SIMILAR)
    asked["path"] = f"/v1/images/{image_id}/similar"
    asked["pathParameters"] = {"image_id": image_id}
    return asked


def upload_event(data_base64: str) -> Event:
    asked = copy.deepcopy(_UPLOAD)
    asked["body"] = data_base64
    return asked


def without_parameters(name: str) -> Event:
    return {**event(name), "queryStringParameters": None, "multiValueQueryStringParameters": None}


def engine_of(index: Index, model: str) -> Any:
    """The engine's own shard behind our adapter, for asking it without us."""
    return index._shards.get(model)  # type: ignore[attr-defined]


_SIMILAR = without_parameters("similar_images")
_UPLOAD = {**without_parameters("search_with_bytes"), "body": ""}
