"""The whole way from files to settings: shipped configurations, joining, overrides, numbers, rubbish."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.config.load import ConfigFaults, check, load
from ccd.config.numbers import is_country
from ccd.control.protocol import trouble_of
from ccd.model.numbers import to_e164
from ccd.model.settings import Settings
from ccd.model.steps import Enqueue, Menu, Transfer

CONF = Path(__file__).parents[2] / "conf"


def write(folder: Path, text: str, **fragments: str) -> Path:
    (folder / "ccd.toml").write_text(text)
    for name, content in fragments.items():
        (folder / "conf.d").mkdir(exist_ok=True)
        (folder / "conf.d" / f"{name}.toml").write_text(content)
    return folder


def good(folder: Path, text: str, **fragments: str) -> Settings:
    return load(write(folder, text, **fragments), {})


# -- what is shipped -----------------------------------------------------------------------------


def test_the_reference_configuration_passes_in_a_fresh_clone() -> None:
    settings, faults = check(CONF)
    assert settings is not None, [fault for fault in faults if not fault.warning]
    assert all("credential" in fault.problem for fault in faults)
    assert len(settings.rules.agents) == 4
    assert set(settings.rules.queues) == {"sales", "support"}
    assert settings.rules.numbers == {"+33123456789": "welcome", "+33123456780": "accueil"}
    assert settings.trunks["carrier"].register and not settings.trunks["backup"].register
    assert isinstance(settings.rules.flows["accueil"].steps[3], Menu)


def test_the_reference_configuration_is_refused_at_a_start_without_its_secrets() -> None:
    with pytest.raises(ConfigFaults) as caught:
        load(CONF, {})
    keys = [fault.key for fault in caught.value.faults]
    assert "trunks.carrier.password" in keys and "devices.alice.password" in keys


def test_the_reference_configuration_starts_with_systemd_credentials(tmp_path: Path) -> None:
    for name in (
        "trunk-carrier",
        *(f"device-{who}" for who in ("alice", "bruno", "bruno-home", "chloe", "david")),
    ):
        (tmp_path / name).write_text(f"secret of {name}\n")
        (tmp_path / name).chmod(0o400)
    settings = load(CONF, {}, tmp_path)
    assert settings.devices["bruno-home"].password.reveal() == "secret of device-bruno-home"


def test_every_line_commented_out_in_the_reference_is_true(tmp_path: Path) -> None:
    """`# key = default` lines are taken in: the file must stay valid and say the same."""
    (tmp_path / "conf.d").mkdir()
    for file in (CONF / "ccd.toml", *sorted((CONF / "conf.d").glob("*.toml"))):
        lines = file.read_text().splitlines()
        opened = [
            line[2:] if line.startswith(("# ", "# [")) and is_toml(line[2:]) else line for line in lines
        ]
        (tmp_path / file.relative_to(CONF)).write_text("\n".join(opened))
    settings, faults = check(tmp_path)
    assert settings is not None, [fault for fault in faults if not fault.warning]
    plain, _ = check(CONF)
    assert plain is not None
    assert settings.ledger == plain.ledger
    assert settings.media == plain.media
    assert settings.rules.features == plain.rules.features
    assert settings.channels["web"].adapter == "webchat"
    assert settings.trunks["backup"].country == "GB"


def is_toml(line: str) -> bool:
    try:
        return bool(tomllib.loads(line))
    except tomllib.TOMLDecodeError:
        return False


def test_the_demo_starts_with_its_one_password(tmp_path: Path) -> None:
    settings = load(CONF / "demo", {"CCD_DEMO_PASSWORD": "x"}, overrides={"daemon.state_dir": str(tmp_path)})
    assert [(t.protocol, t.host, t.port) for t in settings.sip.transports] == [
        ("udp", "127.0.0.1", 5070),
        ("tcp", "127.0.0.1", 5070),
    ]
    assert settings.daemon.state_dir == str(tmp_path)
    assert settings.channels["web"].options.port == 8090
    menu = settings.rules.flows["welcome"].steps[2]
    assert isinstance(menu, Menu) and menu.choices == {"1": "sales", "2": "support", "9": "bye"}
    assert settings.sources == (str(CONF / "demo" / "ccd.toml"),)


# -- files ---------------------------------------------------------------------------------------


def test_an_empty_file_is_a_configuration(tmp_path: Path) -> None:
    settings = good(tmp_path, "")
    assert settings.sip.transports[0].port == 5060
    assert settings.rules.features.login == "*41"


def test_folder_and_main_file_are_the_same(tmp_path: Path) -> None:
    write(tmp_path, "[sip]\nt1_ms = 100\n", more="[media]\nworkers = 2\n")
    by_folder = load(tmp_path, {})
    assert load(tmp_path / "ccd.toml", {}) == by_folder
    assert (by_folder.sip.t1_ms, by_folder.media.workers) == (100, 2)
    assert len(by_folder.sources) == 2


def test_no_file_at_all(tmp_path: Path) -> None:
    settings, (fault,) = check(tmp_path)
    assert settings is None
    assert fault.file == str(tmp_path / "ccd.toml") and "no such file" in fault.problem


def test_sections_join_across_files(tmp_path: Path) -> None:
    settings = good(
        tmp_path,
        "[agents.alice]\n[sip]\nt1_ms = 100\n",
        a="[agents.bob]\n[sip]\nnonce_s = 60\n",
        b='[queues.sales]\nagents = ["alice", "bob"]\n',
    )
    assert set(settings.rules.agents) == {"alice", "bob"}
    assert (settings.sip.t1_ms, settings.sip.nonce_s) == (100, 60)


def test_fragments_that_cannot_be_read_are_a_fault_and_not_none(tmp_path: Path) -> None:
    """Half a configuration would start, or be taken by a reload: no agents, no queues."""
    write(tmp_path, "")
    (tmp_path / "conf.d").write_text("")
    settings, faults = check(tmp_path)
    assert settings is None
    ((place, problem),) = [(fault.file, fault.problem) for fault in faults]
    assert place.endswith("conf.d") and problem == "cannot be read: Not a directory"


def test_fragments_hidden_by_their_rights_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    write(tmp_path, "", agents="[agents.eve]\n")
    monkeypatch.setattr("ccd.config.files.os.scandir", denied)
    settings, faults = check(tmp_path)
    assert settings is None
    assert [fault.problem for fault in faults] == ["cannot be read: Permission denied"]


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_bytes(b"\xef\xbb\xbf[sip]\r\nt1_ms = 100\r\nt2 = 1\r\n")
    _, (fault,) = check(tmp_path)
    assert (fault.line, fault.key) == (3, "sip.t2")


def test_a_broken_file_does_not_make_names_unknown(tmp_path: Path) -> None:
    write(tmp_path, '[queues.sales]\nagents = ["alice"]\npriority = "x"\n', agents="[agents.alice\n")
    _, faults = check(tmp_path)
    assert [fault.key for fault in faults] == ["queues.sales.priority", ""]


def test_relative_paths_start_at_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/tess")
    text = '[daemon]\nstate_dir = "state"\nruntime_dir = "~/run"\n[media]\nrecordings = "/rec/../records"\n'
    settings = good(tmp_path, text)
    assert settings.daemon.state_dir == str(tmp_path / "state")
    assert settings.daemon.runtime_dir == "/home/tess/run"
    assert settings.media.recordings == "/records"
    assert settings.ledger.path == ""


# -- overrides -----------------------------------------------------------------------------------


def test_overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    write(tmp_path, '[daemon]\nlog = "json"\n[[sip.transports]]\n[[sip.transports]]\nprotocol = "tcp"\n')
    overrides = {
        "daemon.state_dir": "var/x",
        "daemon.log": "console",
        "sip.transports.1.port": "5099",
        "media.codecs": '["PCMA"]',
        "language": "fr",
        "agents.eve.capacity": "50",
    }
    settings, faults = check(tmp_path, overrides=overrides)
    assert settings is not None, [fault for fault in faults if not fault.warning]
    assert settings.daemon.state_dir == "/var/x"
    assert settings.daemon.log == "console"
    assert [transport.port for transport in settings.sip.transports] == [5060, 5099]
    assert settings.media.codecs == ("PCMA",)
    assert settings.rules.language == "fr"
    assert settings.rules.agents["eve"].capacity == 50


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("daemon.state", "x", "not a known key"),
        ("sip.t1_ms", "soon", "must be a whole number"),
        ("", "x", "is not a key"),
        ("a b", "x", "is not a key"),
        ("sip.transports.7.port", "1", "cannot be set"),
        ("language.x", "1", "cannot be set"),
    ],
)
def test_a_bad_override_is_a_fault_of_the_command_line(
    tmp_path: Path, key: str, value: str, words: str
) -> None:
    write(tmp_path, 'language = "en"\n[[sip.transports]]\nport = 5060\n')
    _, (fault,) = check(tmp_path, overrides={key: value})
    assert (fault.file, fault.line) == ("--set", 0)
    assert words in fault.problem


# -- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("+33123456789", "FR", "+33123456789"),
        ("+33 1 23 45 67 89", "GB", "+33123456789"),
        ("+33 (0)1 23 45 67 89", "FR", "+33123456789"),
        ("01.23.45.67.89", "FR", "+33123456789"),
        ("0033 1 23 45 67 89", "FR", "+33123456789"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("1000", "FR", "1000"),
        ("42", "FR", "42"),
        ("", "FR", ""),
        ("7", "FR", ""),
        ("0199", "XX", "0199"),
        ("0123456789", "XX", ""),
        ("0000000000", "FR", ""),
        ("+0123456789", "FR", ""),
        ("12345678901234567890123", "FR", ""),
        ("sip:alice@example.com", "FR", ""),
    ],
)
def test_to_e164(text: str, country: str, number: str) -> None:
    assert to_e164(text, country) == number


def test_countries() -> None:
    assert is_country("FR") and is_country("US") and is_country("GB")
    assert not any(is_country(code) for code in ("fr", "UK", "XX", "", "FRA", "../"))


def test_numbers_are_made_e164_everywhere(tmp_path: Path) -> None:
    settings = good(
        tmp_path,
        '[calendars.office]\nzone = "UTC"\nweekdays = ["09:00-18:00"]\n'
        '[numbers]\n"01 23 45 67 89" = "out"\n"web:sales" = "out"\n'
        '[[flows.out.steps]]\ndo = "transfer"\naddress = "01 23 45 67 80"\n'
        '[agents.a]\n[queues.q]\nagents = ["a"]\nmax_length = 1\noverflow = { address = "01 23 45 67 81" }\n'
        'calendar = "office"\nclosed_to = { address = "01 23 45 67 82" }\n'
        '[trunks.t]\nhost = "192.0.2.1"\ncountry = "GB"\ncaller_id = "020 7946 0958"\n',
    )
    assert settings.rules.numbers == {"+33123456789": "out", "web:sales": "out"}
    step = settings.rules.flows["out"].steps[0]
    assert isinstance(step, Transfer) and step.address == "+33123456780"
    assert settings.rules.queues["q"].overflow.address == "+33123456781"
    assert settings.rules.queues["q"].closed_to.address == "+33123456782"
    assert settings.trunks["t"].caller_id == "+442079460958"


def test_the_queues_of_day_and_night_may_pass_on_to_each_other(tmp_path: Path) -> None:
    rules = good(
        tmp_path,
        '[calendars.days]\nzone = "UTC"\nevery_day = ["08:00-20:00"]\n'
        '[calendars.nights]\nzone = "UTC"\nevery_day = ["20:00-08:00"]\n[agents.a]\n'
        '[queues.day]\nagents = ["a"]\ncalendar = "days"\nclosed_to = { queue = "night" }\n'
        '[queues.night]\nagents = ["a"]\ncalendar = "nights"\nclosed_to = { queue = "day" }\n',
    ).rules
    assert rules.queues["day"].closed_to.queue == "night"


def test_a_queue_without_agents_is_only_a_warning(tmp_path: Path) -> None:
    write(tmp_path, '[queues.sales]\n[[flows.in.steps]]\ndo = "queue"\nqueue = "sales"\n')
    settings, (fault,) = check(tmp_path)
    assert settings is not None and fault.warning and fault.key == "queues.sales.agents"
    step = load(tmp_path, {}).rules.flows["in"].steps[0]
    assert isinstance(step, Enqueue)


# -- rubbish -------------------------------------------------------------------------------------

WHOLE = "\n".join(file.read_text() for file in (CONF / "ccd.toml", *sorted((CONF / "conf.d").glob("*.toml"))))
LINES = [line for line in WHOLE.splitlines() if line and not line.startswith("#")]
values = st.sampled_from(
    [
        "0",
        "-1",
        "1e400",
        "nan",
        '""',
        '"x"',
        '"\\u0000"',
        "true",
        "[]",
        "[[]]",
        "{}",
        "[{}]",
        "{ a = 1 }",
        "1979-05-27",
    ]
)


@given(data=st.data())
def test_any_configuration_gives_settings_or_faults(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Lines of the reference with other values, left out, twice, or in another order."""
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(lines) - 1))
        key, sign, _ = lines[at].partition(" = ")
        match data.draw(st.sampled_from(["value", "drop", "swap", "table"])):
            case "value" if sign:
                lines[at] = key + sign + data.draw(values)
            case "swap":
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "table":
                table = data.draw(st.sampled_from(["sip", "agents", "numbers", "queues", "x"]))
                lines[at] = f"{table} = {data.draw(values)}"
            case _:
                del lines[at]
    folder = tmp_path_factory.mktemp("fuzz")
    settings, faults = check(write(folder, "\n".join(lines)))
    assert (settings is None) == any(not fault.warning for fault in faults)
    for fault in faults:
        assert fault.problem and fault.cure and 0 < fault.line <= len(lines) + 1


@given(content=st.binary(max_size=60))
def test_any_bytes_give_settings_or_faults(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "ccd.toml").write_bytes(content)
    settings, faults = check(folder)
    assert (settings is None) == bool(faults)


def test_a_refused_reload_counts_its_faults_and_not_its_warnings(tmp_path: Path) -> None:
    """One unknown agent, and a queue that nobody serves."""
    (tmp_path / "ccd.toml").write_text('[queues.sales]\nagents = ["zoe"]\n[queues.support]\nagents = []\n')
    _, faults = check(tmp_path)
    assert sorted(fault.warning for fault in faults) == [False, True]
    said = trouble_of(ConfigFaults(tuple(faults)))
    assert said.problem == "the configuration has 1 fault; the former one stays"
