"""What all tests of the receiver share."""

import pytest

from processes.redis import TIMEOUTS
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def _a_slow_redis_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with other work to do, forty connections at once may take longer than a real receiver waits."""
    for name in TIMEOUTS:
        monkeypatch.setitem(TIMEOUTS, name, PATIENCE_S)
