"""The nine Event samples of Ping++'s guide, byte for byte, in any order: seven charges published, two dead letters."""

import json
from pathlib import Path
from typing import Any

from tests.flow import books
from tests.flow.kit import System, seeded
from tests.patience import until

SAMPLES = Path(__file__).parent.parent / "samples" / "events"
# Two charges were paid for one order, so that one of them is one too many …
SHARED_ORDER = "123456789"
SHARED_BY = {"ch_Tiv5K0y98GCK0eP8e9j1O8S4", "ch_0e5eHSiLaLGCCmrfnHLebjbH"}
# … two samples are one event about one charge, but differ in its channel and currency …
SAME_EVENT = ("cb_wx_pub_qr", "wx_pub_qr")
# … and one says live mode of its charge and test mode of itself.
OTHER_MODE = "ch_0azrD0qjXnv9nXLC0Surn1SK"


def test_the_samples_end_as_seven_published_charges_and_two_dead_letters(system: System) -> None:
    rng = seeded()
    bodies = {path.stem: path.read_bytes() for path in SAMPLES.glob("*.json")}
    assert len(bodies) == 9
    order = sorted(bodies)
    rng.shuffle(order)
    print("order:", *order)
    assert [system.post(bodies[name]) for name in order] == [200] * 9
    with system.redis() as client:
        until(lambda: books.idle(client), "nothing waits")
        first_of_same = min(SAME_EVENT, key=order.index)

        tail = system.cli("fulfilment", "tail", "--from-start", "--idle-exit", "0.5", "--json")
        told = [json.loads(line) for line in tail.splitlines()]
        check_told(told, bodies, first_of_same)
        assert told == books.messages(client)
        books.check_agreement(client)

        letters = system.cli_json("dead-letters", "list")
        assert len(letters) == 2
        by_charge = {letter["charge_id"]: letter for letter in letters}
        assert by_charge.keys() == {OTHER_MODE, "ch_0e5eHSiLaLGCCmrfnHLebjbH"}
        # The sandbox was asked about both, and knows neither.
        assert {letter["reason"] for letter in letters} == {"charge_not_found"}
        assert all(letter["explanation"] for letter in letters)
        refused = by_charge["ch_0e5eHSiLaLGCCmrfnHLebjbH"]
        assert refused["order_no"] == SHARED_ORDER

        check_that_nothing_was_given_away(system, letters, bodies)

        before = books.snapshot(client)
        again = list(order)
        rng.shuffle(again)
        print("again:", *again)
        assert [system.post(bodies[name]) for name in again] == [200] * 9
        until(lambda: books.idle(client), "nothing waits")
        assert books.snapshot(client) == before


def check_that_nothing_was_given_away(
    system: System, letters: list[dict[str, Any]], bodies: dict[str, bytes]
) -> None:
    """No log and no listing shows a buyer's account, a scan code, a key or a signature; `show --raw` does."""
    shown = [path.read_text() for path in system.directory.glob("*.log")]
    assert len(shown) == 5
    assert any("published" in one for one in shown)
    for letter in letters:
        shown += [system.cli("dead-letters", "show", letter["id"], *more) for more in ([], ["--json"])]
    shown += [
        system.cli(*line) for line in (["dead-letters", "list"], ["events", "list"], ["payments", "list"])
    ]
    secrets = [
        "xin***@126.com",
        "o9zpMs7Xk9e9aJbTXgufovuWGp7c",
        "omYJse9x8w2TzmrxnUtrfr7qWhwc",
        "2088202084460157",
    ]
    secrets += ["131141564583769183", system.environment["PINGPP_API_KEY"], "PRIVATE KEY"]
    secrets += [system.signer.sign(body) for body in bodies.values()]
    assert [secret for secret in secrets for text in shown if secret in text] == []
    raw = "".join(system.cli("dead-letters", "show", letter["id"], "--raw") for letter in letters)
    assert "2088202084460157" in raw


def check_told(told: list[dict[str, Any]], bodies: dict[str, bytes], first_of_same: str) -> None:
    assert len(told) == 7
    objects = {name: json.loads(body)["data"]["object"] for name, body in bodies.items()}
    [refused_of_same] = set(SAME_EVENT) - {first_of_same}
    expected = {
        charge["id"]: charge
        for name, charge in objects.items()
        if name != refused_of_same and charge["id"] != OTHER_MODE
    }
    assert {one["data"]["charge"]["id"] for one in told} == expected.keys()
    for one in told:
        charge = expected[one["data"]["charge"]["id"]]
        assert one["subject"] == charge["order_no"]
        assert one["source"] == f"/pingpp-ingest/{charge['app']}"
        same = ("channel", "amount", "currency", "time_paid", "transaction_no")
        assert {name: one["data"]["charge"][name] for name in same} == {name: charge[name] for name in same}
        assert "credential" not in one["data"]["charge"]
    types = sorted(one["type"] for one in told)
    assert types == ["pingpp.payment.paid"] * 6 + ["pingpp.payment.paid_again"]
    first, second = (one for one in told if one["subject"] == SHARED_ORDER)
    assert {first["data"]["charge"]["id"], second["data"]["charge"]["id"]} == SHARED_BY
    assert (first["type"], first["id"]) == ("pingpp.payment.paid", f"paid:{SHARED_ORDER}")
    assert second["id"] == f"paid_again:{second['data']['charge']['id']}"
    assert {one["id"] for one in told} >= {f"paid:{charge['order_no']}" for charge in expected.values()}
