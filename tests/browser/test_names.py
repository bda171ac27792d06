"""Hundreds of naughty names in a real browser: each is text, and nothing else."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from lookalike.catalogue import image_id_of
from tests.browser.canary import Canary
from tests.browser.named import COPIES, NAMES, Named, blocks
from tests.browser.naughty import as_key, of_each_family, texts
from tests.browser.payloads import RUNS

from .conftest import Page, lookalike_up, until_indexed

pytestmark = pytest.mark.browser

SEED = 6
FRAME = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"

TILES = """
return [...document.querySelectorAll('.grid .tile')].map((tile) => {
  const link = tile.querySelector('.tile-link');
  const shown = tile.querySelector('bdi');
  return {
    id: link.dataset.image, href: link.getAttribute('href'), said: link.ariaLabel,
    alt: link.querySelector('img').alt, caption: shown.textContent,
    children: shown.childElementCount, box: shown.getBoundingClientRect().height,
    hints: [...tile.querySelectorAll('[data-act]')].map((each) => each.ariaLabel),
  };
});
"""
REJECTS = """
return [...document.querySelectorAll('.rejected li')].map((row) => {
  const name = row.querySelector('strong');
  return [row.querySelector('.rejected-name span')?.textContent ?? '', name.textContent,
          name.childElementCount, name.getBoundingClientRect().height > 0];
});
"""


def name_of(key: str) -> str:
    return key.rpartition("/")[2]


@pytest.fixture(scope="module")
def named(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Named, str]]:
    """Asks for the browser first: no use without it."""
    made = Named(tmp_path_factory.mktemp("named") / "pictures")
    made.fill(texts(NAMES, SEED))
    with lookalike_up(made.folder, made.folder.parent / "data") as url:
        until_indexed(url)
        yield made, url


@pytest.fixture
def canary(browser: webdriver.Chrome) -> Iterator[Canary]:
    made = Canary(browser)
    yield made
    browser.get("about:blank")
    made.end()


@pytest.fixture
def page(browser: webdriver.Chrome, named: tuple[Named, str], canary: Canary) -> Iterator[Page]:
    """A fresh visit that ends with a silent canary and an empty console."""
    made = Page(browser, named[1])
    made.complaints()
    yield made
    canary.assert_silent()
    assert made.complaints() == []


@pytest.fixture
def names(named: tuple[Named, str]) -> Named:
    return named[0]


def tiles(page: Page) -> dict[str, dict[str, Any]]:
    """Every tile of the grid, by image id: those far from the screen come with scrolling."""
    found: dict[str, dict[str, Any]] = {}
    while True:
        page.browser.execute_async_script(FRAME)
        found |= {each["id"]: each for each in page.run(TILES)}
        before = page.run("return scrollY")
        page.run("scrollBy(0, 1.5 * innerHeight)")
        if page.run("return scrollY") == before:
            return found


def assert_are_text(found: dict[str, dict[str, Any]], names: Named) -> None:
    for image_id, tile in found.items():
        name = name_of(names.pictures[image_id])
        assert tile["alt"] == tile["caption"] == name
        assert tile["said"].startswith(name)
        assert all(name in hint for hint in tile["hints"])
        assert (tile["children"], tile["href"]) == (0, f"./?image={image_id}")
        assert tile["box"] > 0


def test_every_name_in_the_catalogue_is_the_text_that_it_is(page: Page, names: Named) -> None:
    page.open()
    page.until(lambda: page.all(".tile"))

    def all_there() -> dict[str, dict[str, Any]] | None:
        page.run("scrollTo(0, 0)")
        found = tiles(page)
        return found if found.keys() >= names.visible() else None

    found = page.until(all_there, "a tile of every picture")

    assert found.keys() == names.visible()
    assert_are_text(found, names)


def test_every_name_of_a_rejected_file_is_too(page: Page, names: Named) -> None:
    page.open("/?status=rejected")

    rows = page.until(
        lambda: rows if len(rows := page.run(REJECTS)) == len(names.rejected) else None
    )

    assert {f"{folder}/{name}".removeprefix("/") for folder, name, *_ in rows} == names.rejected
    assert all((children, seen) == (0, True) for *_, children, seen in rows)


@pytest.mark.parametrize("policy", ["with its policy", "without"])
def test_nothing_runs_where_look_alikes_are_shown(
    page: Page, names: Named, canary: Canary, policy: str
) -> None:
    """Without its Content-Security-Policy the page holds by itself."""
    canary.without_policy(policy == "without")
    families = list(of_each_family(SEED))[policy == "without" :: 2]
    for number, (_, text) in enumerate(families):
        key = as_key(text)
        image_id = image_id_of(key)
        if image_id not in names.visible():
            continue
        page.open(f"/?image={image_id}" + (f"&why={image_id}" if number % 4 == 0 else ""))
        page.answer()
        page.until(partial(is_anchor, page, key), ascii(key))
        assert_are_text({each["id"]: each for each in page.run(TILES)}, names)
        assert facts_of(page)["tags"] == names.tags.get(image_id, [])
        if image_id in names.campaigns:
            assert names.campaigns[image_id] in facts_of(page)["facts"]
        canary.assert_silent()


def facts_of(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.run(
        """const text = (selector) => document.querySelector(selector)?.textContent ?? '';
        const image = document.querySelector('.anchor-image');
        return {
          name: text('.anchor-name'), folder: text('.anchor-folder'), facts: text('.anchor-facts'),
          alt: image?.alt, title: document.title,
          tags: [...document.querySelectorAll('.anchor-tags .chip-text')].map((e) => e.textContent),
        };"""
    )
    return found


def is_anchor(page: Page, key: str) -> bool:
    """Whether its name is the heading, the picture's text and the title, its folder beneath."""
    found, name = facts_of(page), name_of(key)
    shown = (found["name"], found["alt"], found["folder"])
    titled = squeezed(found["title"]) == squeezed(f"{name} · Lookalike")
    return titled and shown == (name, name, key.rpartition("/")[0])


def is_named(page: Page, name: str) -> bool:
    found = facts_of(page)
    return bool(found["name"] == found["alt"] == name)


def squeezed(text: str) -> str:
    """As a window's title has it: a space where spaces and control characters were."""
    return " ".join(filter(None, text.translate(dict.fromkeys([*range(32), 0x7F], " ")).split(" ")))


def test_a_journey_through_naughty_names_is_remembered_as_text(page: Page, names: Named) -> None:
    ids = sorted(names.visible())
    page.open(f"/?image={ids[0]}")
    walked = [name_of(names.pictures[ids[0]])]
    for _ in range(4):
        page.answer()
        page.run(
            "[...document.querySelectorAll('.grid .tile-link')].find(each => "
            '!document.querySelector(`.trail [alt="${CSS.escape(each.firstChild.alt)}"]`) && '
            "each.dataset.image !== new URLSearchParams(location.search).get('image')).click()"
        )
        page.until(
            lambda: (
                page.run("return document.querySelectorAll('.trail-stop').length") == len(walked)
            )
        )
        assert page.run(STOPS) == [[name, name] for name in walked]
        page.answer()
        walked.append(facts_of(page)["name"])
    steered = page.run(TILES)[3]
    page.run("document.querySelectorAll('.grid .tile')[3].querySelector('[data-act=plus]').click()")
    page.until(lambda: page.all(".steering .chip"))
    page.browser.refresh()

    page.until(lambda: page.run(CHIPS) == [steered["alt"]], "the name on the chip")
    assert page.run(STOPS) == [[name, name] for name in walked[:-1]]


STOPS = "return [...document.querySelectorAll('.trail-stop')].map(s => [s.title, s.firstChild.alt])"
CHIPS = "return [...document.querySelectorAll('.steering bdi')].map(each => each.textContent)"


def test_copies_and_what_was_left_out_are_named_as_text(page: Page, names: Named) -> None:
    copies = [image_id_of(as_key(texts(NAMES, SEED)[place])) for place in COPIES]
    anchor = next(each for each in copies if each in names.visible())

    page.open(f"/?image={anchor}&why={anchor}")

    page.until(lambda: page.all(".why-removed li, .copies img"), "copies")
    page.until(
        lambda: page.all(".anchor-copies:not([hidden]) img"), "the copies beside the picture"
    )
    shown = page.run(
        "return [...document.querySelectorAll('.copies a')].map(a => [a.title, a.firstChild.alt])"
    )
    keys = {names.pictures[each] for each in copies if each in names.visible()}
    assert {title for title, _ in shown} <= keys
    assert all(alt == name_of(title) for title, alt in shown)
    removed = page.run(
        "return [...document.querySelectorAll('.why-removed a')].map(a => a.textContent)"
    )
    assert set(removed) <= {name_of(key) for key in names.pictures.values()}


def test_the_address_brings_every_tag_and_start_of_a_name_back(page: Page, names: Named) -> None:
    for _, text in list(of_each_family(SEED))[::3]:
        tag = text[:60].strip()
        page.open("/?" + urlencode({"prefix": text, "tags": tag}))
        page.until(lambda: page.all(".panel, .tile"))
        page.browser.refresh()
        page.until(lambda: page.all(".panel, .tile"))

        assert page.run(PRESSED) == [tag]
        assert page.run("return filter.value") == text.replace("\n", "").replace("\r", "")


PRESSED = "return [...document.querySelectorAll('.tag[aria-pressed=true]')].map(e => e.textContent)"


def test_a_naughty_file_that_is_searched_with_is_named_as_text(
    page: Page, names: Named, tmp_path: Path
) -> None:
    for number, text in enumerate((RUNS[1], "\u202egpj.exe", "'\"><img src=x onerror=__pwned=2>")):
        key = name_of(as_key(text))
        file = tmp_path / key
        file.write_bytes(blocks(900 + number))
        page.open()
        page.find(".tools input[type=file]").send_keys(str(file))
        page.answer()
        page.until(partial(is_named, page, key))


def test_a_naughty_tag_that_is_typed_in_is_text_for_good(page: Page, names: Named) -> None:
    image_id = sorted(names.tags.keys() & names.visible())[0]
    page.open(f"/?image={image_id}")
    page.answer()
    tag = "<img src=x onerror=__pwned=60>"
    page.find(".tag-input").send_keys(tag, Keys.ENTER)
    page.until(lambda: tag in facts_of(page)["tags"])

    page.open("/?" + urlencode({"tags": tag}))

    page.until(lambda: page.run(PRESSED) == [tag] and page.all(".tile"))


def test_the_metrics_of_such_pictures_say_nothing_else(page: Page) -> None:
    page.open("/?metrics=day")

    page.until(lambda: page.all("main h1, main .panel"))


def test_no_name_reaches_a_header(names: Named, named: tuple[Named, str]) -> None:
    """A line break in a name would be a header of its own; a browser saves under no such name."""
    _, url = named
    for image_id in sorted(names.pictures)[::10]:
        for path in (f"pictures/{image_id}", f"thumbnails/{image_id}.webp"):
            with urlopen(f"{url}/{path}") as answer:
                told = {name.lower() for name in answer.headers}
                assert not told & {"content-disposition", "location", "link", "refresh"}
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["content-type"] in {"image/jpeg", "image/webp"}


@pytest.mark.parametrize("policy", ["with its policy", "without"])
def test_the_canary_sings_when_names_become_html(
    browser: webdriver.Chrome, named: tuple[Named, str], canary: Canary, policy: str
) -> None:
    """Else its silence would say nothing."""
    page = Page(browser, named[1])
    canary.without_policy(policy == "without")
    page.open("/?metrics=day")
    page.until(lambda: page.all("main h1"))
    dangerous = [each for each in RUNS if "<meta" not in each and "<base" not in each]

    page.run(
        "for (const each of arguments[0]) document.body.insertAdjacentHTML('beforeend', each)",
        dangerous,
    )

    if policy == "without":
        page.until(lambda: {"alert", *RAN} <= {*canary.sung()}, "what runs by itself")
        assert any("evil.invalid" in song for song in canary.sung())
    else:
        page.until(lambda: len(STOPPED.findall("\n".join(canary.sung()))) > 12, "what is stopped")
        assert not any(song.startswith("ran") for song in canary.sung())
    assert len(canary.strange()) > 12


RAN = {f"ran {number}" for number in (2, 6, 7, 13)}
STOPPED = re.compile(r"^\S+-src\S* ", re.M)
