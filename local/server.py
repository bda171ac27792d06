"""The laptop's web server: the page, the pictures, and the API in front of the real functions."""

import json
import mimetypes
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

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
from local.bridge import Bridge
from local.guard import Guard
from local.problems import problem
from lookalike.errors import CallerError, LookalikeError

WEB = Path(__file__).parents[1] / "web"
FOR_EVER = "public, max-age=31536000, immutable"
FORM_FIELDS_BYTES = 100_000  # of an upload form, on top of the file
GRACE_SECONDS = 2
# What the page may offer; a deployment writes its own. `local`: /local/progress is there to ask.
CONFIG = {"api": "/v1", "api_key": False, "edits": True, "uploads": True, "local": True}

# Some systems map these to other types, which `nosniff` would then refuse.
for suffix, media_type in {".js": "text/javascript", ".css": "text/css"}.items():
    mimetypes.add_type(media_type, suffix)


class Album(Protocol):
    """What the server shows besides the API."""

    max_upload_bytes: int

    def original(self, image_id: str) -> tuple[Path, str] | None:
        """File and media type of an indexed image, or None."""

    def thumbnail(self, image_id: str) -> bytes | None:
        """WebP bytes, or None."""

    def accept_upload(self, fields: Mapping[str, str], data: bytes) -> None:
        """Raises CallerError for a form that was not granted."""

    def promote(self, model: str) -> None:
        """Begin to let another model serve. Raises LookalikeError when it cannot."""

    def trial(self, model: str, share: float) -> None:
        """Begin to let another model answer some sessions. Raises LookalikeError."""

    def stop_trial(self) -> dict[str, Any]:
        """Let the model on trial go. Raises LookalikeError when there is none."""

    def rollback(self) -> dict[str, Any]:
        """Let the previous model serve again. Raises LookalikeError when it cannot."""

    def progress(self) -> dict[str, Any]:
        """Cheap: asked every second."""

    def status(self) -> dict[str, Any]:
        """The fate of every picture; reads the whole folder and index."""


def application(album: Album, bridge: Bridge, port: int, web: Path = WEB) -> ASGIApp:
    rooms = Rooms(album)
    routes = [
        Mount("/v1", app=bridge),  # `path` stays whole: Starlette only notes the mount
        Route("/config.json", rooms.config),
        Route("/thumbnails/{image_id:uuid}.webp", rooms.thumbnail),
        Route("/pictures/{image_id:uuid}", rooms.picture),
        Route("/uploads", rooms.upload, methods=["POST"]),
        Route("/local/progress", rooms.progress),
        Route("/local/status", rooms.status),
        Route("/local/promote", rooms.promote, methods=["POST"]),
        Route("/local/trial", rooms.trial, methods=["POST"]),
        Route("/local/stop_trial", rooms.stop_trial, methods=["POST"]),
        Route("/local/rollback", rooms.rollback, methods=["POST"]),
        Mount("/", app=Page(directory=web, html=True, check_dir=False)),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _as_problem})
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
        return FileResponse(path, media_type=media_type, headers={"Cache-Control": "no-cache"})

    async def upload(self, request: Request) -> Response:
        limit = self.album.max_upload_bytes + FORM_FIELDS_BYTES
        limited = Request(request.scope, bodies.limited(request.scope, request.receive, limit))
        try:
            fields, data = await _form(limited)
            await run_in_threadpool(self.album.accept_upload, fields, data)
        except bodies.BodyTooLarge:
            return problem(413, "Too large", f"A picture may have {limit} bytes.")
        except (bodies.ClientGone, MultiPartException, HTTPException) as error:
            return problem(400, "Bad request", f"The form cannot be read: {error}")
        except CallerError as error:
            return problem(error.status, error.title, str(error))
        return Response(status_code=204)

    async def progress(self, request: Request) -> Response:
        return await self._fresh(self.album.progress)

    async def status(self, request: Request) -> Response:
        return await self._fresh(self.album.status)

    async def promote(self, request: Request) -> Response:
        """{"model": VERSION}"""
        return await self._begin(request, lambda said: self.album.promote(str(said["model"])))

    async def trial(self, request: Request) -> Response:
        """{"model": VERSION, "share": 0.5}"""
        return await self._begin(
            request, lambda said: self.album.trial(str(said["model"]), float(said["share"]))
        )

    async def stop_trial(self, request: Request) -> Response:
        return await self._change(self.album.stop_trial)

    async def rollback(self, request: Request) -> Response:
        return await self._change(self.album.rollback)

    async def _begin(self, request: Request, begin: Callable[[dict[str, Any]], None]) -> Response:
        try:
            said = json.loads(await bodies.read(request.scope, request.receive, FORM_FIELDS_BYTES))
            await run_in_threadpool(begin, said)
        except (ValueError, KeyError, TypeError, bodies.BodyTooLarge, bodies.ClientGone) as error:
            return problem(400, "Bad request", f"The body cannot be read: {error!r}")
        except LookalikeError as error:
            return problem(error.status, error.title, str(error))
        return JSONResponse({"next": said["model"]}, 202)

    async def _change(self, change: Callable[[], dict[str, Any]]) -> Response:
        try:
            return await self._fresh(change)
        except LookalikeError as error:
            return problem(error.status, error.title, str(error))

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
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
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


def _image_id(request: Request) -> str:
    return str(request.path_params["image_id"])


def _as_problem(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "Internal error"
    return problem(status, detail, f"{request.method} {request.url.path}: {detail}")
