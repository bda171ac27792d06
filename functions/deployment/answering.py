"""How a custom resource answers CloudFormation: one PUT to the address that the request brings."""

import json
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import Any, TypeVar

ATTEMPTS = 3
TIMEOUT_SECONDS = 4
PAUSE_SECONDS = 0.5
MAX_REASON = 1_000  # characters; CloudFormation takes 4,096 bytes for the whole answer

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """What the work returns. Raises TimeoutError when it takes longer: it may go on for a while."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="deployment")
    try:
        return pool.submit(work).result(timeout=seconds)
    except TooLate as error:
        raise TimeoutError(
            "It took too long; look at whether the vector database can be reached from here."
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def answer(
    event: dict[str, Any],
    *,
    succeeded: bool,
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Send the outcome, and return it. Raises OSError when the address keeps refusing it.

    The physical id never changes: another one would mean a replacement, and a Delete of the first.
    """
    body = {
        "Status": "SUCCESS" if succeeded else "FAILED",
        "Reason": reason[:MAX_REASON] or "Done.",
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": data or {},
    }
    _put(event["ResponseURL"], json.dumps(body).encode())
    return body


def _put(url: str, body: bytes) -> None:
    # The address is signed for no content type at all, and urllib would otherwise send one.
    request = urllib.request.Request(url, body, {"Content-Type": ""}, method="PUT")  # noqa: S310
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
                return
        except OSError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(PAUSE_SECONDS)
