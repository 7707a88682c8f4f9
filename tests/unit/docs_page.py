"""A page of docs/ with one configuration and calls that should go as it says: read, and played."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ccd.cli.flow import _settings, zone_of
from ccd.model.rules import Rules
from ccd.testing.flow_cases import Verdict, judge

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> tuple[str, str, str]:
    """The page, its configuration and its rehearsals."""
    text = (DOCS / name).read_text()
    (toml,) = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (calls,) = re.findall(r"^```toml rehearsal\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return text, toml, calls


def played(folder: Path, calls: str) -> Iterator[Verdict]:
    """How the calls went in the configuration of the folder."""

    def rules(moment: datetime) -> Rules:
        return _settings(folder, moment.date()).rules

    file = folder / "calls.toml"
    file.write_text(calls)
    return judge(file, rules, zone_of)
