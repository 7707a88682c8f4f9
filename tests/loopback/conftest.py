"""What several of these tests begin with."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.loopback.test_media_engine import Site


@pytest.fixture
async def worker_site(tmp_path: Path) -> AsyncIterator["Site"]:
    """A media engine with one worker process."""
    from tests.loopback.test_media_engine import Site

    made = Site(1, tmp_path)
    await made.engine.start(made.facts.append)
    yield made
    await made.close()


@pytest.fixture
def site(worker_site: "Site") -> "Site":
    """The same; modules that need another one make their own."""
    return worker_site
