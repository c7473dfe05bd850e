"""What `up` says once everything works."""

from pathlib import Path

from ops.up.run import describe
from ops.up.settings import UpSettings
from ops.up.welcome import welcome


def settings(data_dir: Path, **given: object) -> UpSettings:
    return UpSettings.model_validate({"data_dir": data_dir, **given})


def test_the_welcome_says_what_to_do_next(tmp_path: Path) -> None:
    own = settings(tmp_path)
    text = welcome(describe(own, True), own, 2.0)
    assert "http://127.0.0.1:8080/webhooks" in text
    for command in ("trigger charge.succeeded", "fulfilment tail --from-start", "dead-letters list"):
        assert command in text
    assert "trigger" not in welcome(describe(own, False), own, 2.0)
    hidden = settings(tmp_path, redis_url="redis://:secret@elsewhere")
    assert "secret" not in welcome(describe(hidden, False), hidden, 2.0)
