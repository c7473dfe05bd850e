"""Listing at the sandbox's gateway."""

from typing import Any

import pytest

from tests.sandbox.kit import APP, LIVE_KEY, Rig

pytestmark = pytest.mark.anyio


async def charges(rig: Rig, count: int) -> list[str]:
    """Ids of new charges, newest first."""
    return [(await rig.create(order_no=f"order{number}"))["id"] for number in range(count)][::-1]


async def listed(rig: Rig, **query: Any) -> tuple[list[str], bool]:
    answer = await rig.get("/v1/charges", params={"app[id]": APP, **query})
    assert answer["object"] == "list"
    assert answer["url"] == "/v1/charges"
    return [one["id"] for one in answer["data"]], answer["has_more"]


async def test_pages_lead_to_the_end_and_back(rig: Rig) -> None:
    made = await charges(rig, 12)
    assert await listed(rig) == (made[:10], True)
    assert await listed(rig, limit=5) == (made[:5], True)
    assert await listed(rig, limit=5, starting_after=made[4]) == (made[5:10], True)
    assert await listed(rig, limit=5, starting_after=made[9]) == (made[10:], False)
    assert await listed(rig, limit=2, starting_after=made[9]) == (made[10:], False)
    assert await listed(rig, limit=3, ending_before=made[5]) == (made[2:5], True)
    assert await listed(rig, limit=5, ending_before=made[5]) == (made[:5], False)
    assert await listed(rig, limit=5, starting_after=made[11]) == ([], False)


async def test_an_order_within_one_second_is_kept(rig: Rig) -> None:
    made = await charges(rig, 30)
    rig.world.store.db.execute("UPDATE charges SET created = 1700000000")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page, more = await listed(rig, limit=7, **{"created[gte]": 1700000000}, **cursor)
        seen += page
        if not more:
            break
        cursor = {"starting_after": page[-1]}
    assert seen == made


async def test_filters(rig: Rig) -> None:
    made = await charges(rig, 4)
    await rig.post(f"/sandbox/charges/{made[1]}/pay")
    await rig.post(f"/sandbox/charges/{made[2]}/pay")
    await rig.post(f"/v1/charges/{made[2]}/refunds", {"description": "back"})
    await rig.post(f"/v1/charges/{made[3]}/reverse")
    assert await listed(rig, paid="True") == ([made[1], made[2]], False)
    assert await listed(rig, paid="false") == ([made[0], made[3]], False)
    assert await listed(rig, refunded="true") == ([made[2]], False)
    assert await listed(rig, reversed="true") == ([made[3]], False)
    assert await listed(rig, channel="wx_pub_qr") == ([], False)
    assert await listed(rig, **{"app[id]": "app_other"}) == ([], False)


async def test_without_an_app_those_of_all_apps_are_listed_as_in_the_guide(rig: Rig) -> None:
    made = [(await rig.create(app={"id": f"app_{number}"}))["id"] for number in range(4)][::-1]
    await rig.create(headers=LIVE_KEY)
    answer = await rig.get("/v1/charges", params={"limit": 3})
    assert ([one["id"] for one in answer["data"]], answer["has_more"]) == (made[:3], True)


async def test_windows_at_their_borders(rig: Rig) -> None:
    made = await charges(rig, 3)
    for second, id_ in enumerate(reversed(made)):
        rig.world.store.db.execute(
            "UPDATE charges SET created = ? WHERE id = ?", (1_700_000_000 + second, id_)
        )
    newest, middle, oldest = made
    assert await listed(rig) == ([], False), "without a window only the last month is listed"
    assert await listed(rig, **{"created[gt]": 1_700_000_000}) == ([newest, middle], False)
    assert await listed(rig, **{"created[gte]": 1_700_000_000}) == (made, False)
    assert await listed(rig, **{"created[lt]": 1_700_000_002}) == ([middle, oldest], False)
    assert await listed(rig, **{"created[gte]": 1_700_000_001, "created[lte]": 1_700_000_001}) == (
        [middle],
        False,
    )


@pytest.mark.parametrize(
    ("param", "query"),
    [
        ("app[id]", {"app[id]": ""}),
        ("limit", {"limit": "0"}),
        ("limit", {"limit": "101"}),
        ("limit", {"limit": "many"}),
        ("created[gte]", {"created[gte]": "yesterday"}),
        ("paid", {"paid": "maybe"}),
        ("starting_after", {"starting_after": "ch_unknown"}),
        ("ending_before", {"starting_after": "ch_a", "ending_before": "ch_b"}),
    ],
)
async def test_a_wrong_query_is_refused_by_name(rig: Rig, param: str, query: dict[str, str]) -> None:
    answer = await rig.get("/v1/charges", 400, params={"app[id]": APP, **query})
    assert answer["error"]["param"] == param
