"""The store: a client of Redis, and the names that our keys have in it. What reads or writes the books is handed one."""

from dataclasses import dataclass

import redis

from payments.keys import Keys


@dataclass(frozen=True, slots=True)
class Store:
    """One installation's Redis, for code that blocks; the receiver's hot path has an asynchronous client of its own."""

    client: redis.Redis
    keys: Keys
