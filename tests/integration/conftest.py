"""What the tests of servers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import Stack, run_stack


@pytest.fixture(scope="module")
def weed_stack() -> Iterator[Stack]:
    """Give the local stack's S3 server alone, with the rights of a whole stack: nobody claims the drops that are put here."""
    with run_stack("storage") as running:
        yield running
