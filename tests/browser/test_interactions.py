"""What the page tells of its visitors: suggestions seen and clicked, and time spent on them."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from .cloud import KEY, Cloud, deployed
from .conftest import Page

pytestmark = pytest.mark.browser

Rows = list[dict[str, Any]]
AS_SOON_AS_THERE = """
const [nth, done] = arguments;
const look = () => {
  const link = document.querySelectorAll('.results .tile-link')[nth];
  if (!link) return setTimeout(look, 5);
  const told = {image: link.dataset.image, at: Date.now()};
  link.click();
  done(told);
};
look();
"""
LOADED = """
const done = arguments[0];
const look = () =>
  document.querySelector('.results .is-loaded') ? done(Date.now()) : setTimeout(look, 5);
look();
"""
IN_SIGHT = """
return [...document.querySelectorAll('.results .tile')].flatMap(tile => {
  const {top, height} = tile.getBoundingClientRect();
  const seen = Math.min(innerHeight, top + height) - Math.max(60, top);
  return seen >= height / 2 ? [tile.dataset.tile] : [];
})"""

LEAVING = """
const done = arguments[0];
(async () => {
  const {Outbox} = await import('./outbox.js');
  const sizes = [];
  const bodies = [];
  navigator.sendBeacon = (_, body) => {
    if (body.size > 20000) return false;
    sizes.push(body.size);
    bodies.push(body.text().then(text => JSON.parse(text).events.map(e => e.event_id)));
    return true;
  };
  const outbox = new Outbox('/nowhere');
  const answer = {query_id: 'q'.repeat(2300), session_id: 's'.repeat(36), asked: Date.now()};
  for (let i = 0; i < 700; i++)
    outbox.add(answer, {event_id: `${i}`, type: 'click', image_id: 'i'.repeat(36), position: 1});
  outbox.leave();
  outbox.leave();
  const kept = sessionStorage.getItem('outbox').length;
  sessionStorage.clear();
  done([sizes, (await Promise.all(bodies)).flat(), kept]);
})();
"""


class Visit(Page):
    """A visit of its own, and what the log of the laptop says of it."""

    def __init__(self, browser: webdriver.Chrome, address: str, log: Path) -> None:
        super().__init__(browser, address)
        self.log = log

    @property
    def session(self) -> str:
        found: str = self.run("return JSON.parse(sessionStorage.getItem('session')).id")
        return found

    def rows(self, session: str, *types: str) -> Rows:
        """As they were logged; a row that was logged twice is there twice."""
        lines = [line for file in self.log.glob("dt=*/*") for line in file.read_text().splitlines()]
        rows = [json.loads(line) for line in lines]
        return [
            row
            for row in rows
            if row["session_id"] == session and (not types or row["type"] in types)
        ]

    def logged(self, session: str, kind: str, count: int = 1) -> Rows:
        """So many events of a kind, as soon as they are there."""

        def enough() -> Rows | None:
            found = self.rows(session, kind)
            return found if len(found) >= count else None

        return self.until(enough, f"{count} {kind}")


@pytest.fixture
def visit(browser: webdriver.Chrome, address: str, catalogue: Path) -> Iterator[Visit]:
    yield from visited(browser, address, catalogue)


@pytest.fixture
def cloud(address: str) -> Iterator[Cloud]:
    with deployed(address) as made:
        yield made


@pytest.fixture
def visit_of_cloud(browser: webdriver.Chrome, cloud: Cloud, catalogue: Path) -> Iterator[Visit]:
    """A visit through a deployment, whose key the visitor has given before."""
    browser.get(cloud.page.url)
    browser.execute_script("localStorage.setItem('api-key', arguments[0])", KEY)
    yield from visited(browser, cloud.page.url, catalogue)


def visited(browser: webdriver.Chrome, address: str, catalogue: Path) -> Iterator[Visit]:
    """In a tab of its own: sessionStorage is a tab's."""
    before = browser.current_window_handle
    browser.switch_to.new_window("tab")
    made = Visit(browser, address, catalogue.parent / "data" / "interactions")
    made.complaints()
    made.open()
    yield made
    complaints = made.complaints()
    browser.close()
    browser.switch_to.window(before)
    assert complaints == []


def seen_by(visit: Visit) -> set[str]:
    return {row["image_id"] for row in visit.rows(visit.session, "impression")}


def moment(row: dict[str, Any]) -> float:
    return datetime.fromisoformat(row["occurred_at"]).replace(tzinfo=UTC).timestamp()


def test_what_is_in_sight_for_a_second_was_seen(visit: Visit) -> None:
    visit.bring("red stripes 24.jpg").find_element("css selector", "a").click()
    loaded = visit.browser.execute_async_script(LOADED) / 1000
    visit.answer()
    in_sight = visit.run(IN_SIGHT)

    seen = visit.logged(visit.session, "impression", len(in_sight))

    assert sorted(row["image_id"] for row in seen) == sorted(in_sight)
    assert all(moment(row) >= loaded + 0.8 for row in seen)  # asked every 5 ms, counted in tenths
    places = visit.run("return [...document.querySelectorAll('.tile')].map(t => t.dataset.tile)")
    assert all(places[row["position"] - 1] == row["image_id"] for row in seen)
    assert len({row["query_id"] for row in seen}) == 1


def test_what_comes_into_sight_is_seen_then_and_everything_once(visit: Visit) -> None:
    answer = visit.look_alikes("red stripes 24.jpg")
    first = visit.logged(visit.session, "impression", len(visit.run(IN_SIGHT)))
    assert len(first) < len(answer)

    while len(visit.rows(visit.session, "impression")) < len(answer):
        visit.run("scrollBy(0, 300)")
        visit.until(lambda: set(visit.run(IN_SIGHT)) <= seen_by(visit), "what is in sight now")
    visit.run("scrollTo(0, 0)")
    visit.bring("green stripes 24.jpg").find_element("css selector", "a").click()
    visit.logged(visit.session, "click")
    visit.browser.back()
    visit.answer()
    time.sleep(1.5)  # nothing to wait for: an answer that is shown again is seen no second time
    visit.browser.get("about:blank")
    visit.open()

    seen = [
        row
        for row in visit.rows(visit.session, "impression")
        if row["query_id"] == first[0]["query_id"]
    ]
    assert sorted(row["position"] for row in seen) == list(range(1, len(answer) + 1))


def test_whoever_clicks_before_a_second_has_seen_that_one_alone(visit: Visit) -> None:
    visit.bring("red stripes 24.jpg").find_element("css selector", "a").click()

    clicked = visit.browser.execute_async_script(AS_SOON_AS_THERE, 2)

    click = visit.logged(visit.session, "click")[0]
    assert (click["image_id"], click["position"]) == (clicked["image"], 3)
    seen = visit.rows(visit.session, "impression")
    of_the_answer = [row for row in seen if row["query_id"] == click["query_id"]]
    assert [row["image_id"] for row in of_the_answer] == [clicked["image"]]
    assert moment(of_the_answer[0]) <= moment(click)


def test_a_click_and_the_time_after_it_are_about_the_suggestion(visit: Visit) -> None:
    anchor = visit.tile("red stripes 24.jpg").get_attribute("data-tile")
    first = visit.look_alikes("red stripes 24.jpg")
    began = time.monotonic()
    second = visit.look_alikes(first[3])
    time.sleep(1)
    visit.look_alikes(second[1])
    visit.find(".brand").click()
    visit.find(".browse")
    at_most = (time.monotonic() - began) * 1000

    clicks = visit.logged(visit.session, "click", 2)
    dwells = visit.logged(visit.session, "dwell", 2)

    assert [row["position"] for row in clicks] == [4, 2]
    assert clicks[0]["anchor_image_id"] == anchor
    assert clicks[1]["anchor_image_id"] == clicks[0]["image_id"]  # look-alikes of the first one
    told = [(row["query_id"], row["image_id"], row["position"]) for row in dwells]
    assert told == [(row["query_id"], row["image_id"], row["position"]) for row in clicks]
    assert dwells[0]["dwell_ms"] >= 1000
    assert sum(row["dwell_ms"] for row in dwells) <= at_most


def test_a_picture_from_the_catalogue_was_suggested_by_nobody(visit: Visit) -> None:
    visit.look_alikes("red stripes 24.jpg")
    visit.logged(visit.session, "impression")

    visit.find(".brand").click()
    visit.find(".browse")
    time.sleep(0.2)
    visit.browser.get("about:blank")
    visit.open()

    assert visit.rows(visit.session, "click", "dwell") == []


def test_a_page_that_is_left_at_once_tells_everything(visit: Visit) -> None:
    second = visit.look_alikes("blue dots 24.jpg")[1]
    session = visit.session
    visit.tile(second).find_element("css selector", "a").click()
    visit.until(lambda: visit.find("h1.anchor-name").text == second)
    visit.browser.get("about:blank")

    dwell = visit.logged(session, "dwell")[0]

    click = visit.rows(session, "click")[0]
    assert (dwell["image_id"], dwell["query_id"]) == (click["image_id"], click["query_id"])
    assert dwell["dwell_ms"] > 0


def test_a_tab_behind_another_sees_nothing_and_spends_no_time(visit: Visit) -> None:
    second = visit.look_alikes("green dots 24.jpg")[1]
    visit.look_alikes(second)
    here = visit.browser.current_window_handle
    visit.browser.switch_to.new_window("tab")
    time.sleep(2)
    visit.browser.close()
    visit.browser.switch_to.window(here)
    session = visit.session

    visit.find(".brand").click()
    dwells = visit.logged(session, "dwell", 2)

    assert len({row["image_id"] for row in dwells}) == 1
    assert sum(row["dwell_ms"] for row in dwells) < 1000 * (
        moment(dwells[-1]) - moment(visit.rows(session, "click")[0]) - 1.9
    )


def test_a_click_into_another_tab_counts(visit: Visit) -> None:
    name = visit.look_alikes("ochre checks 24.jpg")[2]
    link = visit.bring(name).find_element("css selector", "a")

    click = ActionChains(visit.browser).key_down(Keys.CONTROL).click(link).key_up(Keys.CONTROL)
    click.perform()

    assert visit.logged(visit.session, "click")[0]["position"] == 3
    for handle in visit.browser.window_handles[2:]:
        here = visit.browser.current_window_handle
        visit.browser.switch_to.window(handle)
        visit.browser.close()
        visit.browser.switch_to.window(here)


def test_a_reload_goes_on_with_the_visit_and_with_the_picture(visit: Visit) -> None:
    second = visit.look_alikes("red dots 24.jpg")[1]
    visit.look_alikes(second)
    session = visit.session
    visit.logged(session, "click")

    visit.browser.refresh()
    visit.answer()
    time.sleep(0.3)
    visit.browser.get("about:blank")

    dwells = visit.logged(session, "dwell", 2)
    assert len({(row["query_id"], row["image_id"]) for row in dwells}) == 1
    ids = [row["event_id"] for row in visit.rows(session)]
    assert len(ids) == len(set(ids))


def test_after_half_an_hour_without_a_sign_it_is_another_visit(visit: Visit) -> None:
    visit.look_alikes("red stripes 24.jpg")
    first = visit.session
    visit.look_alikes("red stripes 40.jpg")
    assert visit.session == first

    visit.run(
        "sessionStorage.setItem('session', JSON.stringify({...JSON.parse("
        "sessionStorage.getItem('session')), seen: Date.now() - 31 * 60000}))"
    )
    visit.browser.refresh()
    visit.answer()

    visit.until(lambda: visit.session != first)
    assert visit.logged(visit.session, "impression")


def test_events_go_without_a_key_and_searches_name_their_visit(
    visit_of_cloud: Visit, cloud: Cloud
) -> None:
    visit_of_cloud.look_alikes("red stripes 24.jpg")
    visit_of_cloud.logged(visit_of_cloud.session, "impression")

    searches = [path for _, path, _ in cloud.asked if "/similar?" in path]
    told = [with_key for _, path, with_key in cloud.asked if path == "/v1/interactions"]
    assert searches
    assert all(f"session_id={visit_of_cloud.session}" in path for path in searches)
    assert told
    assert not any(told)


def test_what_nobody_took_is_told_later_and_counts_once(
    visit_of_cloud: Visit, cloud: Cloud
) -> None:
    visit = visit_of_cloud
    visit.expected_statuses = {503}
    cloud.is_deaf = True
    names = visit.look_alikes("red stripes 24.jpg")
    in_sight = len(visit.run(IN_SIGHT))
    visit.until(lambda: any(path == "/v1/interactions" for _, path, _ in cloud.asked))
    session = visit.session

    visit.browser.get("about:blank")
    cloud.is_deaf = False
    visit.open()
    visit.look_alikes(names[0])

    first = visit.logged(session, "impression", in_sight)
    ids = [row["event_id"] for row in visit.rows(session)]
    assert len(ids) == len(set(ids))
    assert (
        len({row["image_id"] for row in first if row["query_id"] == first[0]["query_id"]})
        == in_sight
    )


def test_a_beacon_is_sent_again_by_a_page_that_comes_back_and_logged_once(
    visit_of_cloud: Visit, cloud: Cloud
) -> None:
    visit = visit_of_cloud
    second = visit.look_alikes("blue stripes 24.jpg")[1]
    visit.look_alikes(second)
    visit.browser.refresh()
    visit.answer()
    session = visit.session

    def sent() -> list[str]:
        return [event["event_id"] for body in cloud.told for event in body["events"]]

    visit.until(lambda: len(sent()) > len(set(sent())), "an event that was told twice")
    ids = [row["event_id"] for row in visit.rows(session)]
    assert set(sent()) == set(ids)
    assert len(ids) == len(set(ids))


def test_of_an_unsigned_answer_nothing_is_told(visit_of_cloud: Visit, cloud: Cloud) -> None:
    cloud.is_unsigned = True
    second = visit_of_cloud.look_alikes("red stripes 24.jpg")[1]
    time.sleep(1.3)
    visit_of_cloud.look_alikes(second)
    visit_of_cloud.browser.get("about:blank")
    visit_of_cloud.open()
    visit_of_cloud.find(".tile")

    assert cloud.told == []


def test_a_beacon_too_large_for_the_browser_goes_in_parts(visit: Visit) -> None:
    sizes, told, kept = visit.browser.execute_async_script(LEAVING)

    assert max(sizes) <= 20_000
    assert sorted(map(int, told)) == list(range(700))  # each once, though the page was left twice
    assert kept > 0
