"""Request bodies, read no further than they may be long."""

from collections.abc import Mapping

from starlette.types import Message, Receive, Scope


class BodyTooLarge(Exception):
    """More bytes than the route takes."""


class ClientGone(Exception):
    """The client went away before it had said everything."""


def limited(scope: Scope, receive: Receive, limit: int) -> Receive:
    """The same stream, but it raises BodyTooLarge: at once when the client said its length."""
    left = limit
    declared = headers_of(scope).get("content-length", "0")

    async def receive_some() -> Message:
        nonlocal left
        if declared.isdigit() and int(declared) > limit:
            raise BodyTooLarge
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        left -= len(message.get("body", b""))
        if left < 0:
            raise BodyTooLarge
        return message

    return receive_some


async def read(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises BodyTooLarge and ClientGone."""
    receive_some = limited(scope, receive, limit)
    parts = []
    while True:
        message = await receive_some()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def headers_of(scope: Scope) -> Mapping[str, str]:
    """Lower-case names; the last value of a repeated header."""
    return {name.decode("latin-1").lower(): v.decode("latin-1") for name, v in scope["headers"]}
