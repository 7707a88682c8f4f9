"""A chat goes from one softphone (PJSIP) to another, and the second one shows what was said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.interop.daemon_site import Site
from tests.interop.test_chat import conversation, softphone, visiting
from tests.loopback.webchat_visitor import Visitor
from tests.peers.pjsip import PjsipPhone

Make = Callable[..., Any]
SO_FAR = "Said so far:\ncustomer: Where is my parcel?\nagent a1: Which one?\ncustomer: The blue one – ça va ?"


async def begun(site: Site, agent: PjsipPhone, visitor: Visitor) -> str:
    """Something was said with the first agent; the correspondent on the phones."""
    await site.login("a1")
    await visitor.hello(name="Ada")
    await visitor.send("text", text="Where is my parcel?", id="m1")
    who, _ = await conversation(agent)
    await agent.message(who, "Which one?")
    await visitor.get("text")
    await visitor.send("text", text="The blue one – ça va ?", id="m2")
    assert (await conversation(agent))[1] == "The blue one – ça va ?"
    return who


async def test_a_chat_sent_on_shows_the_next_agent_what_was_said(make_site: Make, tmp_path: Path) -> None:
    site: Site = await make_site(agents=2, chat=True)
    async with (
        softphone(site, "a1", tmp_path) as first,
        softphone(site, "a2", tmp_path) as second,
        visiting(site) as visitor,
    ):
        who = await begun(site, first, visitor)
        await first.message(who, "/transfer 999")
        assert "no queue and no agent" in (await conversation(first))[1]
        await first.message(who, "/transfer")
        assert "needs the extension" in (await conversation(first))[1]
        await site.login("a2")
        await first.message(who, "/transfer 302")
        again, offer = await conversation(second)
        assert again == who and offer.endswith(SO_FAR), offer
        await first.message(who, "One moment, please.")
        assert (await visitor.get("text", 2))["text"] == "One moment, please."
        await site.kill()
        await site.start()
        again, offer = await conversation(second)
        assert offer.endswith(f"{SO_FAR}\nagent a1: One moment, please."), "also after a crash"
        async with visiting(site) as back:
            await back.hello(token=visitor.token)
            await second.message(who, "Hello, this is a2.")
            heard = await back.get("text")
            if heard["text"] == "One moment, please.":  # at least once: that it was delivered may be lost
                heard = await back.get("text", 2)
            assert heard["text"] == "Hello, this is a2."
            assert (await conversation(first))[1] == "(passed on)"
            await back.send("text", text="Thank you", id="m3")
            assert (await conversation(second))[1] == "Thank you"
            await second.message(who, "/close")
            await back.get("ended")
        (record,) = await site.until_records(1)
    assert record.agents == ["a1", "a2"] and record.outcome == "handled"


async def test_an_agent_whose_phone_is_gone_loses_the_chat_to_the_next(
    make_site: Make, tmp_path: Path
) -> None:
    site: Site = await make_site(agents=2, chat=True)
    async with (
        softphone(site, "a1", tmp_path) as first,
        softphone(site, "a2", tmp_path) as second,
        visiting(site) as visitor,
    ):
        who = await begun(site, first, visitor)
        await site.login("a2")
        await first.register(False)
        await first.event("unregistered")
        await visitor.send("text", text="Hello?", id="m3")
        again, offer = await conversation(second)
        assert again == who and offer.endswith(f"{SO_FAR}\ncustomer: Hello?"), offer
        await second.message(who, "Here I am.")
        assert (await visitor.get("text", 2))["text"] == "Here I am."
        await visitor.send("bye")
        (record,) = await site.until_records(1)
    assert record.agents == ["a1", "a2"]


async def test_of_several_phones_that_ring_each_may_take_a_chat(make_site: Make, tmp_path: Path) -> None:
    """The same correspondent stands on all of them: who wrote decides whose offer is meant."""
    site: Site = await make_site(agents=2, chat=True, tables={"queues.chat": {"strategy": "ring_all"}})
    async with (
        softphone(site, "a1", tmp_path) as first,
        softphone(site, "a2", tmp_path) as second,
        visiting(site) as visitor,
    ):
        await site.login()
        for number, (winner, other) in enumerate(((first, second), (second, first)), 1):
            async with visiting(site) as guest:
                await guest.hello()
                await guest.send("text", text=f"guest {number}", id="m1")
                who, _ = await conversation(winner)
                assert (await conversation(other))[0] == who
                await winner.message(who, f"taken {number}")
                assert (await guest.get("text"))["text"] == f"taken {number}"
                assert "taken by" in (await conversation(other))[1]
                await winner.message(who, "/close")
                await guest.get("ended")
        assert not visitor.of("text")
        await site.until_records(2)
