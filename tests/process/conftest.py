from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.process.fake_deck import FakeDeck
from tests.process.runner_house import RunnerHouse


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[RunnerHouse]:
    house = RunnerHouse(tmp_path)
    yield house
    house.clean()
    await house.wait_all()


@pytest.fixture
async def fake_deck(house: RunnerHouse) -> AsyncIterator[FakeDeck]:
    async with FakeDeck(house.data_dir) as deck:
        yield deck
