"""Story: what Ping++ is sent for what the merchant asks for: the whole bodies, to the byte."""

import re
import time
from pathlib import Path

import pytest

from processes.redis_server import Server
from tests.ingest.api.kit import APP, Shop, asked, in_shop, scanned

pytestmark = pytest.mark.usefixtures("client")


def plain(channel: str) -> str:
    """How each of them begins."""
    return (
        f'{{"amount":100,"currency":"cny","channel":"{channel}","subject":"茶叶","body":"Tea, 100 g",'
        '"client_ip":"203.0.113.7"'
    )


def test_a_create_is_asked_for_with_all_that_the_merchant_said(server: Server, tmp_path: Path) -> None:
    expires = int(time.time()) + 3600

    async def calls(shop: Shop) -> list[str]:
        await shop.create(asked(extra={}))  # as little as there may be
        full = asked(
            2,
            extra={"product_id": "p1", "limit_pay": "no_credit"},
            metadata={"note": "x", "n": 1},
            time_expire=expires,
            description="",
            return_url="https://shop.example/done",
            channel="wx_pub_qr",
            app=APP,
        )
        await shop.create(dict(reversed(full.items())))
        await shop.create(asked(2, channel="upacp_qr"), 200)
        assert shop.line.creates == 3
        sent = zip(shop.line.calls, shop.line.bodies, strict=True)
        return [body.decode() for call, body in sent if call == ("POST", "/v1/charges")]

    bodies = in_shop(server, tmp_path, calls)
    ids = '"pingpp_ingest_attempt":"at_","pingpp_ingest_order":"order0000000'
    assert [re.sub(r'"at_[0-9a-f]{24}"', '"at_"', body) for body in bodies] == [
        f'{plain("alipay_qr")},"order_no":"order00000001","app":{{"id":"{APP}"}},"metadata":{{{ids}1"}}}}',
        (
            f'{plain("wx_pub_qr")},"time_expire":{expires},"description":"","order_no":"order00000002",'
            f'"app":{{"id":"{APP}"}},"metadata":{{"note":"x","n":1,{ids}2"}},'
            '"extra":{"product_id":"p1","limit_pay":"no_credit"}}'
        ),
        (
            f'{plain("upacp_qr")},"order_no":"order00000002r2xmyr4scx4lhc",'
            f'"app":{{"id":"{APP}"}},"metadata":{{{ids}2"}}}}'
        ),
    ]


def test_so_is_a_refund(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> list[str]:
        await shop.create(scanned())
        content = {"metadata": {"note": "x"}, "description": "too small", "amount": 40}
        await shop.refund(1, "R1", content)
        await shop.refund(1, "R2", {"description": "all of it"})
        sent = zip(shop.line.calls, shop.line.bodies, strict=True)
        return [body.decode() for (method, path), body in sent if method == "POST" and "refunds" in path]

    bodies = in_shop(server, tmp_path, calls)
    assert [re.sub(r'"rt_[0-9a-f]{24}"', '"rt_"', body) for body in bodies] == [
        '{"description":"too small","amount":40,"metadata":{"note":"x","pingpp_ingest_attempt":"rt_"}}',
        '{"description":"all of it","amount":60,"metadata":{"pingpp_ingest_attempt":"rt_"}}',
    ]
