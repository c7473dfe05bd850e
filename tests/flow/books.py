"""What stands in Redis by the outside interface: the fulfilment stream, the books, what waits."""

import json
from collections import Counter, defaultdict
from typing import Any

import redis

TOKEN_BYTES = 16  # before each payment document
DUE = ("events", "asks")

Raw = dict[bytes, Any]


def messages(client: redis.Redis) -> list[dict[str, Any]]:
    """The CloudEvents on the stream, in its order."""
    entries: Any = client.xrange("fulfilment")
    assert all(set(fields) == {b"event"} for _, fields in entries)
    return [json.loads(fields[b"event"]) for _, fields in entries]


def ids(client: redis.Redis) -> Counter[str]:
    """How often each message id stands on the stream."""
    return Counter(one["id"] for one in messages(client))


def idle(client: redis.Redis) -> bool:
    """Whether nothing waits for work."""
    return not any(client.zcard(f"due:{what}") for what in DUE)


def snapshot(client: redis.Redis) -> Raw:
    """Stream, payment documents with their tokens, ties and dead letters, byte for byte."""
    found: Raw = {b"fulfilment": client.xrange("fulfilment")}
    for key in client.scan_iter("payment:*"):
        found[key] = client.get(key)
    for key in client.scan_iter("charge:*"):
        found[key] = client.get(key)
    for key in client.scan_iter("dead_letter:*"):
        found[key] = client.hgetall(key)
    for key in (b"payments", b"dead_letters"):
        found[key] = client.zrange(key, 0, -1, withscores=True)
    return found


def check_agreement(client: redis.Redis) -> None:
    """Books and stream tell the same story, and nothing is left over from the work."""
    told: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for message in messages(client):
        if message["type"].startswith("pingpp.payment."):
            told[message["partitionkey"]].append(message)
    documents: dict[str, dict[str, Any]] = {}
    for key in client.scan_iter("payment:*"):
        value: Any = client.get(key)
        documents[key.decode().removeprefix("payment:")] = json.loads(value[TOKEN_BYTES:])
    listed: Any = client.zrange("payments", 0, -1)
    assert {one.decode() for one in listed} == documents.keys() == told.keys()
    ties: dict[str, str] = {}
    for name, document in documents.items():
        assert f"{document['app']}:{document['order_no']}" == name
        assert [int(one["sequence"]) for one in told[name]] == list(range(1, document["sequence"] + 1)), name
        assert sorted(one["id"] for one in told[name]) == sorted(_facts(document)), name
        assert all(one["source"] == f"/pingpp-ingest/{document['app']}" for one in told[name])
        ties |= {charge["id"]: name for charge in document["charges"]}
    tied: dict[str, str] = {}
    for key in client.scan_iter("charge:*"):
        tie: Any = client.get(key)
        tied[key.decode().removeprefix("charge:")] = tie.decode()
    assert tied == ties
    assert not client.exists(*(f"attempts:{what}" for what in DUE))
    # Bodies expire, but those of dead letters wait with them.
    dead = {client.hget(key, "member") for key in client.scan_iter("dead_letter:*")}
    lasting = {key.removeprefix(b"body:") for key in client.scan_iter("body:*") if client.ttl(key) == -1}
    assert lasting == dead


def _gone_back(document: dict[str, Any], charge: dict[str, Any]) -> bool:
    """Whether nothing of it is kept: learnt at once with its payment, this is told by the refunds alone."""
    gone = sum(one["amount"] for one in document.get("refunds", ()) if one["charge"] == charge["id"])
    return bool(gone >= charge["amount"])


def _facts(document: dict[str, Any]) -> list[str]:
    """The ids of the messages that a document's facts are worth."""
    facts = []
    for charge in document["charges"]:
        if charge.get("paid") and ("first_paid" in document or not _gone_back(document, charge)):
            first = charge["id"] == document.get("first_paid")
            facts.append(f"paid:{document['order_no']}" if first else f"paid_again:{charge['id']}")
    return facts + [
        f"refunded:{refund['id']}" for refund in document.get("refunds", ()) if refund.get("succeeded")
    ]
