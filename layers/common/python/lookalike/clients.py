"""Clients of AWS, and what must not grow old in a process that a snapshot may be taken of."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from lookalike.secret_store import Secret

SECRET = "secret://"  # noqa: S105 — a scheme
# One service that hangs must be told of before the caller gives up: three attempts take 12 s at the
# most, and two services that hang at once 24 of the 29 that API Gateway waits.
CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0  # between two pieces of a reply
SLOW_SECONDS = {"rekognition": 10.0}  # it looks at a picture before it answers
ATTEMPTS = 3  # botocore's `max_attempts` would be the repeats alone; it waits 0.1 s at most

T = TypeVar("T")

_aging: list[Callable[[], object]] = []


def ages(let_go: Callable[[], object]) -> None:
    """let_go: forgets what was learnt or opened, so that its next use learns or opens it anew."""
    _aging.append(let_go)


def renew() -> None:
    """This process continues from a snapshot, maybe weeks old, as may others beside it.

    Nothing it learnt before may be used unseen, no connection of then is still open, and chance
    must differ from theirs. What costs time to build, such as a loaded encoder, is kept.
    """
    random.seed()
    for let_go in _aging:
        let_go()


def forget() -> None:
    """Close every client, and build it anew when it is next asked for."""
    for let_go in _aging:
        let_go()
    _aging.clear()
    aws.cache_clear()


@cache
def aws(service: str) -> Any:
    """A client of one of AWS's services, by boto3's name for it."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SLOW_SECONDS.get(service, READ_SECONDS),
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    if service == "s3":
        from lookalike.bucket import LINK_CONFIG

        config = config.merge(LINK_CONFIG)
    made = boto3.client(service, config=config)  # type: ignore[call-overload]
    ages(made.close)  # its connections; it opens others when it is used again
    return made


def secret(location: str, shape: str, parse: Callable[[Any], T]) -> Secret[T]:
    """The secret that secret://NAME names. See Secret for shape and parse."""
    from lookalike.secret_store import Secret

    made = Secret(aws("secretsmanager"), location.removeprefix(SECRET), shape, parse)
    ages(made.expire)
    return made
