"""Routes that are asked by one method, and say so to whoever uses another."""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")

Room = Callable[[Request], Awaitable[Response]]


def posted(path: str, room: Room) -> Route:
    """For POST alone. Asked by another method, Starlette would look for such a file of the page."""

    async def told(request: Request) -> Response:
        if request.method != "POST":
            raise HTTPException(405, headers={"Allow": "POST"})
        return await room(request)

    return Route(path, told, methods=list(METHODS))
