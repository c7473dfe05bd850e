"""Events are listed with where they are on their way, shown by any of their names, and applied again."""

from payments.pingpp.event import digest, identify
from tests.conftest import charge_object, event_body, messages, sample
from tests.ops.cli.conftest import System

BUYER = "xin***@126.com"


def test_none_yet(system: System) -> None:
    assert system.run("events list --json").json == []
    answer = system.run("events list")
    assert (answer.status, answer.out) == (0, "")
    assert "trigger charge.succeeded" in answer.err


def test_the_list_says_where_each_is(system: System) -> None:
    system.apply(event_body(charge_object(1)))
    system.dead(sample("cb_alipay_qr"))
    system.apply(event_body(charge_object(3), livemode=False))
    system.accept(event_body(charge_object(4)))
    listed = system.run("events list --json").json
    assert [one["state"] for one in listed] == ["pending", "asked", "dead", "done"]
    assert listed[3]["event_id"] == f"evt_{1:024d}"
    assert listed[3]["object_id"] == listed[3]["charge_id"] == f"ch_{1:024d}"
    assert listed[3]["order_no"] == "order00000001"
    assert listed[3]["type"] == "charge.succeeded"
    assert listed[3]["created_at"] == "2023-11-14T22:14:21Z"
    assert listed[3]["seen"] == 1
    assert listed[1]["odd"] == "livemode_conflict"
    assert listed[2]["dead_letter"] == system.run("dead-letters list --json").json[0]["id"]
    table = system.run("events list")
    assert len([line for line in table.lines if "charge.succeeded" in line]) == 4
    assert f"evt_{1:024d}" in table.out
    assert len(system.run("events list --limit 2 --json").json) == 2


def test_what_is_kept_aside_is_not_called_done(system: System) -> None:
    member, _ = system.apply(
        event_body(charge_object(1, livemode=False), livemode=False), event_body(charge_object(2))
    )
    states = {
        one["member"]: (one["state"], one["kept_aside"]) for one in system.run("events list --json").json
    }
    assert states[member] == ("kept_aside", "other_mode")
    assert sorted(states.values(), key=str) == [("done", None), ("kept_aside", "other_mode")]
    assert system.run(f"events replay {member}").status == 0
    assert system.run(f"events show {member} --json").json["members"][0]["state"] == "pending"


def test_a_duplicate_is_one_event_seen_twice(system: System) -> None:
    body = event_body(charge_object(1))
    system.apply(body, body)
    (listed,) = system.run("events list --json").json
    assert listed["seen"] == 2


def test_an_id_can_belong_to_several_objects(system: System) -> None:
    system.apply(sample("wx_pub_qr"), sample("isv_qr"), event_body(charge_object(1), number=1))
    document = system.run("events show evt_PX3bJCMaRaENMif4nxniXvTu --json").json
    assert document["event_id"] == "evt_PX3bJCMaRaENMif4nxniXvTu"
    assert {one["object_id"] for one in document["members"]} == {
        "ch_Tm9OCGePqf9G148iTGPOyz50",
        "ch_0e5eHSiLaLGCCmrfnHLebjbH",
    }
    member = identify(sample("isv_qr"))
    (one,) = system.run(f"events show {member} --json").json["members"]
    assert one["member"] == member
    table = system.run("events show evt_PX3bJCMaRaENMif4nxniXvTu")
    assert table.out.count("evt_PX3bJCMaRaENMif4nxniXvTu:") == 2


def test_the_same_event_with_another_body_is_shown_beside_it(system: System) -> None:
    first, other = sample("wx_pub_qr"), sample("cb_wx_pub_qr")
    system.apply(first, other)
    members = system.run(f"events show {identify(first).partition(':')[0]} --json").json["members"]
    assert [(one["member"], one["state"], one["odd"]) for one in members] == [
        (identify(first), "done", None),
        (f"{identify(first)}~{digest(other)}", "asked", "same_event_other_body"),
    ]


def test_letters_that_redis_takes_for_wildcards_find_nothing(system: System) -> None:
    system.apply(event_body(charge_object(1)))
    for name in ("*", "evt_?" + "0" * 23, "[e]vt_x"):
        answer = system.run(f"events show '{name}'")
        assert (answer.status, answer.out) == (1, "")
        assert "There is no event" in answer.err


def test_buyers_data_only_with_raw(system: System) -> None:
    system.apply(event_body(charge_object(1)))
    name = f"evt_{1:024d}"
    for line in ("list", "list --json", f"show {name}", f"show {name} --json"):
        assert BUYER not in system.run(f"events {line}").all
    assert BUYER in system.run(f"events show {name} --raw").out
    assert BUYER in system.run(f"events show {name} --raw --json").json["members"][0]["raw"]


def test_what_cannot_be_decoded_is_listed_by_its_digest(system: System) -> None:
    (member,) = system.accept(b"not json at all")
    system.drain()
    (listed,) = system.run("events list --json").json
    assert listed["member"] == member
    assert (listed["event_id"], listed["type"], listed["undecodable"]) == (None, None, "not_json")
    assert listed["state"] == "dead"
    shown = system.run(f"events show {member}")
    assert shown.status == 0
    assert f"dead-letters show {listed['dead_letter']}" in shown.out


def test_a_replay_changes_nothing_that_is_in_the_books(system: System) -> None:
    (member,) = system.apply(event_body(charge_object(1)))
    answer = system.run(f"events replay evt_{1:024d}")
    assert answer.status == 0
    assert member in answer.out
    assert system.due("events") == [member]
    assert system.client.llen("rq:queue:events") == 1
    system.drain()
    assert system.due("events") == []
    assert len(messages(system.client)) == 1


def test_a_replay_brings_back_what_the_books_lost(system: System) -> None:
    (member,) = system.apply(event_body(charge_object(1)))
    system.client.delete("payment:app_1Gqj58ynP0mHeX1q:order00000001", f"charge:ch_{1:024d}", "fulfilment")
    assert system.run(f"events replay {member}").status == 0
    system.drain()
    assert [one["id"] for one in messages(system.client)] == ["paid:order00000001"]


def test_what_a_dead_letter_holds_is_not_replayed(system: System) -> None:
    (letter,) = system.dead(sample("cb_alipay_qr"))
    answer = system.run(f"events replay {identify(sample('cb_alipay_qr'))}")
    assert answer.status == 1
    assert f"pingpp-ingest dead-letters retry {letter}" in answer.err
    assert system.due("events") == []


def test_without_its_body_nothing_is_replayed(system: System) -> None:
    (member,) = system.apply(event_body(charge_object(1)))
    system.client.delete(f"body:{member}")
    answer = system.run(f"events replay {member}")
    assert answer.status == 1
    assert "is gone" in answer.err
    assert "KEEP_BODIES_DAYS" in answer.err
    assert system.due("events") == []
    shown = system.run(f"events show {member} --json").json["members"][0]
    assert (shown["type"], shown["body_bytes"], shown["state"]) == (None, None, "done")


def test_an_unknown_event_is_said_plainly(system: System) -> None:
    for verb in ("show", "replay"):
        answer = system.run(f"events {verb} evt_unknown")
        assert (answer.status, answer.out) == (1, "")
        assert "There is no event evt_unknown" in answer.err
