"""What a test does without when something is not on this machine: skip with a word, and in CI fail."""

import os
from typing import NoReturn

import pytest

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def lacking(problem: str) -> NoReturn:
    """End the test: in CI nothing may be skipped."""
    if IN_CI:
        pytest.fail(f"nothing may be skipped in CI: {problem}", pytrace=False)
    pytest.skip(problem)
