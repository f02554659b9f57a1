from pathlib import Path

import pytest

from .stages import STAGES


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before pytest sorts out what is slow: what is played on a slow stage is."""
    slow = {stage.name for stage in STAGES if stage.slow}
    for item in items:
        if item.path.parent == Path(__file__).parent and slow & set(vars(item)["callspec"].params.values()):
            item.add_marker(pytest.mark.slow)
