"""The page in a real browser, in front of the real server."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from .conftest import COLOURS, HOSTILE, Page, draw, lookalike_up

pytestmark = pytest.mark.browser

CLOTHS = 36 + 2 + len(HOSTILE)  # drawn, the copy and the half, the hostile names


def state(page: Page) -> dict[str, Any]:
    """Everything that Back has to bring back."""
    return {
        "address": page.browser.current_url,
        "names": page.names(),
        "scroll": page.run("return Math.round(scrollY)"),
    }


def parameters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.browser.current_url).query)


def test_the_page_shows_every_picture_of_the_catalogue(page: Page) -> None:
    page.open()

    page.until(lambda: f"{CLOTHS} pictures" in page.find(".count").text)

    page.until(
        lambda: page.run("return document.querySelector('.tile')?.ariaSetSize") == str(CLOTHS)
    )
    assert "red stripes 16.jpg" in page.names()


def test_the_page_fills_while_pictures_are_indexed(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with lookalike_up(pictures, tmp_path / "data") as address:
        page = Page(browser, address)
        page.open()
        page.until(lambda: "No pictures yet" in page.find(".panel").text)

        for scale in range(12, 52, 2):
            draw("dots", COLOURS["green"], scale).save(pictures / f"green {scale}.jpg")

        page.until(lambda: "20 pictures" in page.find(".count").text)
        page.until(lambda: len(page.names()) == 20)
        assert page.complaints() == []
        browser.get("about:blank")


def test_back_returns_to_the_exact_place_after_clicking_through_twice(page: Page) -> None:
    page.open()
    page.bring("red stripes 40.jpg")
    catalogue = state(page)
    second = page.look_alikes("red stripes 40.jpg")[-3]
    page.bring(second)
    first = state(page)
    page.look_alikes(second)

    page.browser.back()
    page.until(lambda: page.browser.current_url == first["address"])
    page.answer()
    page.until(lambda: state(page) == first, "the first answer as it was")
    page.browser.back()

    page.until(lambda: state(page) == catalogue, "the catalogue as it was")


def test_the_address_alone_brings_the_same_answer_again(page: Page) -> None:
    page.open()
    page.look_alikes("half and half.jpg")
    before = page.look_alikes("blue dots 24.jpg")
    page.press(before[2], "plus")
    page.until(lambda: "plus" in parameters(page))
    steered = page.answer()

    page.browser.refresh()

    assert page.answer() == steered
    # A steered answer does not describe its anchor: that is asked for beside it.
    page.until(lambda: page.find("h1.anchor-name").text == "blue dots 24.jpg", "the anchor's name")
    page.until(lambda: before[2] in page.find(".steering").text)


def test_a_picked_file_finds_its_picture(page: Page, catalogue: Path) -> None:
    page.open()

    page.find(".tools input[type=file]").send_keys(
        str(catalogue / "checks" / "green checks 24.jpg")
    )
    page.until(lambda: "upload" in parameters(page))

    assert page.answer()[0] == "green checks 24.jpg"
    page.browser.refresh()
    assert page.answer()[0] == "green checks 24.jpg"


def test_a_file_that_is_no_picture_is_refused_in_a_sentence(page: Page, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("not a picture")
    page.expected_statuses = {415, 422}
    page.open()

    page.find(".tools input[type=file]").send_keys(str(note))

    page.until(lambda: "not a JPEG" in page.find(".notice").text)
    assert parameters(page) == {}


def test_a_picture_from_an_earlier_visit_is_missed_kindly(page: Page) -> None:
    page.open("/?upload=long-gone")

    page.until(lambda: "This picture is gone" in page.find(".panel").text)


def test_a_crop_box_changes_the_answer(page: Page) -> None:
    page.open()
    whole = page.look_alikes("half and half.jpg")
    surface = page.find(".crop-surface")
    width, height = surface.size["width"], surface.size["height"]

    drag = ActionChains(page.browser).move_to_element_with_offset(
        surface, round(width * 0.06), round(-height * 0.45)
    )
    drag.click_and_hold().move_by_offset(
        round(width * 0.4), round(height * 0.9)
    ).release().perform()
    page.until(lambda: "crop" in parameters(page))
    right = page.answer()

    assert right != whole
    assert "dots" in right[0]  # what the right half shows; the whole is half stripes
    page.browser.back()
    page.until(lambda: page.names() == whole)


def test_the_crop_box_obeys_the_keyboard(page: Page) -> None:
    page.open()
    whole = page.look_alikes("half and half.jpg")

    page.find(".crop-button").click()
    page.until(lambda: parameters(page).get("crop") == ["0.2,0.2,0.6,0.6"])
    page.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    page.until(lambda: parameters(page).get("crop") == ["0.24,0.2,0.6,0.6"])
    ActionChains(page.browser).key_down(Keys.SHIFT).send_keys(Keys.ARROW_LEFT).key_up(
        Keys.SHIFT
    ).perform()
    page.until(lambda: parameters(page).get("crop") == ["0.24,0.2,0.58,0.6"])
    page.keys(Keys.ESCAPE)

    page.until(lambda: "crop" not in parameters(page))
    page.until(lambda: page.names() == whole)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_and_nothing_else(page: Page, name: str) -> None:
    page.open()

    page.look_alikes(name)

    assert page.find("h1.anchor-name").text == name
    assert page.find("h1.anchor-name").get_attribute("childElementCount") == "0"
    assert page.all("img[src='x'], main b") == []
    assert page.find(".anchor-image").get_attribute("alt") == name


def test_broken_files_are_listed_with_their_reasons(page: Page) -> None:
    page.open()
    page.until(lambda: "2" in page.find(".statuses .badge").text)

    page.find(".statuses a[href*=rejected]").click()

    rows = page.until(lambda: {row.text for row in page.all(".rejected li")})
    assert any("broken.jpg" in row and "damaged" in row for row in rows)
    assert any("empty.png" in row and "The file is empty." in row for row in rows)


def test_plus_and_minus_steer_and_can_be_taken_back(page: Page) -> None:
    page.open()
    plain = page.look_alikes("red stripes 24.jpg")
    blue = next(name for name in reversed(plain) if name.startswith("blue"))

    page.press(blue, "plus")
    page.until(lambda: "plus" in parameters(page))
    steered = page.answer()
    page.press(steered[0], "minus")
    page.until(lambda: "minus" in parameters(page))
    page.answer()
    chips = page.find(".steering").text
    for _ in range(2):
        page.find(".steering .chip-close").click()
    page.until(lambda: "minus" not in parameters(page))

    assert steered != plain
    assert blue not in steered
    assert blue in chips
    assert steered[0] in chips
    page.until(lambda: page.names() == plain)


def test_duplicates_are_a_stack_that_spreads(page: Page) -> None:
    page.open()
    answer = page.look_alikes("blue dots 24.jpg")
    stacked = page.find(".is-stack img").get_attribute("alt") or ""

    page.press(stacked, "stack")

    page.until(lambda: {"blue dots 16.jpg", "blue copy.jpg"} <= set(page.names()))
    page.press(stacked, "stack")
    page.until(lambda: page.names() == answer)


def test_a_tag_filters_and_can_be_given_and_taken(page: Page) -> None:
    page.open("/?tags=wool")
    page.until(lambda: page.names() == ["red stripes 16.jpg"])
    page.look_alikes("red stripes 16.jpg")

    page.find(".tag-input").send_keys("late summer", Keys.ENTER)
    page.until(lambda: "late summer" in page.find(".anchor-tags").text)
    page.open("/?tags=late+summer")
    page.until(lambda: page.names() == ["red stripes 16.jpg"])
    page.look_alikes("red stripes 16.jpg")
    page.find("[aria-label='Remove the tag late summer']").click()

    page.until(lambda: "late summer" not in page.find(".anchor-tags").text)


def test_a_blocked_picture_is_not_shown_among_look_alikes(page: Page) -> None:
    page.open()
    page.look_alikes("ochre dots 40.jpg")
    address = page.browser.current_url

    page.find("[title='Never show it among look-alikes']").click()
    page.until(lambda: "Blocked" in page.find(".anchor-state").text)
    page.until(lambda: "ochre dots 40.jpg" in page.visit("blocked"))
    page.until(lambda: "ochre dots 40.jpg" not in page.visit("visible"))
    page.browser.get(address)
    page.find("[title='Show it among look-alikes again']").click()

    page.until(lambda: not page.find(".anchor-state").is_displayed())


def test_the_page_says_why_a_result_has_its_rank(page: Page) -> None:
    page.open()
    second = page.look_alikes("green checks 24.jpg")[1]

    page.press(second, "why")

    page.until(lambda: page.all(".why-steps li"))
    assert second in page.find(".drawer").text
    assert "Place 2" in page.find(".drawer").text
    page.keys(Keys.ESCAPE)
    page.until(lambda: not page.find(".drawer").is_displayed())
    assert "why" not in parameters(page)


def test_the_keyboard_is_enough(page: Page) -> None:
    page.open()
    page.tile("red stripes 16.jpg")
    names = page.names()

    page.keys(Keys.ARROW_RIGHT)
    page.keys(Keys.ARROW_RIGHT)
    focused = page.run("return document.activeElement.querySelector('img').alt")
    page.keys(Keys.ENTER)
    page.until(lambda: page.find("h1.anchor-name").text == focused)
    page.answer()
    page.keys(Keys.ESCAPE)
    page.until(lambda: "image" not in parameters(page))
    page.keys("/")
    page.keys("stripes/")

    assert focused == names[1]
    page.until(lambda: parameters(page).get("prefix") == ["stripes/"])
    page.until(lambda: page.names() and len(page.names()) == 12)
    page.keys(Keys.ESCAPE, "?")
    page.until(lambda: "Keyboard" in page.find("dialog[open]").text)


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_search_can_be_copied_as_a_command_for_any_shell(page: Page, tmp_path: Path) -> None:
    file = tmp_path / 'it\'s $(touch bitten) `touch bitten` "red" %s.jpg'
    draw("stripes", COLOURS["red"], 22).save(file)
    page.open()
    page.find(".tools input[type=file]").send_keys(str(file))
    page.until(lambda: "upload" in parameters(page))
    plain = page.answer()

    assert the_copied_command_finds(page, tmp_path)[: len(plain)] == plain
    page.press(plain[1], "plus")
    page.until(lambda: "plus" in parameters(page))
    steered = page.answer()

    assert the_copied_command_finds(page, tmp_path)[: len(steered)] == steered
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def the_copied_command_finds(page: Page, folder: Path) -> list[str]:
    """Names found by what "Copy as curl" copies, run in the folder of the uploaded file."""
    page.browser.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"origin": page.address, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    page.run("document.querySelector('.notices').replaceChildren()")
    page.find("[title='This search, for a shell']").click()
    page.until(lambda: "Copied" in page.find(".notice").text)
    command = page.browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, check=True)
    return [result["key"].rsplit("/", 1)[-1] for result in json.loads(done.stdout)["results"]]


def test_no_picture_of_an_answer_makes_the_page_jump(page: Page) -> None:
    page.open()
    page.tile("red stripes 16.jpg")

    shifts = page.browser.execute_async_script(
        """const done = arguments[0];
        let sum = 0;
        new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value; })
          .observe({type: 'layout-shift', buffered: true});
        setTimeout(() => done(sum), 600);"""
    )

    assert shifts < 0.1, json.dumps(shifts)
