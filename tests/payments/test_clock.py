"""The clock is Redis's, not the machine's."""

import redis

from payments import clock


def test_it_says_the_milliseconds_of_redis(client: redis.Redis) -> None:
    before, now, after = client.time(), clock.now_ms(client), client.time()
    assert before[0] * 1000 + before[1] // 1000 <= now <= after[0] * 1000 + after[1] // 1000
