"""The time by Redis's clock, which decides what is due. So the clocks of our machines may differ."""

import redis


def now_ms(client: redis.Redis) -> int:
    """Milliseconds since 1970."""
    seconds, micros = client.time()
    return seconds * 1000 + micros // 1000
