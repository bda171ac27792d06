"""The page as a deployment serves it: a key before the API, originals elsewhere, no edits."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from .cloud import KEY, Cloud, deployed
from .conftest import COLOURS, Page, draw, lookalike_up

pytestmark = pytest.mark.browser


@pytest.fixture
def cloud(address: str) -> Iterator[Cloud]:
    with deployed(address) as made:
        yield made


@pytest.fixture
def visitor(browser: webdriver.Chrome, cloud: Cloud) -> Iterator[Page]:
    """Somebody who was never here; the console may tell only of what a test provoked."""
    made = Page(browser, cloud.page.url)
    made.complaints()
    yield made
    complaints = made.complaints()
    browser.get("about:blank")
    assert complaints == []


def enter(page: Page, key: str) -> None:
    page.find("#api-key").send_keys(key, Keys.ENTER)


def arrive(page: Page, path: str = "/") -> None:
    """Open the page and give the right key."""
    page.open(path)
    enter(page, KEY)
    page.until(lambda: not page.all("dialog[open]"))
    page.find(".tile, .panel")


def test_the_key_is_asked_for_before_anything_is_asked_of_the_api(
    visitor: Page, cloud: Cloud
) -> None:
    visitor.open()

    dialog = visitor.find("dialog[open]")

    assert "Ask whoever runs Lookalike" in dialog.text
    assert visitor.run("return document.activeElement.id") == "api-key"
    assert [path for _, path, _ in cloud.asked if path.startswith("/v1")] == []


def test_a_wrong_key_is_refused_and_the_right_one_is_kept(visitor: Page, cloud: Cloud) -> None:
    visitor.expected_statuses = {403}
    visitor.open()

    enter(visitor, "not-the-key")
    visitor.until(lambda: "This key was not accepted." in visitor.find(".key-wrong").text)
    enter(visitor, KEY)
    visitor.until(lambda: re.fullmatch(r"\d+ pictures", visitor.find(".count").text))
    visitor.browser.refresh()

    visitor.until(lambda: "red stripes 16.jpg" in visitor.names())
    assert visitor.all("dialog[open]") == []


def test_the_key_goes_to_the_api_only_and_into_no_address(visitor: Page, cloud: Cloud) -> None:
    arrive(visitor)
    visitor.look_alikes("red stripes 24.jpg")
    visitor.until(lambda: any(host in cloud.bucket.url for host, _, _ in cloud.asked))

    keyed = {path.split("/")[1] for _, path, with_key in cloud.asked if with_key}
    assert keyed == {"v1"}
    assert all(with_key for _, path, with_key in cloud.asked if path.startswith("/v1/"))
    assert not any(KEY in path for _, path, _ in cloud.asked)
    assert KEY not in visitor.browser.current_url


def test_a_key_that_is_taken_back_is_asked_for_again(visitor: Page, cloud: Cloud) -> None:
    visitor.expected_statuses = {403}
    arrive(visitor)
    cloud.key = "Another-key-since-the-old-one-got-around"

    visitor.bring("blue dots 16.jpg").find_element("css selector", "a").click()
    visitor.until(lambda: "This key was not accepted." in visitor.find(".key-wrong").text)
    enter(visitor, cloud.key)

    assert visitor.answer()


def test_a_forgotten_key_is_asked_for_again(visitor: Page) -> None:
    arrive(visitor)

    visitor.find("[aria-label='The key of this catalogue']").click()
    visitor.until(
        lambda: [b for b in visitor.all("dialog[open] button") if b.text == "Forget the key"]
    )[0].click()

    visitor.until(lambda: visitor.all("dialog[open] #api-key"))
    assert visitor.run("return localStorage.getItem('api-key')") is None


def test_who_has_no_key_yet_can_come_back_to_it(visitor: Page) -> None:
    visitor.open()
    visitor.find("#api-key")
    visitor.keys(Keys.ESCAPE)

    visitor.until(lambda: "A key is needed" in visitor.find(".panel").text)
    visitor.find(".panel button").click()
    enter(visitor, KEY)

    visitor.until(lambda: "red stripes 16.jpg" in visitor.names())


def test_nothing_is_offered_that_a_deployment_refuses(visitor: Page) -> None:
    arrive(visitor)
    visitor.look_alikes("red stripes 16.jpg")
    visitor.until(lambda: "wool" in visitor.find(".anchor-tags").text)

    offered = {button.text for button in visitor.all("button, a.button")}

    assert visitor.all(".tag-input, .anchor-tags .chip-close") == []
    assert not offered & {"Block", "Unblock", "Add"}
    assert {"Original", "Crop", "Search by picture"} <= offered


@pytest.mark.parametrize(
    ("forbidden", "refusal"),
    [
        ("/similar", {"message": "Forbidden"}),
        ("/v1/", {"type": "urn:lookalike:errors:refused-by-the-firewall"}),
    ],
)
def test_a_firewall_that_refuses_is_not_taken_for_a_wrong_key(
    visitor: Page, cloud: Cloud, forbidden: str, refusal: dict[str, str]
) -> None:
    visitor.expected_statuses = {403}
    arrive(visitor)
    cloud.forbidden, cloud.refusal = forbidden, refusal

    visitor.bring("blue dots 16.jpg").find_element("css selector", "a").click()

    visitor.until(lambda: "not allowed here" in visitor.find(".panel").text)
    assert visitor.all("dialog[open]") == []
    assert visitor.run("return localStorage.getItem('api-key')") == KEY


def test_where_edits_are_offered_they_are_there(visitor: Page, cloud: Cloud) -> None:
    cloud.offer(edits=True, uploads=False)
    arrive(visitor)

    visitor.look_alikes("red stripes 16.jpg")

    assert visitor.find(".tag-input").is_displayed()
    assert "Block" in {button.text for button in visitor.all("button")}


def test_an_uploaded_picture_finds_its_look_alikes(visitor: Page, catalogue: Path) -> None:
    arrive(visitor)

    visitor.find(".tools input[type=file]").send_keys(
        str(catalogue / "checks" / "green checks 24.jpg")
    )
    visitor.until(lambda: "upload=" in visitor.browser.current_url)

    assert visitor.answer()[0] == "green checks 24.jpg"


def test_the_first_picture_is_sent_to_the_bucket_and_appears_by_itself(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    file = tmp_path / "new cloth.jpg"
    draw("dots", COLOURS["ochre"], 31).save(file)
    with lookalike_up(pictures, tmp_path / "data") as address, deployed(address) as cloud:
        cloud.offer(edits=False, uploads=True)
        page = Page(browser, cloud.page.url)
        page.expected_statuses = {429}
        arrive(page)
        cloud.throttled = 1

        page.find(".panel button").click()
        page.find("#add-files").send_keys(str(file))

        page.until(lambda: "Added" in page.find(".adding").text)
        page.keys(Keys.ESCAPE)
        page.until(lambda: len(page.names()) == 1)
        sent = [(host, keyed) for host, path, keyed in cloud.asked if path == "/"]
        assert (cloud.bucket.url.removeprefix("http://"), False) in sent
        assert page.complaints() == []
        browser.get("about:blank")


def test_a_throttled_page_says_so_kindly_and_goes_on_by_itself(visitor: Page, cloud: Cloud) -> None:
    arrive(visitor)
    visitor.expected_statuses = {429}
    cloud.throttled = 1

    visitor.bring("blue dots 16.jpg").find_element("css selector", "a").click()
    visitor.until(lambda: "Many people are searching" in visitor.find(".panel").text)

    assert visitor.answer()
    visitor.until(lambda: len(visitor.names()) > 1)


def test_a_throttled_catalogue_is_asked_for_once_and_not_again_at_once(
    visitor: Page, cloud: Cloud
) -> None:
    arrive(visitor)
    visitor.expected_statuses = {429}
    cloud.asked.clear()
    cloud.throttled = 100

    visitor.browser.refresh()
    visitor.until(lambda: "Many people are searching" in visitor.find(".panel").text)

    assert len([path for _, path, _ in cloud.asked if path.startswith("/v1/images")]) == 1
    cloud.throttled = 0
    visitor.find(".panel button").click()
    visitor.until(lambda: "red stripes 16.jpg" in visitor.names())


def test_an_original_whose_link_has_ended_is_asked_for_once_more(
    visitor: Page, cloud: Cloud
) -> None:
    arrive(visitor)
    visitor.expected_statuses = {403}
    cloud.ended = {str(n) for n in range(cloud.links_made + 1)}  # the tab was open for hours

    visitor.bring("red stripes 24.jpg").find_element("css selector", "a").click()

    visitor.until(
        lambda: (visitor.find(".anchor-image").get_attribute("src") or "").startswith(
            cloud.bucket.url
        )
    )
    assert visitor.run("return document.querySelector('.anchor-image').naturalWidth") > 0


def test_a_link_to_an_original_is_renewed_before_it_is_followed(
    visitor: Page, cloud: Cloud
) -> None:
    cloud.link_seconds = 0
    arrive(visitor)
    visitor.look_alikes("red stripes 24.jpg")
    cloud.link_seconds = 3600

    link = visitor.find(".anchor-acts a")
    ActionChains(visitor.browser).move_to_element(link).perform()

    visitor.until(lambda: "X-Amz-Expires=3600" in (link.get_attribute("href") or ""))


def test_without_config_the_page_still_shows_and_offers_little(visitor: Page, cloud: Cloud) -> None:
    cloud.config = None
    visitor.expected_statuses = {403, 404}

    arrive(visitor)

    visitor.until(lambda: "red stripes 16.jpg" in visitor.names())
    assert visitor.all("[aria-label='Add pictures to the catalogue']") == []


def test_what_is_offered_is_asked_for_once_and_beside_the_code(visitor: Page, cloud: Cloud) -> None:
    visitor.open()
    visitor.find("#api-key")

    begins = visitor.run(
        """const times = {};
        for (const {name, startTime} of performance.getEntriesByType('resource'))
          times[name.split('/').pop()] = startTime;
        return times;"""
    )

    assert [path for _, path, _ in cloud.asked].count("/config.json") == 1
    assert begins["config.json"] < begins["dom.js"]  # not after all the code: no wait of its own


def test_the_key_can_be_looked_at_while_it_is_typed(visitor: Page) -> None:
    visitor.open()
    visitor.find("#api-key").send_keys("abc")

    visitor.find("[title='Show the key']").click()

    assert visitor.find("#api-key").get_attribute("type") == "text"
    visitor.find("[title='Hide the key']").click()
    assert visitor.find("#api-key").get_attribute("type") == "password"


def test_the_command_for_a_shell_does_not_hold_the_key(visitor: Page) -> None:
    arrive(visitor)
    visitor.look_alikes("red stripes 16.jpg")
    visitor.run("Object.defineProperty(navigator, 'clipboard', {value: undefined})")

    next(b for b in visitor.all("button") if b.text == "Copy as curl").click()

    command = visitor.until(lambda: visitor.find(".notice p").text)
    assert 'x-api-key: $LOOKALIKE_KEY"' in command
    assert KEY not in command


def test_every_rule_of_the_policy_is_one_that_the_page_can_live_with(cloud: Cloud) -> None:
    page = (Path(__file__).parents[2] / "web" / "index.html").read_text()

    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script>", page)
    assert json.loads(cloud.config or b"")["api_key"] is True
