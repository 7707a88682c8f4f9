"""Collections wait for a quiet moment, but not for ever."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from ccd.runtime import garbage


@pytest.fixture(autouse=True)
def _collector_as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


class Ring:
    """Garbage that only the collector can free."""

    def __init__(self) -> None:
        self.me = self


def test_cycles_are_freed_in_a_quiet_moment_only() -> None:
    garbage.settle()
    ring = Ring()
    gone = weakref.ref(ring)
    del ring
    filling = [[] for _ in range(garbage.WORTH + 100)]  # type: ignore[var-annotated]
    assert not garbage.collect_if_quiet(garbage.QUIET + 1)
    assert gone() is not None
    assert garbage.collect_if_quiet(garbage.QUIET)
    assert gone() is None
    assert len(filling) > garbage.WORTH


def test_little_is_left_alone() -> None:
    garbage.settle()
    gc.collect()
    assert not garbage.collect_if_quiet(0)


def test_too_much_is_collected_whatever_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    garbage.settle()
    monkeypatch.setattr(garbage, "TOO_MANY", 1_000)
    filling = [[] for _ in range(2_000)]  # type: ignore[var-annotated]
    assert garbage.collect_if_quiet(10**6)
    assert filling
