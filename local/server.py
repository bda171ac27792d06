"""The laptop's web server: the page, the pictures, and the API in front of the real functions."""

import json
import mimetypes
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from local import bodies
from local.album import Album
from local.bridge import Bridge
from local.guard import Guard
from local.methods import posted
from local.problems import problem
from lookalike.api import RETRY_SECONDS
from lookalike.errors import DependencyError, InvalidRequest, LookalikeError
from lookalike.models import VERSION_PATTERN

WEB = Path(__file__).parents[1] / "web"
FOR_EVER = "public, max-age=31536000, immutable"
FORM_FIELDS_BYTES = 100_000  # of an upload form, on top of the file
GRACE_SECONDS = 2
# No JSON, JSON of another form, brackets a hundred thousand deep, a share of 400 digits.
UNREADABLE = (ValueError, KeyError, TypeError, RecursionError, OverflowError)
# What the page may offer; a deployment writes its own. `local`: /local/progress is there to ask.
CONFIG = {"api": "/v1", "api_key": False, "edits": True, "uploads": True, "local": True}

# Some systems map these to other types, which `nosniff` would then refuse.
for suffix, media_type in {".js": "text/javascript", ".css": "text/css"}.items():
    mimetypes.add_type(media_type, suffix)


def application(album: Album, bridge: Bridge, port: int, web: Path = WEB) -> ASGIApp:
    rooms = Rooms(album)
    routes = [
        Mount("/v1", app=bridge),  # `path` stays whole: Starlette only notes the mount
        Route("/config.json", rooms.config),
        Route("/thumbnails/{image_id:uuid}.webp", rooms.thumbnail),
        Route("/pictures/{image_id:uuid}", rooms.picture),
        posted("/uploads", rooms.upload),
        Route("/local/progress", rooms.progress),
        Route("/local/status", rooms.status),
        posted("/local/promote", rooms.promote),
        posted("/local/trial", rooms.trial),
        posted("/local/stop_trial", rooms.stop_trial),
        posted("/local/rollback", rooms.rollback),
        posted("/local/reconcile", rooms.reconcile),
        Route("/local/drift", rooms.drift),
        Mount("/", app=Page(directory=web, html=True, check_dir=False)),
    ]
    told = dict.fromkeys((HTTPException, LookalikeError, Exception), _as_problem)
    app = Starlette(routes=routes, exception_handlers=told)
    return Guard(app, port)


class Page(StaticFiles):
    """The files of `web/`. A browser asks each time whether they changed: they have no version."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


class Rooms:
    """The routes that only a laptop has."""

    def __init__(self, album: Album) -> None:
        self.album = album

    async def config(self, request: Request) -> Response:
        return JSONResponse(CONFIG, headers={"Cache-Control": "no-store"})

    async def thumbnail(self, request: Request) -> Response:
        data = await run_in_threadpool(self.album.thumbnail, _image_id(request))
        if data is None:
            raise HTTPException(404)
        caching = FOR_EVER if "v" in request.query_params else "no-cache"
        return Response(data, media_type="image/webp", headers={"Cache-Control": caching})

    async def picture(self, request: Request) -> Response:
        found = await run_in_threadpool(self.album.original, _image_id(request))
        if found is None:
            raise HTTPException(404)
        path, media_type = found
        try:
            there = await run_in_threadpool(path.stat)
        except OSError as error:  # it went a moment ago, or may not be looked at any more
            raise HTTPException(404) from error
        caching = {"Cache-Control": "no-cache"}
        return FileResponse(path, media_type=media_type, headers=caching, stat_result=there)

    async def upload(self, request: Request) -> Response:
        limit = self.album.max_upload_bytes + FORM_FIELDS_BYTES
        limited = Request(request.scope, bodies.limited(request.scope, request.receive, limit))
        try:
            fields, data = await _form(limited)
            await run_in_threadpool(self.album.accept_upload, fields, data)
        except bodies.BodyTooLarge:
            return problem(413, "Too large", f"A picture may have {limit} bytes.")
        except (bodies.ClientGone, MultiPartException, HTTPException, UnicodeError) as error:
            return problem(400, "Bad request", f"The form cannot be read: {error}")
        return Response(status_code=204)

    async def progress(self, request: Request) -> Response:
        return await self._fresh(self.album.progress)

    async def status(self, request: Request) -> Response:
        return await self._fresh(self.album.status)

    async def promote(self, request: Request) -> Response:
        """{"model": VERSION}"""
        return await self._begin(request, lambda said: self.album.promote(_model(said)))

    async def trial(self, request: Request) -> Response:
        """{"model": VERSION, "share": 0.5}"""
        return await self._begin(
            request, lambda said: self.album.trial(_model(said), float(said["share"]))
        )

    async def stop_trial(self, request: Request) -> Response:
        return await self._fresh(self.album.stop_trial)

    async def rollback(self, request: Request) -> Response:
        return await self._fresh(self.album.rollback)

    async def drift(self, request: Request) -> Response:
        return await self._fresh(self.album.drift)

    async def reconcile(self, request: Request) -> Response:
        return await self._fresh(self.album.reconcile)

    async def _begin(self, request: Request, begin: Callable[[dict[str, Any]], None]) -> Response:
        try:
            said = json.loads(await bodies.read(request.scope, request.receive, FORM_FIELDS_BYTES))
            await run_in_threadpool(begin, said)
        except (*UNREADABLE, bodies.BodyTooLarge, bodies.ClientGone) as error:
            return problem(400, "Bad request", f"The body cannot be read: {error!r}")
        return JSONResponse({"next": said["model"]}, 202)

    async def _fresh(self, read: Callable[[], dict[str, Any]]) -> Response:
        return JSONResponse(await run_in_threadpool(read), headers={"Cache-Control": "no-store"})


@contextmanager
def serving(app: ASGIApp, listening: socket.socket) -> Iterator[None]:
    """Serve in a thread while the block runs."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,  # else a caller could choose the address that its clicks come from
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="server", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(2 * GRACE_SECONDS)


def listen(port: int) -> socket.socket:
    """A socket on this machine only. Raises OSError when the port is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()  # whoever comes before the server is ready waits a moment
    except OSError:
        listening.close()
        raise
    return listening


async def _form(request: Request) -> tuple[dict[str, str], bytes]:
    """The text fields and the bytes of `file`. Raises MultiPartException."""
    async with request.form(max_files=1, max_fields=20) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        file = form.get("file")
        if file is None or isinstance(file, str):
            raise MultiPartException("it has no file")
        return fields, await file.read()


def _model(said: Any) -> str:
    """Raises InvalidRequest for what no model can be called."""
    name = said["model"]
    if not isinstance(name, str) or not VERSION_PATTERN.fullmatch(name):
        raise InvalidRequest("/model", "is no name that a model can have")
    return name


def _image_id(request: Request) -> str:
    return str(request.path_params["image_id"])


def _as_problem(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        where = f"{request.method} {request.url.path}"
        return problem(error.status_code, error.detail, f"{where}: {error.detail}", error.headers)
    if isinstance(error, LookalikeError):
        later = {"Retry-After": str(RETRY_SECONDS)} if isinstance(error, DependencyError) else None
        return problem(error.status, error.title, str(error), later)
    return problem(500, "Internal error", "The server failed; its log says why.")
