"""The bare chat page in a browser (Chromium), with the real daemon and an agent's softphone (PJSIP)."""

# ruff: noqa: ASYNC110  polling is what a test does that may not know the insides

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ccd.model.links import REFUSED
from tests.interop.daemon_site import Site
from tests.interop.parties import caller
from tests.interop.test_chat import conversation, softphone
from tests.interop.test_links_by_phone import LATER, NUMBER, Texts, site_of, texts
from tests.peers.chromium import Chromium, Tab

pytestmark = [
    pytest.mark.needs("chromium", "pjsua2"),
    pytest.mark.alone,  # a browser takes both cores, and tests beside it would hear gaps
]
__all__ = ["texts"]

Make = Callable[..., Any]
MARKUP = (
    """<b>bold</b><script>document.title="x"</script><img src=x onerror="document.title='x'"> &amp; 'é' 📦"""
)
LOST = "The connection is lost. Trying again…"
PHONE = (360, 640)
IMPATIENT = """(() => {
  const real = setTimeout;
  window.waits = [];
  window.setTimeout = (call, ms) => { waits.push(ms); return real(call, Math.min(ms, 40)); };
})()"""
"""The page's waits last 40 ms at most from here on; how long they were to be stands in `waits`."""


@asynccontextmanager
async def page(site: Site, folder: Path) -> AsyncIterator[Tab]:
    """The chat page in a window; no script of it may fail, and nothing may break its security policy."""
    async with Chromium(folder / "chromium") as browser:
        tab = await browser.open(url(site))
        yield tab
        assert tab.complaints == []
        assert await tab.evaluate("document.title") == "Chat"


def url(site: Site, token: str = "") -> str:
    return f"http://127.0.0.1:{site.chat_port}/" + (f"#{token}" if token else "")


async def fits(tab: Tab) -> None:
    """Nothing stands out of the window, and what one needs is in it."""
    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no scrolling sideways"
    assert await tab.evaluate("document.documentElement.scrollHeight <= innerHeight")
    for selector in ("#text", "form button", "#log"):
        box = await tab.evaluate(f"document.querySelector('{selector}').getBoundingClientRect().toJSON()")
        width, height = await tab.evaluate("[innerWidth, innerHeight]")
        assert 0 <= box["left"] < box["right"] <= width and 0 <= box["top"] < box["bottom"] <= height, (
            selector
        )
        assert box["height"] >= 36, "large enough for a thumb"


async def test_a_visitor_and_an_agent_write_and_a_reload_goes_on(make_site: Make, tmp_path: Path) -> None:
    site: Site = await make_site(agents=1, chat=True, tables={"channels.web": {"max_message_bytes": 2000}})
    async with softphone(site, "a1", tmp_path) as agent, page(site, tmp_path) as tab:
        await site.login()
        assert await tab.texts("#bye") == []
        await tab.type("#name", "Ada")
        await tab.type("#text", MARKUP, enter=True)
        await tab.until(".me:not(.waits)", MARKUP)
        who, offer = await conversation(agent)
        assert "Ada" in offer and MARKUP in offer
        await agent.message(who, f"Hello Ada! {MARKUP}")
        await tab.until(".agent", f"Hello Ada! {MARKUP}")
        await tab.until(".note", "You are connected.")
        assert await tab.evaluate("document.querySelectorAll('#log b, #log img, #log script').length") == 0
        said = await tab.texts("#log p")
        await fits(tab)
        await tab.picture(tmp_path / "desktop.png")
        await tab.size(*PHONE, mobile=True)
        await fits(tab)
        await tab.reload()
        await tab.until(".agent", f"Hello Ada! {MARKUP}")
        assert await tab.texts("#log p") == said, "what was said is there again, nothing twice"
        await agent.message(who, "Still there? " + "word" * 60)
        await tab.until(".agent", "Still there? " + "word" * 60)
        await tab.type("#text", "Yes, I am.")
        await tab.click("form button")
        assert (await conversation(agent)) == (who, "Yes, I am.")
        await fits(tab)
        await tab.picture(tmp_path / "phone.png")
        await tab.type("#text", "é" * 1001, enter=True)
        await tab.until(".note", "Not sent: the text is too long: at most 2000 bytes")
        assert await tab.texts(".me.failed") == ["é" * 1001]
        assert await tab.evaluate("document.getElementById('text').value") == "é" * 1001, "to be shortened"
        await fits(tab)
        await tab.click("#bye")
        await tab.until(".note", "The conversation has ended.")
        (record,) = await site.until_records(1)
        assert record.outcome == "handled" and await tab.texts("#bye") == []
        await tab.reload()
        assert await tab.texts("#log p") == [], "what is over is not kept"
        await tab.type("#text", "One more thing", enter=True)
        assert (await conversation(agent)) == (who, "(conversation ended)")
        again, offer = await conversation(agent)
        assert again != who and "One more thing" in offer
        await tab.click("#bye")
        await site.until_records(2)


async def test_the_page_says_that_the_connection_is_lost_and_comes_back(
    make_site: Make, tmp_path: Path
) -> None:
    site: Site = await make_site(agents=1, chat=True)
    async with softphone(site, "a1", tmp_path) as agent, page(site, tmp_path) as tab:
        await site.login()
        await tab.type("#text", "Hello", enter=True)
        who, _ = await conversation(agent)
        await agent.message(who, "Yes?")
        await tab.until(".agent", "Yes?")
        await tab.evaluate(IMPATIENT)
        await site.kill()
        await tab.until("#status", LOST)
        while max(waits := await tab.evaluate("waits"), default=0) < 30_000:
            await asyncio.sleep(0.02)
        assert waits[:7] == [1000, 2000, 4000, 8000, 16000, 30000, 30000][: len(waits)]
        for words in ("said while nobody listened", "and once more"):
            await tab.type("#text", words, enter=True)
        await tab.until(".me.waits", "and once more")
        await site.start()
        await tab.until(".me:not(.waits)", "and once more", 20.0)
        assert (await tab.texts("#status")) == [""]
        for words in ("said while nobody listened", "and once more"):
            assert (await conversation(agent)) == (who, words), "each once, in its order"
        await agent.message(who, "I got both.")
        await tab.until(".agent", "I got both.")
        assert [each for each in await tab.texts(".note") if "former" in each] == []
        counters = (await site.ask("status"))["daemon"]["counters"]["web"]["counters"]
        assert counters.get("resumed") == 1 and not counters.get("repeated"), "one socket at a time"
        await agent.message(who, "/close")
        await tab.until(".note", "The conversation has ended.")
        await site.until_records(1)


async def test_a_link_in_the_address_goes_on_from_the_call(
    make_site: Make,
    texts: Texts,
    tmp_path: Path,
) -> None:
    site = await site_of(make_site, texts)
    async with (
        caller(site, NUMBER) as outside,
        softphone(site, "a1", tmp_path) as agent,
        page(site, tmp_path) as tab,
    ):
        await site.login()
        call = await outside.call(LATER)
        await call.answered()
        token = await texts.token()
        await call.expect("BYE")
        await tab.go("about:blank")
        await tab.size(*PHONE, mobile=True)
        await tab.go(url(site, token))
        await tab.until("#go", "Continue our conversation here")
        assert await tab.evaluate("location.href") == url(site), "the token is out of the address"
        await fits(tab)
        await tab.picture(tmp_path / "link.png")
        await tab.reload()
        assert (await site.ask("interactions"))["all"] == 0, "looking at it uses nothing up"
        await tab.click("#go")
        who, offer = await conversation(agent)
        assert NUMBER in offer and "4711" in offer
        await agent.message(who, "About order 4711?")
        await tab.until(".agent", "About order 4711?")
        await tab.type("#text", "Yes", enter=True)
        assert (await conversation(agent))[1] == "Yes"
        await agent.message(who, "/close")
        await tab.until(".note", "The conversation has ended.")
        first, second = sorted(await site.until_records(2), key=lambda record: int(record.interaction))
        assert (second.chain, second.continues) == (first.interaction, first.interaction)
        await tab.go("about:blank")
        await tab.go(url(site, token))
        await tab.click("#go")
        await tab.until(".agent", REFUSED["en"])
        await tab.until(".note", "The conversation has ended.")
