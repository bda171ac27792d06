"""Asking the Lookalike that runs already, over its own HTTP API."""

import json
import urllib.error
import urllib.request
from typing import Any

from local.trouble import Trouble

TIMEOUT_SECONDS = 60


def get(url: str) -> Any:
    return _ask(urllib.request.Request(url))  # noqa: S310 — the address is 127.0.0.1's


def post(url: str, body: bytes, content_type: str) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": content_type})  # noqa: S310
    return _ask(request)


def refusal(problem: dict[str, Any]) -> Trouble:
    """A problem+json document as one sentence."""
    details = [f"{e['pointer']} {e['detail']}".strip() for e in problem.get("errors", [])]
    said = "; ".join(details) or problem.get("detail") or problem["title"]
    return Trouble(f"{problem['title']}: {said}" if said != problem["title"] else said)


def _ask(request: urllib.request.Request) -> Any:
    # No proxy: the environment's are for the world, and this stays on the machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise _refused(error) from error
    except (OSError, ValueError) as error:
        raise Trouble(
            f"The running Lookalike does not answer ({error}); stop it and start it again."
        ) from error


def _refused(error: urllib.error.HTTPError) -> Trouble:
    try:
        return refusal(json.loads(error.read()))
    except (ValueError, KeyError, TypeError):
        return Trouble(f"The running Lookalike answered {error.code} {error.reason}.")
