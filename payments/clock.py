"""The time by Redis's clock, which decides what is due. So the clocks of our machines may differ."""

import redis


def now_ms(client: redis.Redis) -> int:
    """Milliseconds since 1970."""
    return in_ms(client.time())


def in_ms(time: tuple[int, int]) -> int:
    """What TIME answers (seconds, microseconds), in milliseconds."""
    seconds, micros = time
    return seconds * 1000 + micros // 1000
