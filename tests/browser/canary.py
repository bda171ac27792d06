"""What sings in a page when a name was taken for more than text."""

from typing import Any

from selenium import webdriver

# Before anything else of a page, and of every frame in it.
CANARY = """
if (top !== window) top.__sung?.push('a frame');
else {
  window.__sung = [];
  const sing = (what) => { window.__sung.push(what); };
  Object.defineProperty(window, '__pwned', {set: (by) => sing(`ran ${by}`)});
  for (const name of ['alert', 'confirm', 'prompt', 'print', 'open'])
    window[name] = () => sing(name);
  document.addEventListener('securitypolicyviolation', (event) =>
    sing(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  new PerformanceObserver((list) => {
    for (const {name} of list.getEntries())
      if (new URL(name).origin !== location.origin) sing(`asked ${name}`);
  }).observe({type: 'resource', buffered: true});
}
"""

# What the page is made of. Everything else came out of a name.
MADE_OF = """
  a aside bdi body button dd details dialog div dl dt footer form h1 h2 h3 head header html i img
  input kbd label li link main meta nav noscript ol option p path rect script section select small
  span strong summary svg time title ul circle line text g table thead tbody tr th td caption figure
  figcaption
"""

STRANGE = """
const [madeOf, ours] = arguments;
const wrong = [];
const there = document.querySelectorAll('*');
for (const each of there) {
  if (!madeOf.includes(each.localName)) wrong.push(`<${each.localName}>`);
  for (const {name, value} of each.attributes) {
    if (/^on|^srcdoc$|^formaction$/i.test(name)) wrong.push(`${each.localName} ${name}=${value}`);
    if (!/^(href|src|action|xlink:href)$/i.test(name)) continue;
    const {protocol, origin} = new URL(value, document.baseURI);
    if (origin !== location.origin && protocol !== 'blob:') wrong.push(`${name}=${value}`);
    if (!['http:', 'blob:'].includes(protocol)) wrong.push(`${name}=${value}`);
  }
}
const head = [...document.head.children].map((each) => each.localName).sort().join();
if (ours && head !== ours) wrong.push(`head: ${head}`);
if (document.scripts.length !== 2) wrong.push(`${document.scripts.length} scripts`);
if (document.baseURI !== location.href) wrong.push(`base ${document.baseURI}`);
return wrong;
"""

HEAD = "link,link,link,link,meta,meta,meta,meta,script,script,title"


class Canary:
    """Watches every page that is opened while it is there."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser
        asked = {"source": CANARY}
        made: dict[str, Any] = browser.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", asked
        )
        self._script = made["identifier"]

    def end(self) -> None:
        asked = {"identifier": self._script}
        self.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", asked)
        self.without_policy(False)

    def without_policy(self, off: bool) -> None:
        """Pages opened from now on have no Content-Security-Policy to catch what slips through."""
        self.browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": off})

    def sung(self) -> list[str]:
        """What ran, was asked of other origins, or was stopped by the policy, in this page."""
        heard: list[str] = self.browser.execute_script("return window.__sung")
        return heard

    def strange(self) -> list[str]:
        """Elements, attributes and addresses in this page that the page does not make."""
        wrong: list[str] = self.browser.execute_script(STRANGE, MADE_OF.split(), HEAD)
        return wrong

    def assert_silent(self) -> None:
        heard, wrong = self.sung(), self.strange()
        assert not heard, heard
        assert not wrong, wrong
