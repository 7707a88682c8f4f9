"""Each configuration in tests/data/broken gets exactly the faults of its expected.txt, all at once.

A line of expected.txt is `FILE:LINE: KEY: WORDS OF THE PROBLEM`.
"""

from pathlib import Path

import pytest

from ccd.config.load import ConfigFaults, check, load

BROKEN = Path(__file__).parents[1] / "data" / "broken"
CASES = sorted(path for path in BROKEN.iterdir() if path.is_dir())


def test_there_are_cases() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_broken_configuration(case: Path) -> None:
    settings, faults = check(case)
    assert settings is None
    found = [fault for fault in faults if not fault.warning]
    expected = (case / "expected.txt").read_text().splitlines()
    for line, fault in zip(expected, found, strict=False):
        where, _, problem = line.partition(": ")
        key, _, words = problem.partition(": ") if not problem.startswith(":") else ("", "", problem[2:])
        file = Path(fault.file).relative_to(case)
        assert (f"{file}:{fault.line}", fault.key) == (where, key)
        assert words and words in fault.problem.replace(f"{case}/", "")
        assert fault.cure
    assert len(found) == len(expected), [fault.problem for fault in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_start_refuses_it(case: Path) -> None:
    with pytest.raises(ConfigFaults) as caught:
        load(case, {})
    assert caught.value.code == "config"
    assert str(case / "ccd.toml") in str(caught.value) or str(case / "conf.d") in str(caught.value)


def test_faults_of_all_files_come_at_once_and_in_order() -> None:
    _, faults = check(BROKEN / "32-many-at-once")
    assert len({fault.file for fault in faults}) == 4
    assert [(fault.file, fault.line) for fault in faults] == sorted((f.file, f.line) for f in faults)


def test_the_secret_in_clear_is_never_printed() -> None:
    _, faults = check(BROKEN / "07-secret-in-clear")
    assert "hunter2" not in repr(faults)
