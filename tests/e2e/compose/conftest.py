"""What tests of the Compose stack alone share."""

from __future__ import annotations

import pytest

from tests.compose_stack import ComposeStack
from tests.e2e.pipeline import Pipeline


@pytest.fixture
def compose(pipeline: Pipeline) -> ComposeStack:
    """Give the stack, which is that of Compose."""
    assert isinstance(pipeline.stack, ComposeStack)
    return pipeline.stack
