"""The store: a client of Redis, and the names of our keys in it. All code that reads or writes the books gets
one.
"""

from dataclasses import dataclass

import redis

from payments.keys import Keys


@dataclass(frozen=True, slots=True)
class Store:
    """One installation's Redis, for code that blocks; the receiver's hot path has an asynchronous client of
    its own.
    """

    client: redis.Redis
    keys: Keys
