"""A real browser in front of a real Lookalike over a folder of drawn cloths."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.request import urlopen

import pytest
from PIL import Image, ImageDraw
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 20  # seconds; a busy machine, and an encoder that has to load first
START = 60
SIZE = (240, 180)
COLOURS = {"red": "#b3312c", "blue": "#24508f", "green": "#3b7a45", "ochre": "#c99a2e"}
HOSTILE = [
    "<img src=x onerror=alert(1)>.jpg",
    'it\'s "quoted" & <b>bold.jpg',
    "thread 🧵 100% + more.jpg",
    "שלום \u202egpj.jpg",
]
SWITCHES = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
]
Found = TypeVar("Found")


def draw(motif: str, colour: str, scale: int = 20) -> Image.Image:
    """Stripes, dots or checks on cream; the scale is that of the repeat, in pixels."""
    picture = Image.new("RGB", SIZE, "#efe9dc")
    pen = ImageDraw.Draw(picture)
    for x in range(0, SIZE[0], scale):
        if motif != "dots":
            pen.rectangle((x, 0, x + scale // 2, SIZE[1]), fill=colour)
        for y in range(0, SIZE[1], scale):
            if motif == "dots":
                pen.ellipse((x, y, x + scale * 0.7, y + scale * 0.7), fill=colour)
            if motif == "checks":
                pen.rectangle((x, y, x + scale, y + scale // 4), fill=colour)
    return picture


def half_and_half() -> Image.Image:
    """Red stripes on the left, blue dots on the right."""
    picture = draw("stripes", COLOURS["red"])
    right = (SIZE[0] // 2, 0, *SIZE)
    picture.paste(draw("dots", COLOURS["blue"]).crop(right), right)
    return picture


def draw_catalogue(folder: Path) -> None:
    """36 cloths in three folders, a copy, two kinds of trouble, and names that could bite."""
    for motif in ("stripes", "dots", "checks"):
        for name, colour in COLOURS.items():
            for scale in (16, 24, 40):
                file = folder / motif / f"{name} {motif} {scale}.jpg"
                file.parent.mkdir(parents=True, exist_ok=True)
                draw(motif, colour, scale).save(file, quality=92)
    shutil.copy(folder / "dots" / "blue dots 16.jpg", folder / "dots" / "blue copy.jpg")
    half_and_half().save(folder / "half and half.jpg", quality=92)
    for i, name in enumerate(HOSTILE):
        draw("checks", f"#{40 + 50 * i:02x}5a{200 - 40 * i:02x}", 28).save(folder / name)
    (folder / "stripes" / "red stripes 16.jpg.metadata.json").write_text(
        '{"tags": ["summer", "wool"]}'
    )
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a picture")
    (folder / "empty.png").touch()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser. Without one: skipped on a person's machine, failed in CI."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    if found and driver:
        return found
    sentence = (
        "The page is tested in a real browser: install Chromium and its driver (on Debian: "
        "apt-get install chromium chromium-driver), or set CHROMIUM to the browser's path."
    )
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for switch in [*SWITCHES, f"--user-data-dir={profile}"]:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))  # found, never downloaded
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@contextmanager
def lookalike_up(pictures: Path, data: Path) -> Iterator[str]:
    """The address of a Lookalike that runs as a person would start it."""
    command = [str(Path(sys.executable).parent / "lookalike"), "up", str(pictures), "--no-browser"]
    complaints = data.parent / "stderr.txt"
    with (
        complaints.open("wb") as stderr,
        subprocess.Popen(
            [*command, "--port", "0", "--data", str(data)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, "LOOKALIKE_EXPLORATION": "0"},  # answers are compared
        ) as process,
    ):
        try:
            yield _address(process, complaints)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: "subprocess.Popen[str]", complaints: Path) -> str:
    """What the first line says; a process that ends, or says nothing in time, is told of."""
    giving_up = threading.Timer(START, process.kill)
    giving_up.start()
    assert process.stdout is not None
    line = process.stdout.readline()
    giving_up.cancel()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, f"lookalike up said {line!r}\n{complaints.read_text(errors='replace')}"
    return found[0]


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue") / "pictures"
    draw_catalogue(folder)
    return folder


@pytest.fixture(scope="session")
def address(chromium: str, catalogue: Path) -> Iterator[str]:
    """Of a Lookalike over the drawn catalogue. Asks for the browser first: no use without it."""
    with lookalike_up(catalogue, catalogue.parent / "data") as url:
        until_indexed(url)
        yield url


def until_indexed(url: str) -> None:
    """A deployment's page, unlike the laptop's, does not show what comes after it was opened."""
    giving_up = time.monotonic() + START
    progress = {"indexed": 0, "pending": 1}
    while not progress["indexed"] or progress["pending"]:
        assert time.monotonic() < giving_up, f"still indexing: {progress}"
        time.sleep(0.2)
        with urlopen(f"{url}/local/progress", timeout=START) as response:
            progress = json.load(response)


class Page:
    """The page as somebody sees it who looks and clicks."""

    def __init__(self, browser: webdriver.Chrome, address: str) -> None:
        self.browser = browser
        self.address = address
        self.expected_statuses: set[int] = set()

    def open(self, path: str = "/") -> None:
        self.browser.get(self.address + path)

    def visit(self, status: str) -> list[str]:
        """The names of the pictures with this status."""
        self.open(f"/?status={status}")
        self.until(lambda: self.all(".tile, .panel"), f"pictures that are {status}, or none")
        return self.names()

    def find(self, selector: str) -> WebElement:
        """The first one, as soon as it is there."""
        return self.until(lambda: next(iter(self.all(selector)), None), selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements("css selector", selector)

    def until(self, seen: Callable[[], Found | bool | None], what: str = "") -> Found:
        wait = WebDriverWait(
            self.browser, PATIENCE, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        result = wait.until(lambda _: seen(), what or "waited in vain")
        return cast("Found", result)

    def names(self) -> list[str]:
        """File names of the tiles, in their order."""
        script = "return [...document.querySelectorAll('.grid .tile-link img')].map(i => i.alt)"
        names: list[str] = self.run(script)
        return names

    def tile(self, name: str) -> WebElement:
        """The tile of the picture with this file name."""
        script = """return [...document.querySelectorAll('.grid .tile')]
                    .find(t => t.querySelector('img').alt === arguments[0])"""
        found: WebElement = self.until(lambda: self.run(script, name), f"a tile named {name}")
        return found

    def bring(self, name: str) -> WebElement:
        """The tile, scrolled to the middle of the screen."""
        tile = self.tile(name)
        self.run("arguments[0].scrollIntoView({block: 'center'})", tile)
        self.browser.execute_async_script(
            "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
        )
        return self.tile(name)

    def press(self, name: str, act: str) -> None:
        """One of the tile's buttons: plus, minus, why or stack."""
        tile = self.bring(name)
        ActionChains(self.browser).move_to_element(tile).perform()
        tile.find_element("css selector", f"[data-act={act}]").click()

    def look_alikes(self, name: str) -> list[str]:
        """Click the picture; the names of what is shown beside it then."""
        self.bring(name).find_element("css selector", "a").click()
        self.until(lambda: self.find("h1.anchor-name").text == name, f"{name} as the anchor")
        return self.answer()

    def answer(self) -> list[str]:
        """The names in the answer, when it has come."""
        script = """return !document.querySelector('.is-waiting')
                        && !!document.querySelector('.results-title')?.textContent"""
        self.until(lambda: self.run(script), "an answer")
        return self.names()

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def keys(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    def complaints(self) -> list[str]:
        """What the console holds besides the failures a test provoked."""
        entries: list[dict[str, str]] = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        expected = tuple(f"status of {status} " for status in self.expected_statuses)
        return [
            entry["message"]
            for entry in entries
            if not any(status in entry["message"] for status in expected)
        ]


@pytest.fixture
def page(browser: webdriver.Chrome, address: str) -> Iterator[Page]:
    """A fresh visit; afterwards nothing may have been complained about, CSP included."""
    made = Page(browser, address)
    made.complaints()  # of the visit before
    yield made
    complaints = made.complaints()
    browser.get("about:blank")
    assert complaints == []
