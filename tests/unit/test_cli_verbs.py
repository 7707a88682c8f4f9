"""Every verb of ccctl: its help, its JSON, its exit codes; and what people see of a centre at work."""

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ccd.cli import agents, ended, interactions, queues, report, status, top
from ccd.cli.main import command, main
from ccd.cli.reference import reference, walk
from ccd.cli.session import LATER, REFUSED, UNREACHABLE, WRONG, exit_code
from ccd.cli.text import ROOMY, SHORT, cells
from ccd.control.client import Declined, Unreachable
from ccd.errors import CcdError, IllegalMove, Misconfigured, PeerBroke, Refused, TryLater
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.model.rules import FlowRule, OwnCalls, PauseReason
from ccd.model.steps_surveys import Survey
from ccd.runtime import verbs as console
from tests.unit.control_room import DISPOSITIONS, ESCAPE, RULES, Room

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "ccctl.md"
VERBS = dict(walk(command()))
LOCAL = {
    ("check",),
    ("prompts", "build"),
    ("prompts", "list"),
    ("prompts", "pieces"),
    ("completion",),
    ("staff",),
    ("simulate",),
    ("calendar", "show"),
    ("calendar", "next"),
    ("flow", "check"),
    ("flow", "draw"),
    ("flow", "rehearse"),
    ("flow", "test"),
}
NEEDS = {
    "request": "4711-1",
    "switch": "on",
    "agent": "alice",
    "interaction": "1",
    "profile": "rush",
    "code": "1",
    "queue": "sales",
    "notice": "n1",
    "customer": "+33612345678",
}
OPTIONS = {
    ("agent", "wrap-up"): ["--end"],
    ("flow", "notice", "add"): ["outage", "--for", "2h"],
}
"""Options without which a verb does not work."""
FOLDER = Path(__file__).parents[2] / "conf"


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    return int(ended.value.code or 0)


def needed(command: Any) -> list[str]:
    """Values for the arguments without which a verb does not work."""
    return [
        NEEDS[each.name] for each in command.params if each.param_type_name == "argument" and each.required
    ]


# -- every verb ------------------------------------------------------------------------------------------


def test_the_verbs_of_the_brief_are_there() -> None:
    asked = (
        "status, top, agents, agent explain, agent login, agent logout, agent pause, agent ready, "
        "agent reasons, "
        "agent wrap-up, "
        "queues, queue close, queue open, flow notice add, flow notice list, flow notice remove, "
        "interactions, interaction show, interaction explain, interaction change, "
        "interaction callback, interaction disposition, interaction mask, interaction hangup, "
        "voicemail list, survey answers, customer show, customer forget, customer erase, "
        "payments list, payments settle, "
        "profile list, profile show, profile on, profile off, trunks, services, bots, devices, sip trace, "
        "report, "
        "staff, simulate, check, diff, reload, drain, backup, calendar show, calendar next, prompts build, "
        "prompts list, prompts pieces, completion, "
        "flow check, flow draw, flow rehearse, flow test, flow stats"
    )
    assert {" ".join(words) for words in VERBS} == set(asked.split(", "))


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_help_has_an_example_and_words_for_every_option(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, "--help") == 0
    shown = capsys.readouterr().out
    assert "Example:" in shown
    assert f"  ccctl {' '.join(words)}" in shown
    assert "--json" in shown
    assert all(each.help for each in VERBS[words].params)
    assert all(cells(line) <= 80 for line in shown.splitlines())


@pytest.mark.parametrize("words", sorted(VERBS.keys() - LOCAL), ids=" ".join)
def test_without_a_daemon_every_verb_says_so(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "no.sock")
    values = needed(VERBS[words]) + OPTIONS.get(words, [])
    assert run("--socket", nowhere, *words, *values) == UNREACHABLE
    told = capsys.readouterr()
    assert told.out == ""
    assert (
        told.err
        == f"ccctl: no daemon at {nowhere}: there is no such socket — start ccd, or name it with --socket\n"
    )
    assert run("--socket", nowhere, *words, *values, "--json") == UNREACHABLE
    assert set(json.loads(capsys.readouterr().out)["error"]) == {"kind", "code", "problem", "cure", "details"}


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_wrong_usage_is_code_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words, "--colour") == WRONG
    assert "No such option" in capsys.readouterr().err
    assert run(*words, "--json", "--colour") == WRONG
    told = json.loads(capsys.readouterr().out)["error"]
    assert told["kind"] == "usage" and told["problem"].startswith("No such option: --colour")
    assert told["cure"] == f"see `ccctl {' '.join(words)} --help`"


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("agent", "login", "--json"), "Missing argument"),
        (("agent", "wrap-up", "alice", "--json"), "--extend or --end"),
        (("agent", "frob", "--json"), "No such command"),
        (("agent", "pause", "alice", "lunch", "now", "--json"), "unexpected extra argument"),
    ],
)
def test_wrong_usage_has_the_shape_of_every_error(
    argv: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == WRONG
    told = capsys.readouterr()
    assert told.err == ""
    error = json.loads(told.out)["error"]
    assert problem in error["problem"]
    assert set(error) == {"kind", "code", "problem", "cure", "details"}


@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize("form", [["--socket", "nowhere"], ["--socket=nowhere"]])
def test_the_socket_may_be_named_anywhere_on_the_line(
    where: int, form: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["agent", "reasons"]
    assert run(*words[:where], *form, *words[where:]) == UNREACHABLE
    assert "no daemon at nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["status", "--", "--socket", "x"], ["status", "--socket"]])
def test_what_cannot_be_the_socket_stays_where_it_is(argv: list[str]) -> None:
    assert run(*argv) == WRONG


def test_the_socket_may_be_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CCD_SOCKET", str(tmp_path / "env.sock"))
    assert run("status") == UNREACHABLE
    assert "env.sock" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Declined("refused", "a", "b"), REFUSED),
        (Declined("fault", "a", "b"), REFUSED),
        (Declined("usage", "a", "b"), WRONG),
        (Declined("misconfigured", "a", "b"), WRONG),
        (Declined("try_later", "a", "b"), LATER),
        (Unreachable("a", "b"), UNREACHABLE),
        (Refused("a", "b"), REFUSED),
        (Misconfigured("a", "b"), WRONG),
        (TryLater("a", "b"), LATER),
        (PeerBroke("a", "b"), REFUSED),
        (IllegalMove("a", "b"), REFUSED),
    ],
)
def test_exit_codes(error: CcdError, code: int) -> None:
    assert exit_code(error) == code


def test_the_page_is_not_stale() -> None:
    assert PAGE.read_text() == reference(), "run: python -m ccd.cli.reference > docs/reference/ccctl.md"


def test_a_start_does_not_load_what_it_does_not_need() -> None:
    asked = "import sys, ccd.cli.main; print([m for m in sys.modules if m in %r])"
    heavy = (
        "rich",
        "msgspec",
        "structlog",
        "uvloop",
        "asyncio",
        "ccd.config.load",
        "phonenumbers",
        "zoneinfo",
    )
    done = subprocess.run(
        [sys.executable, "-c", asked % (heavy,)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# -- verbs that ask no daemon ------------------------------------------------------------------------------


def test_check_tells_faults_and_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ccd.toml").write_text('[queues.sales]\nagents = ["eve"]\n')
    assert run("check", str(tmp_path)) == WRONG
    assert "ccd.toml:2:" in capsys.readouterr().err
    assert run("check", str(tmp_path), "--json") == WRONG
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_check_of_the_reference_configuration_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", str(FOLDER)) == 0
    assert "good" in capsys.readouterr().out


def test_diff_of_two_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("old", ""), ("new", '[daemon]\ncountry = "DE"\n'), ("bad", "nonsense = 1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ccd.toml").write_text(text)
    old, new, bad = (str(tmp_path / name) for name in ("old", "new", "bad"))
    assert run("diff", old, new) == 0
    assert "daemon.country" in capsys.readouterr().out
    assert run("diff", old, old) == 0
    assert capsys.readouterr().out == "no difference\n"
    assert run("diff", old, bad) == WRONG
    assert "nonsense" in capsys.readouterr().err
    assert run("diff", old) == WRONG


def test_prompts_are_listed_with_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "en" / "queue").mkdir(parents=True)
    (tmp_path / "en" / "texts.toml").write_text(
        '[texts]\nwelcome = "Welcome."\n"queue/hold" = "Please hold."\n'
    )
    (tmp_path / "en" / "queue" / "hold.wav").write_bytes(b"")
    assert run("prompts", "list", str(tmp_path), "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["queue/hold"]["recorded"] is True
    assert rows["welcome"] == {"language": "en", "name": "welcome", "recorded": False, "text": "Welcome."}
    assert run("prompts", "list", str(tmp_path)) == 0
    assert "MISSING" in capsys.readouterr().out
    assert run("prompts", "list", str(tmp_path), "--language", "de") == REFUSED
    assert "it has: en" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_the_shell_takes(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("completion", shell) == 0
    assert "_CCCTL_COMPLETE" in capsys.readouterr().out
    assert run("completion", "tcsh") == WRONG


def test_completion_offers_verbs() -> None:
    environ = {**os.environ, "_CCCTL_COMPLETE": "complete_bash", "COMP_WORDS": "ccctl age", "COMP_CWORD": "1"}
    argv = [sys.executable, "-c", "import sys; sys.argv[0]='ccctl'; from ccd.cli.main import main; main()"]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["agents", "agent"]


# -- what people see -----------------------------------------------------------------------------------------


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with Room() as running:
        yield running


async def busy(room: Room) -> None:
    """Alice talks, bob is at lunch, two wait, one of them with an evil name."""
    await room.ready("alice")
    await room.ask("agent.pause", agent="bob", reason="lunch")
    await room.talk()
    await room.call(display=ESCAPE)
    await room.call("+332")
    room.clock.advance(83)


async def test_a_pause_shows_what_is_left_of_it_and_stands_in_the_report(room: Room) -> None:
    lunch = PauseReason("lunch", paid=False, longest_s=600.0)
    room.runtime.post(facts.RulesLoaded(msgspec.structs.replace(RULES, pause_reasons={"1": lunch})))
    await room.runtime.settled()
    await room.ready("bob")
    await room.ask("agent.pause", agent="bob", reason="1")
    room.clock.advance(90)
    assert "paused: lunch, 8:30 left" in agents.agent_table(await room.ask("agents"))[2]
    room.clock.advance(570)
    assert "paused: lunch, 1:00 over" in agents.agent_table(await room.ask("agents"))[2]
    assert report.pause_lines((await room.ask("report"))["pauses"]) == ["no pause has ended today"]
    shown = await room.ask("agent.ready", agent="bob")
    assert (shown["totals"]["unpaid_pause_s"], shown["totals"]["pause_s"]) == (660.0, {"lunch": 660.0})
    _, bob, whole = report.pause_lines((await room.ask("report"))["pauses"])
    assert bob.split() == ["bob", "lunch", "1", "0:00", "11:00"]
    assert whole.split() == ["all", "1", "0:00", "11:00"]


async def test_an_answer_stands_in_the_report_and_in_the_record(room: Room) -> None:
    steps = (Survey(name="nps1", kind="nps"),)
    rules = msgspec.structs.replace(
        RULES,
        flows={**RULES.flows, "rate": FlowRule("rate", steps)},
        queues={
            name: msgspec.structs.replace(queue, after_call="rate") for name, queue in RULES.queues.items()
        },
    )
    room.runtime.post(facts.RulesLoaded(rules))
    await room.runtime.settled()
    nothing = report.survey_lines((await room.ask("report"))["surveys"]["today"])
    assert nothing == ["no survey has asked anything"]
    await room.ready("alice")
    await room.talk()
    (row,) = (await room.ask("interactions"))["listed"]
    await room.ask("interaction.hangup", interaction=row["interaction"], agent_only=True)
    with pytest.raises(Refused, match="is with no agent"):
        await room.ask("interaction.hangup", interaction=row["interaction"], agent_only=True)
    leg = room.centre.talks.state.talks[row["interaction"]].customer.leg
    room.runtime.post(facts.DigitPressed(leg, "3"))
    await room.runtime.settled()
    for span in ("today", "total"):
        _, question, _, agent = report.survey_lines((await room.ask("report"))["surveys"][span])
        assert question.split()[:9] == ["rate", "nps1", "all", "all", "1", "1", "100", "%", "-100"]
        assert agent.split()[3] == "alice" and agent.split()[-1] == "3:1"
    shown = await room.ask("interaction.show", interaction=row["interaction"])
    (answer,) = shown["record"]["answers"]
    assert (answer["question"], answer["answer"], answer["agent"]) == ("nps1", "3", "alice")
    assert any(line.split() == ["rate", "nps1", "3"] for line in interactions._shown(shown))


async def test_an_own_call_is_shown_and_stands_in_the_report(room: Room) -> None:
    own = OwnCalls(may_dial=("+33",))
    room.runtime.post(facts.RulesLoaded(msgspec.structs.replace(RULES, own_calls=own)))
    await room.runtime.settled()
    assert report.own_call_lines((await room.ask("report"))["own_calls"]) == [
        "no agent's own call has ended today"
    ]
    device = RULES.agents["bob"].devices[0]
    for target in ("+33145678901", "+4420719460000"):
        room.runtime.post(facts.AgentDialled(f"voice:{target}", device, target))
    await room.runtime.settled()
    assert "logged out" not in agents.agent_table(await room.ask("agents"), 120)[2]
    assert "talking outside queues" in agents.agent_table(await room.ask("agents"), 120)[2]
    table = interactions.interaction_table(await room.ask("interactions"), 120)
    assert "bob" in table[1] and "+33145678901" in table[1]
    shown = "\n".join(interactions._shown(await room.ask("interaction.show", interaction="1")))
    assert "dialled by" in shown
    room.runtime.post(facts.LegEnded("voice:+33145678901", Cause.CANCELLED))
    room.runtime.post(facts.LegEnded("voice:+4420719460000", Cause.FORBIDDEN))
    await room.runtime.settled()
    _, bob, whole = report.own_call_lines((await room.ask("report"))["own_calls"])
    assert bob.split() == ["bob", "2", "0", "0", "1", "0", "0:00"] and whole.split()[0] == "all"


async def test_what_is_pending_is_said(room: Room) -> None:
    await busy(room)
    said = agents._said(await room.ask("agent.pause", agent="alice", reason="training", when_done=True))
    assert said == ["alice is talking, then paused: training"]
    assert "talking, then paused: training" in agents.agent_table(await room.ask("agents"), 120)[1]
    said = agents._said(await room.ask("agent.logout", agent="alice", when_done=True))
    assert said == ["alice is talking, then logged out"]


async def test_tables_of_a_busy_centre(room: Room) -> None:
    await busy(room)
    heads, alice, bob, carol = agents.agent_table(await room.ask("agents"), 80)
    assert heads.split()[:3] == ["AGENT", "STATE", "FOR"]
    assert alice.split()[:2] == ["alice", "talking"]
    assert " 100/100 " in alice
    assert bob.startswith("bob    paused: lunch  1:23")
    assert "logged out" in carol
    _, sales, support = queues.queue_table(await room.ask("queues"), 80)
    assert sales.split()[:7] == ["sales", "1", "1:23", "-", "1", "0", "2"]
    assert support.split()[:7] == ["support", "1", "1:23", "-", "0", "0", "0"]
    _, first, second, third = interactions.interaction_table(await room.ask("interactions"), 80)
    assert first.split()[:5] == ["1", "voice", "talking", "sales", "-"]
    assert second.split()[:5] == ["2", "voice", "waiting", "sales", "1"]
    assert third.split()[:5] == ["3", "voice", "waiting", "support", "1"]


async def test_a_name_that_steers_terminals_is_shown_harmless(room: Room) -> None:
    await busy(room)
    shown = interactions.interaction_table(await room.ask("interactions"), 120)
    shown += list(interactions._shown(await room.ask("interaction.show", interaction="2")))
    shown += top.frame_lines(await room.ask("top"), 120)
    assert any("Eve·[2J·X" in line for line in shown)
    assert all(char.isprintable() for line in shown for char in line)


async def test_a_frame_of_top_fits_the_screen(room: Room) -> None:
    await busy(room)
    for _ in range(30):
        await room.call()
    frame = await room.ask("top")
    for columns, height in ((80, 24), (60, 15), (200, 60), (40, 10)):
        lines = top.frame_lines(frame, columns, height)
        assert len(lines) <= height
        assert all(cells(line) <= columns for line in lines if not line.startswith("! "))
    lines = top.frame_lines(frame, 80, 24)
    assert lines[1].startswith("interactions 33: 32 waiting, 1 talking")
    assert any("more" in line for line in lines)
    assert any(line.startswith("QUEUE") for line in lines)
    assert any(line.startswith("AGENT") for line in lines)
    assert any(line.startswith("! queue without agents support") for line in lines)
    assert len(top.frame_lines(frame, 80)) > 33


async def test_status_in_words(room: Room) -> None:
    await busy(room)
    shown = "\n".join(status._lines(await room.ask("status")))
    assert "interactions  3: 2 waiting, 1 talking; 3 interactions so far" in shown
    assert "agents        3: 1 talking, 1 paused, 1 logged out" in shown
    assert "! queue without agents support: 1 waiting, nobody logged in" in shown
    assert "alarms" not in shown


async def test_report_adds_up_in_its_last_line(room: Room) -> None:
    await busy(room)
    for span, day in (("today", True), ("total", False)):
        *_, everything, empty, equation = report._lines((await room.ask("report"))[span], day)
        assert everything.split() == ["all", "3", "1", "0", "0", "2"]
        assert empty == ""
        assert equation == "offered 3 = handled 1 + abandoned 0 + overflowed 0 + waiting 2"


async def test_callbacks_are_told_from_those_who_hold_the_line(room: Room) -> None:
    await busy(room)
    assert "CALLBACKS" not in queues.queue_table(await room.ask("queues"))[0]
    held = [row for row in (await room.ask("interactions"))["listed"] if row["phase"] == "waiting"]
    name = next(row["interaction"] for row in held if row["queue"] == "sales")
    said = interactions._called_back(
        await room.ask("interaction.callback", interaction=name, number="+33123456789")
    )
    assert said == [f"interaction {name} is called back at +33123456789: place 1 in sales is kept"]
    head, *rows = queues.queue_table(await room.ask("queues"), 200)
    assert head.split()[:4] == ["QUEUE", "WAITING", "FOR", "CALLBACKS"]
    assert next(row.split()[:4] for row in rows if row.startswith("sales")) == ["sales", "0", "-", "1"]
    row = next(each for each in (await room.ask("interactions"))["listed"] if each["interaction"] == name)
    assert interactions._state(row) == "callback in 0:15"
    shown = await room.ask("interaction.show", interaction=name)
    assert any(
        "+33123456789, next in 0:15, given up in 8:00:00" in line for line in interactions._shown(shown)
    )
    row["callback"] |= {"attempts": 2, "last": "no_answer", "next_s": 0.0}
    assert interactions._state(row) == "callback"
    told = interactions._callback(row["callback"])
    assert told.startswith("+33123456789, 2 failed, the last no answer, given up in")
    await room.ask("interaction.hangup", interaction=name)
    head, *_, equation = report._lines((await room.ask("report"))["today"], day=True)
    assert equation == "offered 3 = handled 1 + abandoned 0 + overflowed 0 + callback failed 1 + waiting 1"


async def test_those_who_waited_at_midnight_belong_to_the_day(room: Room) -> None:
    await busy(room)
    room.clock.advance(86_400)
    today = (await room.ask("report"))["today"]
    assert today["sums"]["brought"] == 2
    *_, line = report._lines(today, day=True)
    right = "handled 0 + abandoned 0 + overflowed 0 + waiting 2"
    assert line == f"offered 0 + from the day before 2 = {right}"


@pytest.mark.parametrize(("more", "said"), [(5, "5 missing"), (-2, "2 too many")])
async def test_a_report_that_does_not_add_up_says_so(room: Room, more: int, said: str) -> None:
    await busy(room)
    room.centre.history.state.totals["sales"].offered += more
    *_, equation, alarm, fault = report._lines((await room.ask("report"))["total"], day=False)
    assert equation == f"offered {3 + more} is not handled 1 + abandoned 0 + overflowed 0 + waiting 2"
    assert alarm.startswith(f"! the figures do not add up: {said}")
    assert fault.startswith(f"! queue sales: offered {2 + more} is not")


async def test_a_day_with_fewer_ends_than_offers_does_not_add_up_either(room: Room) -> None:
    await busy(room)
    (today,) = room.centre.history.state.days.values()
    today["sales"].offered += 1
    lines = list(report._lines((await room.ask("report"))["today"], day=True))
    assert lines[-1].startswith("! the figures do not add up: 1 missing")


async def test_heads_are_whole_words_where_there_is_room(room: Room) -> None:
    await busy(room)
    rows = await room.ask("queues")
    assert queues.queue_table(rows, 100)[0].split() == list(queues.HEADS)
    narrow = "QUEUE WAIT FOR EWT TALK FREE AGENTS OFF HAND ABD OVF SL ASA"
    assert queues.queue_table(rows, 99)[0].split() == narrow.split()
    assert queues.queue_table(rows, 80)[0].split() == narrow.split()


@pytest.mark.parametrize("columns", [80, 100])
async def test_no_head_is_cut_whatever_stands_below(
    room: Room, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    await busy(room)
    await room.leave(await room.call("+333"))
    rows = [{**row, "queue": row["queue"] * 9} for row in await room.ask("queues")]
    answer = await room.ask("report")
    for row in answer["today"]["queues"]:
        row["queue"] *= 9
    past = await room.ask("interactions.ended")
    past["listed"][0]["agents"] = ["alice", "bob", "carol", "dave", "eve"] * 3
    people = [{**row, "interactions": ["1"] * 20} for row in await room.ask("agents")]
    for lines, heads in (
        (queues.queue_table(rows), queues.HEADS),
        (list(report._lines(answer["today"], day=True))[1:], report.HEADS),
        (ended.ended_table(past), ended.HEADS),
        (agents.agent_table(people), agents.HEADS),
    ):
        shown = heads if columns >= ROOMY else [SHORT.get(head, head) for head in heads]
        assert " ".join(lines[0].split()) == " ".join(shown)
        assert any("…" in line for line in lines[1:])


async def test_what_is_over_in_a_table(room: Room) -> None:
    await room.ready("alice")
    leg, _ = await room.talk()
    await room.leave(await room.call(), after_s=4)
    await room.leave(leg, after_s=9)
    answer = await room.ask("interactions.ended")
    heads, first, second = ended.ended_table(answer, 80)
    assert heads.split() == ["ID", "CHAN", "FROM", "QUEUE", "OUTCOME", "WAIT", "TALK", "AGENTS", "ENDED"]
    last = datetime.fromtimestamp(room.clock.now())
    assert first.split() == [
        "1",
        "voice",
        "+33612345678",
        "sales",
        "handled",
        "-",
        "0:13",
        "alice",
        f"{last:%T}",
    ]
    assert second.split()[4:8] == ["abandoned", "0:04", "-", "-"]
    later = {**answer, "at": room.clock.now() + 86_400, "more": True}
    *_, old, more = ended.ended_table(later, 80)
    assert f"{last:%m-%d}" in old
    assert more == "… and older ones (--limit, --since)"
    answer["listed"][0]["talked_s"] = None
    assert " unreadable " in ended.ended_table(answer, 80)[1]
    assert ended.ended_table({"listed": [], "since": 0.0}) == ["no ended interactions"]
    assert ended.ended_table({"listed": [], "since": 9.0}) == ["no ended interactions since then"]


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("90s", {"within_s": 90.0}),
        ("2h", {"within_s": 7200.0}),
        ("7d", {"within_s": 604_800.0}),
        ("1w", {"within_s": 604_800.0}),
        ("2026-11-22", {"since": datetime(2026, 11, 22).timestamp()}),
        ("2026-11-22 14:30", {"since": datetime(2026, 11, 22, 14, 30).timestamp()}),
        ("1970-01-02T00:00:00+00:00", {"since": 86_400.0}),
    ],
)
def test_since_when(said: str, asked: dict[str, float]) -> None:
    assert ended.start(said) == asked


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--ended", "--since", "yesterday"), "90m, 2h, 7d or a date"),
        (("--ended", "--since", "2026-13-01"), "is no time"),
        (("--ended", "--since", "9999999999999999h"), "is no time"),
        (("--ended", "--since", "٢h"), "is no time"),
        (("--since", "2h"), "add --ended"),
        (("--ended", "--agent", "alice"), "leave it or --ended out"),
        (("--ended", "--limit", "1001"), "'--limit'"),
        (("--ended", "--limit", "0"), "'--limit'"),
    ],
)
def test_wrong_wishes_for_what_is_over(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("interactions", *argv) == WRONG
    assert words in " ".join(capsys.readouterr().err.split())


def test_ccctl_and_the_daemon_agree_on_the_longest_list() -> None:
    assert ended.MOST == console.ENDED_LIMIT


async def test_show_and_explain_read_like_a_story(room: Room) -> None:
    await busy(room)
    shown = list(interactions._shown(await room.ask("interaction.show", interaction="1")))
    assert "state        talking" in shown
    assert "agents       alice" in shown
    assert any(line.startswith("agent     voice:d1") for line in shown)
    said = interactions._explained(await room.ask("interaction.explain", interaction="1"))
    assert any("passed over bob: paused: lunch" in line for line in said)


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("agent.login", "alice is ready, but without phone: "),
        ("agent.pause", "alice is paused: pause"),
        ("agent.logout", "alice is logged out"),
    ],
)
async def test_what_an_agent_verb_says(room: Room, verb: str, said: str) -> None:
    (line,) = agents._said(await room.ask(verb, agent="alice"))
    assert line.startswith(said)


async def test_an_agent_is_explained_by_what_it_holds_and_why_it_does_not_get_what_waits(room: Room) -> None:
    await room.ready("alice")
    said = agents._explained(await room.ask("agent.explain", agent="alice"))
    assert said[0].startswith("alice is free (for ") and said[0].endswith("load 0/100")
    assert said[1:] == ["  sales: nothing waits"]
    await busy(room)
    said = agents._explained(await room.ask("agent.explain", agent="alice"))
    assert said[0].endswith("load 100/100")
    assert "  holds 1, connected in sales: load 100" in said
    assert any(
        line.startswith("  sales: 1 waits; 2 (for ") and line.endswith("load 100/100") for line in said
    )
    said = agents._explained(await room.ask("agent.explain", agent="bob"))
    assert any("not yet: paused: lunch" in line for line in said)


async def test_figures_of_an_agent_are_as_of_now_and_not_as_of_the_last_change(room: Room) -> None:
    """Ready for 60 s, then 30 s in a conversation that runs, then 15 s of wrap-up that runs."""
    await room.rules(sales={"wrap_up_s": 60.0})
    await room.ready("alice")
    room.clock.advance(60)
    leg, _ = await room.talk()
    room.clock.advance(30)
    row = next(each for each in await room.ask("agents") if each["agent"] == "alice")
    assert (row["doing"], row["doing_s"], row["since_s"]) == ("talking", 30.0, 90.0)
    assert (row["totals"]["idle_s"], row["totals"]["busy_s"]) == (60.0, 30.0)
    assert row["occupancy_pct"] == pytest.approx(100 * 30 / 90)
    assert re.search(r"talking +0:30 .* 33 %$", agents.agent_table([row], 120)[1])
    await room.leave(leg, after_s=0)
    room.clock.advance(15)
    (said,) = [line for line in agents.agent_table(await room.ask("agents"), 120) if line.startswith("alice")]
    assert re.search(r"in wrap-up, 0:45 left +0:15 .* 43 %$", said)
    first = agents._explained(await room.ask("agent.explain", agent="alice"))[0]
    assert first == "alice is in wrap-up, 0:45 left (for 0:15), load 0/100"


async def test_wrap_up_in_words(room: Room) -> None:
    await room.rules(sales={"wrap_up": "until_ended", "wrap_up_longest_s": 600.0, **DISPOSITIONS})
    await room.ready("alice")
    leg, _ = await room.talk()
    assert agents._said(await room.ask("agent.pause", agent="alice")) == ["alice is talking, then paused"]
    await room.ask("agent.ready", agent="alice")
    await room.leave(leg, after_s=9)
    room.clock.advance(61)
    waits = "in wrap-up: disposition of 1 missing, 8:59 left"
    assert waits in agents.agent_table(await room.ask("agents"), 120)[1]
    assert " 1:01 " in agents.agent_table(await room.ask("agents"), 120)[1]
    said = agents._said(await room.ask("agent.ready", agent="alice"))
    assert said == [f"alice is {waits.removesuffix(', 8:59 left')}, 8:59 left, then ready"]
    room.clock.advance(600)
    assert "61 s more than allowed, disposition of 1 missing" in "\n".join(
        status._lines(await room.ask("status"))
    )
    answer = await room.ask("interaction.disposition", interaction="1", code="call_back")
    assert interactions._disposed(answer) == ["interaction 1 of alice: call_back"]
    shown = list(interactions._shown(await room.ask("interaction.show", interaction="1")))
    assert "disposition  call_back (ccctl:root)" in shown
    assert any(line.endswith("wrap up ended: agent alice, seconds 661.0") for line in shown)
    assert report.disposition_lines((await room.ask("report"))["today"]["queues"]) == [
        "QUEUE  DISPOSITION  COUNT  SHARE",
        "sales  call_back        1  100 %",
    ]


@pytest.mark.parametrize("options", [(), ("--extend", "--end")])
def test_wrap_up_needs_one_wish(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("agent", "wrap-up", "alice", *options) == WRONG
    assert "--extend or --end" in capsys.readouterr().err


async def test_a_timed_wrap_up_tells_what_is_left_and_may_be_extended(room: Room) -> None:
    await room.rules(sales={"wrap_up_s": 30.0, "wrap_up_extend_s": 45.0, "wrap_up_extensions": 1})
    await room.ready("alice")
    leg, _ = await room.talk()
    await room.leave(leg, after_s=9)
    said = agents._said(await room.ask("agent.wrap_up", agent="alice", extend=True))
    assert said == ["alice is in wrap-up, 1:15 left"]
    assert agents._said(await room.ask("agent.wrap_up", agent="alice", end=True)) == ["alice is free"]
    assert report.disposition_lines((await room.ask("report"))["total"]["queues"]) == ["no dispositions"]


def test_what_was_required_and_not_given_has_a_line_of_its_own() -> None:
    row = {"queue": "sales", "dispositions": {"sale": 3}, "dispositions_missing": 1}
    assert report.disposition_lines([row])[1:] == [
        "sales  sale             3   75 %",
        "sales  (missing)        1   25 %",
    ]


async def test_pausing_a_talking_agent_tells_what_comes_after(room: Room) -> None:
    await room.ready("alice")
    await room.talk()
    assert agents._said(await room.ask("agent.pause", agent="alice")) == ["alice is talking, then paused"]
