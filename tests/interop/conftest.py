"""Interop: software that we did not write calls the real daemon on loopback.

A missing program skips its tests and says how to get it; with CI set that is a failure.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemon_site import Site
from tests.interop.wire import Rtp


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture
async def make_site(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """`await make_site(agents=2, …)`: a running daemon; at the end it must have no complaints in its log."""
    sites: list[Site] = []

    async def make(**options: Any) -> Site:
        site = Site(tmp_path / f"site{len(sites)}", **options)
        sites.append(site)
        await site.start()
        return site

    yield make
    Rtp.close_all()
    for site in sites:
        await site.__aexit__(None, None, None)
    complaints = [line for site in sites for line in site.complaints()]
    assert not complaints, "\n".join(complaints)
