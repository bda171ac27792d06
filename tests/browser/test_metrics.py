"""The Metrics tab: figures and drawings of what people did, which move as one clicks."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from .cloud import KEY, Cloud, deployed
from .conftest import Page
from .figures import MODELS, TRIAL, measured

pytestmark = pytest.mark.browser

NOTHING = {"value": None, "low": None, "high": None, "events": 0, "of": 0, "sessions": 0}
SOMEBODY_ELSE = """
const done = arguments[0];
(async () => {
  const {images: [{image_id}]} = await (await fetch('/v1/images?limit=1')).json();
  const session_id = 'somebody-else';
  const asked = await fetch(`/v1/images/${image_id}/similar?session_id=${session_id}`);
  const {query_id, results} = await asked.json();
  const event_id = crypto.randomUUID();
  const occurred_at = new Date().toISOString();
  const events = [{event_id, type: 'impression', image_id: results[0].image_id, occurred_at}];
  const body = JSON.stringify({session_id, query_id, events});
  done((await fetch('/v1/interactions', {method: 'POST', body})).status);
})();
"""


@pytest.fixture
def cloud(address: str) -> Iterator[Cloud]:
    with deployed(address) as made:
        made.figures = measured
        yield made


@pytest.fixture
def reader(browser: webdriver.Chrome, cloud: Cloud) -> Iterator[Page]:
    """Somebody with the key, in a deployment where people have clicked for months."""
    browser.get(cloud.page.url)
    browser.execute_script("localStorage.setItem('api-key', arguments[0])", KEY)
    made = Page(browser, cloud.page.url)
    made.complaints()
    yield made
    complaints = made.complaints()
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get("about:blank")
    assert complaints == []


def seen(page: Page) -> int:
    """Suggestions seen so far, as the first key figure has it."""
    found = re.search(r"of ([\d,]+) suggestion", page.find(".figure").text)
    assert found, page.find(".figure").text
    return int(found[1].replace(",", ""))


def drawn(page: Page, interval: str = "day") -> None:
    page.open(f"/?metrics={interval}")
    page.until(lambda: page.all(".plot-line"))


def read_again(page: Page) -> None:
    """As the page does by itself after a while, and whenever it comes into sight."""
    page.run("document.dispatchEvent(new Event('visibilitychange'))")


def test_the_figures_move_as_one_clicks(page: Page) -> None:
    page.open()
    names = page.look_alikes("red checks 24.jpg")
    page.look_alikes(names[1])
    page.find(".tab").click()
    before = page.until(lambda: seen(page))
    clicks = int(page.find(".figure-made").text.split()[0])

    page.browser.back()
    page.look_alikes(page.answer()[2])
    page.find(".tab").click()

    page.until(lambda: seen(page) > before, "more suggestions seen")
    page.until(lambda: int(page.find(".figure-made").text.split()[0]) > clicks, "one more click")
    assert page.find(".tab").get_attribute("aria-current") == "page"


def test_they_move_by_themselves_while_they_are_open(page: Page) -> None:
    page.open()
    page.look_alikes("red checks 24.jpg")
    page.find(".tab").click()
    before = page.until(lambda: seen(page))

    page.browser.execute_async_script(SOMEBODY_ELSE)

    page.until(lambda: seen(page) == before + 1, "what somebody else saw")


def test_every_drawing_is_there_for_eyes_and_for_ears(reader: Page, cloud: Cloud) -> None:
    drawn(reader)

    for card in reader.all(".charts > .chart:not([hidden])"):
        svg = card.find_element("css selector", "svg")
        assert svg.get_attribute("role") == "img"
        assert [part.tag_name for part in svg.find_elements("css selector", "title, desc")] == [
            "title",
            "desc",
        ]
        words = reader.run(
            "return arguments[0].getAttribute('aria-labelledby').split(' ')"
            ".map(id => document.getElementById(id).textContent)",
            svg,
        )
        assert all(words)
        assert card.find_elements("css selector", "table caption")
        assert card.find_elements("css selector", "tbody tr th[scope=row]")
    assert all(with_key for _, path, with_key in cloud.asked if path.startswith("/v1/metrics"))


def test_the_drawings_begin_at_zero_and_leave_gaps_where_nothing_was(reader: Page) -> None:
    drawn(reader)

    first = reader.find(".chart.is-wide:not(.trial)")
    ticks = [each.text for each in first.find_elements("css selector", ".plot-text")]
    assert "0%" in ticks
    bars = reader.run(
        "return [...arguments[0].querySelectorAll('.plot-bar')].map("
        "b => Math.round(Number(b.getAttribute('y')) + Number(b.getAttribute('height'))))",
        reader.all(".chart")[-1],
    )
    assert len(set(bars)) == 1  # all stand on the zero of the axis
    lines = first.find_elements("css selector", ".plot-line")
    assert len(lines) == 3  # before, between and after two days without anybody


@pytest.mark.parametrize(
    ("interval", "label", "periods"),
    [("day", "Nov 22", 30), ("week", "Nov 16", 26), ("month", "Nov", 12)],
)
def test_days_weeks_and_months_are_an_address_each(
    reader: Page, interval: str, label: str, periods: int
) -> None:
    drawn(reader)

    reader.find(f".statuses a[href*={interval}]").click()

    def last_label() -> bool:
        card = reader.find(".chart.is-wide:not(.trial)")
        named = [each.text for each in card.find_elements("css selector", ".plot-text")]
        rows = card.find_elements("css selector", "tbody tr")
        return named[-1] == label and len(rows) == periods

    reader.until(last_label, f"{periods} periods up to {label}")
    assert f"metrics={interval}" in reader.browser.current_url


def test_a_drawing_can_be_read_as_a_table_and_nothing_moves(reader: Page) -> None:
    drawn(reader)
    below = "return document.querySelectorAll('.chart')[4].getBoundingClientRect().top"
    before = reader.run(below)

    reader.find(".chart:not(.trial) .text-button").send_keys(Keys.ENTER)

    table = reader.find(".chart-table:not(.unseen)")
    assert "Nov 22" in table.text
    assert re.search(r"\d+\.\d% to \d+\.\d%", table.text)
    assert reader.run(below) == pytest.approx(before, abs=1)


def test_pointing_says_what_a_mark_is(reader: Page) -> None:
    drawn(reader)

    ActionChains(reader.browser).move_to_element(reader.all(".plot-dot")[0]).perform()

    readout = reader.until(lambda: reader.find(".chart-readout.is-pointed").text)
    assert re.match(r"Oct \d+: \d+\.\d% \(.+\) · \d+ of \d+, \d+ sessions", readout)


def test_a_trial_shows_both_sides_and_whether_they_differ(reader: Page, cloud: Cloud) -> None:
    cloud.figures = partial(measured, trial=TRIAL)
    drawn(reader)

    trial = reader.find(".trial")

    assert trial.is_displayed()
    assert all(model in trial.text for model in MODELS)
    assert "clicked more: +7.8 points (+5.5 to +10.1)" in trial.text
    assert "The split is as it should be: 402 of 793 sessions" in trial.text


def test_a_trial_that_is_not_split_as_agreed_is_not_to_be_trusted(
    reader: Page, cloud: Cloud
) -> None:
    odd: dict[str, Any] = {**TRIAL, "balanced": False, "p_value": 0.00001}
    cloud.figures = partial(measured, trial=odd)
    drawn(reader)

    assert "Trust no comparison" in reader.find(".trial-split.is-bad").text


def test_without_a_trial_there_is_no_panel_of_one(reader: Page) -> None:
    drawn(reader)

    assert not reader.find(".trial").is_displayed()


def test_before_anything_was_seen_it_says_what_to_do(reader: Page, cloud: Cloud) -> None:
    nothing = [{"period": None, "group": None, **NOTHING}]
    cloud.figures = lambda parameters: {**measured(parameters), "rows": nothing}
    reader.open("/?metrics=day")

    reader.until(lambda: "No data yet" in reader.find(".panel").text)
    reader.find(".panel .button").click()

    reader.until(lambda: reader.all(".tile"))


def test_a_failure_is_one_sentence_and_what_was_shown_stays(reader: Page, cloud: Cloud) -> None:
    reader.expected_statuses = {403}
    cloud.forbidden = "/metrics"
    cloud.refusal = {"type": "urn:lookalike:errors:not-allowed"}
    reader.open("/?metrics=day")
    assert "This is not allowed here." in reader.find(".panel.is-bad").text

    cloud.forbidden = "nothing"
    reader.find(".panel .button").click()
    reader.until(lambda: reader.all(".plot-line"))
    cloud.forbidden = "/metrics"
    read_again(reader)

    reader.until(lambda: "Not up to date" in reader.find(".metrics-when").text)
    assert reader.all(".plot-line")


def test_new_figures_make_nothing_jump(reader: Page, cloud: Cloud) -> None:
    drawn(reader)
    reader.run(
        """window.shift = 0;
        new PerformanceObserver(
          list => list.getEntries().forEach(each => { window.shift += each.value; })
        ).observe({type: 'layout-shift'});"""
    )
    before = reader.find(".figure-value").text

    def more(parameters: dict[str, str]) -> dict[str, Any]:
        found = measured(parameters)
        for row in found["rows"]:
            row["value"] *= 0.5
        return found

    cloud.figures = more
    read_again(reader)
    reader.until(lambda: reader.find(".figure-value").text != before)

    assert reader.run("return window.shift") == pytest.approx(0, abs=0.001)


def test_it_asks_nothing_while_nobody_looks(reader: Page, cloud: Cloud) -> None:
    drawn(reader)
    reader.run("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    asked = len(cloud.asked)

    read_again(reader)
    reader.browser.execute_async_script("setTimeout(arguments[0], 500)")

    assert len(cloud.asked) == asked


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_narrow_screen_shows_it_without_scrolling_sideways(
    reader: Page, cloud: Cloud, theme: str
) -> None:
    cloud.figures = partial(measured, trial=TRIAL)
    screen = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    reader.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    drawn(reader)
    reader.run("document.documentElement.dataset.theme = arguments[0]", theme)

    wide = reader.run("return document.documentElement.scrollWidth - innerWidth")

    assert wide <= 0
    assert reader.find(".tab").is_displayed()
    cut = reader.run(
        """return [...document.querySelectorAll('.figure-value, .chart-head h2, .plot-value')]
             .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth).length"""
    )
    assert cut == 0


def test_where_metrics_are_not_offered_there_is_no_tab(reader: Page, cloud: Cloud) -> None:
    cloud.offer(metrics=False)
    reader.open()

    reader.find(".tile")

    assert reader.all(".tab") == []


def test_an_axis_ends_at_a_round_number_that_nothing_flattens(reader: Page) -> None:
    drawn(reader)

    tops = reader.browser.execute_async_script(
        """const done = arguments[0];
        import('./series.js').then(({axis, amount}) => {
          const row = (value, high) => ({value, low: 0, high});
          const days = Array.from({length: 20}, () => row(0.1, 0.14));
          done([
            axis([...days, row(0.12, 1)], 'share').top,
            axis([row(0, null)], 'share').top,
            axis([row(0.97, 1)], 'share').top,
            axis([row(8200, 11000)], 'ms').top,
            axis([row(300000, 400000)], 'ms').ticks[1],
            amount(0.0004, 'share'), amount(null, 'share'), amount(8412, 'ms'),
          ]);
        });"""
    )

    assert tops == [
        pytest.approx(0.15),
        pytest.approx(0.1),
        1,
        15_000,
        120_000,
        "0.04%",
        "–",
        "8.4 s",
    ]
