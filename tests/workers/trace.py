"""What RQ must not be brought to run: it leaves a trace, whatever it is called with."""

import os
from pathlib import Path


def leave(*_: object, **__: object) -> None:
    """Touch the file that TRACE names."""
    Path(os.environ["TRACE"]).touch()


class Trace:
    """Leaves its trace when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return leave, ()
