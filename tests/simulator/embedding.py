"""The real embed function, with the ingest of whichever process calls it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from greenlet import getcurrent  # type: ignore[import-untyped]

from lookalike import wiring


class Silent:
    """A log and a measure that nobody reads."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Whose:
    """The ingest of the process at work: one module serves them all here."""

    def __getattr__(self, name: str) -> Any:
        return getattr(getcurrent().sandbox.ingest, name)


def _nothing(*_: object) -> AbstractContextManager[None]:
    return nullcontext()


def embedding() -> Callable[[str], None]:
    """What embed does with the body of one message."""
    os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")
    built, wiring.ingest = wiring.ingest, Whose  # type: ignore[assignment]
    try:
        from functions.embed import handler
    finally:
        wiring.ingest = built
    embed: Any = handler
    embed.ingest = Whose()
    embed.logger = embed.metrics = Silent()
    embed.single_metric = _nothing
    return lambda body: embed.sync_changes(SQSRecord({"body": body}))
