"""`lookalike search` and `lookalike status`: questions, answered by whoever has the index open."""

import argparse
import json
import mimetypes
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from local import client
from local.console import as_json, plain, say, summary, tell
from local.data_folder import DataFolder
from local.opening import functions_of, named_or_last, taken_or_locked
from local.trouble import USAGE, Trouble

MAX_RAW_BYTES = 4_500_000  # what the API takes as it is; larger pictures are made smaller here
ENOUGH_PIXELS = 2048  # a side, of a picture that was made smaller: plenty for any encoder
QUALITY = 95


def search(asked: argparse.Namespace) -> int:
    data = named_or_last(asked.data)
    image, content_type = _read(asked.image)
    query = _query(asked)
    other = taken_or_locked(data)
    if other is not None:
        url = f"{other.url}v1/search?{urlencode(query)}"
        answer = client.post(url, image, content_type)
    else:
        answer = _search_here(data, image, content_type, query)
    _print(answer, data, asked)
    return 0


def status(asked: argparse.Namespace) -> int:
    data = named_or_last(asked.data)
    other = taken_or_locked(data)
    found = client.get(f"{other.url}local/status") if other is not None else _status_here(data)
    if asked.json:
        print(as_json(found))
        return 0
    say(f"{summary(found)}, {found['pending']} pending")
    say(f"model {found['model']}{_beside(found)}")
    for reject in found["rejected"]:
        detail = f" ({reject['detail']})" if reject.get("detail") else ""
        say(f"rejected {reject['key']}: {reject['reason']}{detail}")
    return 0


def _beside(found: dict[str, Any]) -> str:
    """What is said of the next model, if there is one."""
    if found["trial"] and found["trial"]["since"]:
        return f", {found['next']} on trial for {found['trial']['share']:.0%} of the sessions"
    return f", next {found['next']}" if found["next"] else ""


def _read(path: Path) -> tuple[bytes, str]:
    """The picture's bytes, made smaller if the API would refuse their number; and their type."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Trouble(f"{path} cannot be read ({error.strerror}).", USAGE) from error
    kind = mimetypes.guess_type(path.name)[0] or ""
    if len(data) <= MAX_RAW_BYTES:
        return data, kind if kind.startswith("image/") else "image/jpeg"
    return _smaller(path, data), "image/jpeg"


def _smaller(path: Path, data: bytes) -> bytes:
    from io import BytesIO

    from lookalike.errors import UnreadableImage
    from lookalike.images import decode

    try:
        pixels = decode(data, at_least=ENOUGH_PIXELS).pixels
    except UnreadableImage as error:
        raise Trouble(f"{path} is not a picture that can be read: {error}") from error
    pixels.thumbnail((ENOUGH_PIXELS, ENOUGH_PIXELS))
    file = BytesIO()
    pixels.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _query(asked: argparse.Namespace) -> dict[str, str]:
    crop = ",".join(map(str, asked.crop)) if asked.crop else None
    named = {"limit": asked.limit, "tags": asked.tags, "crop": crop}
    return {name: str(value) for name, value in named.items() if value is not None}


def _search_here(
    data: DataFolder, image: bytes, content_type: str, query: dict[str, str]
) -> dict[str, Any]:
    """Through the real function, as API Gateway would call it."""
    with functions_of(data):
        from local import laptop
        from lookalike import wiring

        laptop.prepare()
        try:
            return call("POST", "/v1/search", query, image, content_type)
        finally:
            wiring.index().close()


def call(
    method: str, path: str, query: dict[str, str], body: bytes = b"", content_type: str = ""
) -> dict[str, Any]:
    """What the function behind a route answers. Needs `functions_of` and a prepared laptop."""
    from local import laptop
    from local.bridge import to_event
    from local.sandbox import Context

    headers = [(b"host", b"localhost"), (b"content-type", content_type.encode())]
    scope = {
        "path": path,
        "method": method,
        "query_string": urlencode(query).encode(),
        "headers": headers if content_type else headers[:1],
    }
    event, function = to_event(scope, body)
    answer = laptop.function(function)(event, Context(function))
    said: dict[str, Any] = json.loads(answer["body"])
    if answer["statusCode"] != 200:
        raise client.refusal(said)
    return said


def _status_here(data: DataFolder) -> dict[str, Any]:
    with functions_of(data):
        from local import fates, laptop
        from local.queue import Queue
        from lookalike import wiring

        laptop.prepare()
        queue = Queue(data.queue)
        found = fates.fates(queue)
        queue.close()
        wiring.index().close()
    return found


def _print(answer: dict[str, Any], data: DataFolder, asked: argparse.Namespace) -> None:
    if asked.json:
        print(as_json(answer))
        return
    from lookalike.folder import Folder

    store = Folder(data.pictures, data.path / "written")
    for result in answer["results"]:
        path = store.path_of(result["key"])
        if asked.paths:
            print(plain(str(path)) if sys.stdout.isatty() else path)  # a pipe needs the very bytes
        else:
            say(f"{result['score']:.3f}  {path}")
    if not answer["results"]:
        tell("Nothing looks like it.")
    sys.stdout.flush()
