"""A person at a laptop: a folder of pictures, the real command line, the real server."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

PATIENCE_SECONDS = 60


def drawing(number: int, side: int = 64) -> bytes:
    """A JPEG unlike any with another number."""
    colour = (number * 53 % 256, number * 97 % 256, number * 151 % 256)
    picture = Image.new("RGB", (side, side), colour)
    draw = ImageDraw.Draw(picture)
    inner = tuple(255 - part for part in colour)
    box = (number % 7 * 4, number % 5 * 6, side - 8 - number % 11, side - 4 - number % 13)
    (draw.ellipse if number % 2 else draw.rectangle)(box, fill=inner)
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()


def until(true: Callable[[], Any], patience: float = PATIENCE_SECONDS) -> Any:
    """What it says, once it says yes."""
    deadline = time.monotonic() + patience
    while not (found := true()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return found


def hear_sigint() -> None:
    """A shell makes what it starts in the background deaf to Ctrl-C, and so may be these tests."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Site:
    """A running server, as the page or curl sees it."""

    url: str

    def ask(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def progress(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("local/progress")[1]
        return found

    def keys(self) -> set[str]:
        return {image["key"] for image in self.ask("v1/images?limit=100")[1]["images"]}


@dataclass
class Page(Site):
    """The server of a process of its own."""

    process: subprocess.Popen[str]


@dataclass
class Laptop:
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def pictures(self) -> Path:
        return self.folder / "pictures"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def draw(self, count: int, first: int = 0) -> None:
        for number in range(first, first + count):
            (self.pictures / f"{number:04}.jpg").write_bytes(drawing(number))

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "local.cli", *map(str, arguments)]

    def run(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            **options,
        )

    def index(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("index", self.pictures, "--data", self.data, *arguments)

    def status(self) -> dict[str, Any]:
        done = self.run("status", "--json", "--data", self.data)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """In the background; what it says of its work is in `err`."""
        with (self.folder / "err").open("a") as err:
            return subprocess.Popen(
                self.command(*arguments),
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
                preexec_fn=hear_sigint,
            )

    @contextmanager
    def up(self, *arguments: str) -> Iterator[Page]:
        process = self.start(
            "up", self.pictures, "--data", self.data, "--no-browser", "--port", "0", *arguments
        )
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            assert said.startswith("Lookalike is at http://127.0.0.1:"), self.errors()
            page = Page(said.split()[-1], process)
            yield page
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_SECONDS)

    def errors(self) -> str:
        return (self.folder / "err").read_text()

    def outcomes(self) -> list[dict[str, Any]]:
        """What the embed function logged of each change it worked on."""
        log = self.data / "lookalike.log"
        lines = log.read_text().splitlines() if log.exists() else []
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [entry for entry in entries if "outcome" in entry]

    def indexed(self) -> int:
        """How often a picture was encoded so far."""
        return sum(entry["outcome"] == "indexed" for entry in self.outcomes())


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    (tmp_path / "pictures").mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return Laptop(tmp_path, {**kept, "XDG_DATA_HOME": str(tmp_path / "xdg")})
