"""A real `lookalike up` over a small folder, with what an attacker would look for beside it."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lookalike.catalogue import image_id_of
from tests.journeys.conftest import Laptop, Page, drawing, until
from tests.local.conftest import Answer

PICTURES = 12
SECRET = b"what nobody may read"
PATIENCE_SECONDS = 30


class Target:
    """The server at its port, asked without a library that would tidy up paths or headers."""

    def __init__(self, laptop: Laptop, page: Page) -> None:
        self.laptop = laptop
        self.page = page
        self.url = page.url
        self.port = int(page.url.rsplit(":", 1)[1].rstrip("/"))
        self.host = f"127.0.0.1:{self.port}"
        self.image_ids = [image_id_of(f"{number:04}.jpg") for number in range(PICTURES)]

    def ask(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        """body: bytes, or anything that JSON can say."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        known = {"Host": self.host, "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        connection.request(method, target, data, known | named)
        answer = connection.getresponse()
        found = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return found

    def say(self, said: bytes) -> bytes:
        """Whatever comes back until the server hangs up, which is to be soon.

        It is listened to while talking: a server that hangs up early takes its words along.
        """
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS) as client:
            talking = threading.Thread(target=_say_all, args=(client, said))
            talking.start()
            heard = []
            with suppress(ConnectionResetError):  # it hung up in the middle of too much
                while some := client.recv(65_536):
                    heard.append(some)
            talking.join()
            return b"".join(heard)

    def line(self, said: str) -> bytes:
        """The status line of the answer to a request head; {host} is the server's own."""
        head = said.format(host=self.host).encode("latin-1")
        return self.say(head + b"\r\nConnection: close\r\n\r\n").split(b"\r\n")[0]

    def is_well(self) -> bool:
        return self.ask("GET", "/v1/health").status == 200

    def until_status(self, image_id: str, status: str) -> dict[str, Any]:
        return self._until(image_id, "status", status)

    def until_tags(self, image_id: str, tags: list[str]) -> dict[str, Any]:
        return self._until(image_id, "tags", tags)

    def _until(self, image_id: str, name: str, value: Any) -> dict[str, Any]:
        """The image, once it is so: the index follows a change."""

        def found() -> dict[str, Any] | None:
            answer = self.ask("GET", f"/v1/images/{image_id}")
            body: dict[str, Any] = answer.json()
            return body if answer.status == 200 and body.get(name) == value else None

        described: dict[str, Any] = until(found)
        return described


def _say_all(client: socket.socket, said: bytes) -> None:
    with suppress(ConnectionResetError, BrokenPipeError):
        client.sendall(said)


@contextmanager
def under_attack(folder: Path, environment: dict[str, str]) -> Iterator[Target]:
    """Running until the block ends. folder: an empty one."""
    laptop = Laptop(folder, environment)
    laptop.pictures.mkdir()
    laptop.draw(PICTURES)
    (laptop.pictures / "broken.jpg").write_bytes(drawing(1)[:200])
    lay_traps(laptop)
    with laptop.up() as page:
        target = Target(laptop, page)
        until(lambda: page.progress()["indexed"] == PICTURES)
        until(lambda: page.progress()["pending"] == 0)
        yield target


def lay_traps(laptop: Laptop) -> None:
    """Files that no request may bring to light, and links that lead to them."""
    (laptop.folder / "secret.txt").write_bytes(SECRET)
    elsewhere = laptop.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "private.jpg").write_bytes(drawing(99))
    (laptop.pictures / "note.jpg").symlink_to(laptop.folder / "secret.txt")
    (laptop.pictures / "away").symlink_to(elsewhere)
    (laptop.pictures / ".hidden.jpg").write_bytes(drawing(98))
    (laptop.pictures / "letter.txt").write_bytes(SECRET)


def a_moment() -> None:
    """For what must not happen to have had its chance."""
    time.sleep(0.3)
