"""This laptop: a folder of pictures, and `lookalike up` as anybody starts it."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.journeys.conftest import Laptop as Installed

from .asking import Reply, fetch
from .place import Entry

OTHERS = 5  # pictures that are there already, and nobody of ours


class Laptop:
    name = "this laptop"
    patience = 60.0
    pause = 0.05
    settling = 0.0
    private = True
    key = ""

    def __init__(self, installed: Installed, page: str) -> None:
        self.installed = installed
        self.page = page.rstrip("/")

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = "",
        entry: Entry = "reader",
    ) -> Reply:
        """Everybody on this machine is let in, so entry says nothing here."""
        headers = {"Content-Type": kind} if kind else {}
        return fetch(self.page + path, method, body, headers)

    def put(self, key: str, data: bytes) -> None:
        path = self.installed.pictures / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def delete(self, key: str) -> None:
        (self.installed.pictures / key).unlink()

    def has(self, key: str) -> bool:
        return any((folder / key).exists() for folder in self._folders)

    def purge(self, prefix: str) -> None:
        for folder in self._folders:
            path = folder / prefix
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def logged(self, event_id: str) -> dict[str, Any] | None:
        for file in (self.installed.data / "interactions").glob("dt=*/*.jsonl"):
            for row in map(json.loads, file.read_text().splitlines()):
                if row["event_id"] == event_id:
                    return dict(row)
        return None

    def serving(self) -> dict[str, str | None]:
        file = self.installed.data / "models/serving.json"
        found: dict[str, str | None] = json.loads(file.read_text())
        return found

    def add_model(self, folder: Path) -> None:
        self._run("models", "add", folder)

    def begin(self, entry: Literal["promote", "rollback"], model: str = "") -> Callable[[], bool]:
        if entry == "rollback":
            self._run("rollback")
            return lambda: True
        process = self.installed.start("promote", model, "--data", self.installed.data)

        def is_over() -> bool:
            if process.poll() is None:
                return False
            process.communicate()
            if process.returncode:
                pytest.fail(f"lookalike promote {model}: {self.installed.errors()}")
            return True

        return is_over

    def restore(self, serving: dict[str, str | None], model: str) -> None:
        """The folder is a temporary one: nothing of it is kept."""

    @property
    def _folders(self) -> tuple[Path, Path]:
        """Of pictures, and of what the API writes, which is never among the pictures."""
        return self.installed.pictures, self.installed.data / "written"

    def _run(self, *arguments: str | Path) -> None:
        done = self.installed.run(*arguments, "--data", self.installed.data)
        if done.returncode:
            pytest.fail(f"lookalike {' '.join(map(str, arguments))}: {done.stderr}")


@contextmanager
def laptop(folder: Path) -> Iterator[Laptop]:
    (folder / "pictures").mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    installed = Installed(folder, {**kept, "XDG_DATA_HOME": str(folder / "xdg")})
    installed.draw(OTHERS)
    with installed.up() as page:
        yield Laptop(installed, page.url)
