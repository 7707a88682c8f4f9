"""docs/payments.md is true: its calls go as it says, on virtual time."""

import re
from datetime import datetime
from pathlib import Path

from ccd.cli.flow import _settings, zone_of
from ccd.testing.flow_cases import judge

PAGE = (Path(__file__).parents[2] / "docs" / "payments.md").read_text()
TOML = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(CALLS,) = re.findall(r"^```toml rehearsal\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_calls_go_as_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "ccd.toml").write_text("\n".join(TOML))
    file = tmp_path / "calls.toml"
    file.write_text(CALLS)

    def rules(moment: datetime) -> object:
        return _settings(tmp_path, moment.date()).rules

    found = list(judge(file, rules, zone_of))  # type: ignore[arg-type]
    assert len(found) == CALLS.count("[[rehearsal]]")
    assert [verdict.differs for verdict in found if verdict.differs] == []
