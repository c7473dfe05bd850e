"""Puts payments into the books as our own calls and Ping++'s events do, without a gateway; calls the real app."""

import asyncio
import html
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis
from msgspec.structs import replace

from ingest.app import make_app
from ingest.settings import ReceiverSettings
from payments.books import ledger, message
from payments.books.attempts import begin, begin_reversal, drop, end, end_reversal
from payments.books.fold import Folded, fold
from payments.books.join import Decision
from payments.books.payment import Failure, Payment
from payments.books.wanted import Wanted
from payments.keys import Keys
from payments.pingpp import sighting
from payments.pingpp.sighting import ATTEMPT_METADATA, ORDER_METADATA
from payments.store import Store
from processes.settings import load
from tests.conftest import refund_object, refunds_of, unpaid
from tests.patience import PATIENCE_S
from tests.ports import free_port

APP = "app_1Gqj58ynP0mHeX1q"
CODES = {
    "alipay_qr": "https://qr.alipay.com/tax00382qvmrvifzj35y00d3",
    "wx_pub_qr": "weixin://wxpay/bizpayurl?pr=qnZDTZm",
    "cb_alipay_qr": "https://qr.alipay.com/bax05385fdwpz0ab4wpg00ab",
    "cb_wx_pub_qr": "weixin://wxpay/bizpayurl?pr=ugRxcvq",
    "upacp_qr": "https://qr.95516.com/00010001/62262718293026181630186391823712",
    "ccb_qr": "1059500412345678901234",
    "isv_qr": "weixin://wxpay/bizpayurl?pr=isvCode",
}
WAP = "https://api.shou.money/scanpay/unified?data=eyJ2ZXJzaW9uIjoiMi4xIiwic2lnblR5cGUiOiJTSEEyNTYifQ%3D%3D"
SCAN_CODE = "131141564583769183"


@dataclass
class Books:
    """Payments by number: payment n has the order_no, the attempt and the charge of that number."""

    client: redis.Redis
    keys: Keys = field(default_factory=Keys)
    charges: dict[int, dict[str, Any]] = field(default_factory=dict)

    def token(self, number: int = 1) -> str:
        """Of the shape that is made; every bit of its number counts."""
        return f"Tok_en-{number:025d}"

    def name(self, number: int = 1) -> str:
        return f"{APP}:order{number:08d}"

    def register(self, number: int = 1, channel: str = "alipay_qr", **changes: Any) -> str:
        """A payment whose charge is being made; of one that is there, a further attempt. Returns its token."""
        wanted = {
            "app": APP,
            "order_no": f"order{number:08d}",
            "amount": 1234,
            "currency": "cny",
            "channel": channel,
            "subject": "Green tea 龙井",
            "body": "Green tea",
            "client_ip": "203.0.113.77",
            "livemode": True,
            **changes,
        }
        token = self.token(number)

        def begun(payment: Payment, now_ms: int) -> Folded:
            attempt_id = self._id("at", number, len(payment.attempts) + 1)
            return Folded(begin(payment, Wanted(**wanted), attempt_id, token, now_ms).payment)

        self._change(number, begun)
        return token

    def open(
        self,
        number: int = 1,
        channel: str = "alipay_qr",
        *,
        attempt: int = 1,
        charge: Any = None,
        **changes: Any,
    ) -> str:
        """A payment that can be paid; `charge` are changes of its charge, `changes` of the request."""
        token = self.register(number, channel, **changes)
        made = {
            "id": self._id("ch", number, attempt),
            "channel": channel,
            "client_ip": "203.0.113.77",
            "amount": changes.get("amount", 1234),
            "currency": changes.get("currency", "cny"),
            "created": int(time.time()),
            "time_expire": int(time.time()) + 7200,
            "metadata": {
                ATTEMPT_METADATA: self._id("at", number, attempt),
                ORDER_METADATA: f"order{number:08d}",
                "mine": "of the merchant's",
            },
            "credential": self._credential(channel),
            **(charge or {}),
        }
        # What Ping++ answers to a create has the `extra` that it was given.
        extra = {**({"pay_channel": "wx"} if channel.startswith("isv_") else {}), **made.pop("extra", {})}
        if channel.endswith("_scan"):
            extra["scan_code"] = SCAN_CODE
        self.charges[number] = {**unpaid(number, **made), "extra": extra}
        self.see(number, source="reply")
        return token

    def see(
        self, number: int = 1, *, source: str = "webhook", at_ms: int | None = None, **changes: Any
    ) -> None:
        """A look at the charge of that number, with these changes, which stay."""
        self.charges[number] |= changes
        seen = sighting.of_charge(self.charges[number], source, at_ms or int(time.time() * 1000))

        def decide(payment: Payment, _: int) -> Decision:
            folded = fold(payment, seen)
            return Decision(folded.payment, message.of_fold(folded, seen))

        ledger.change(Store(self.client, self.keys), self.name(number), decide, charge=seen.charge_id)

    def pay(self, number: int = 1, **changes: Any) -> None:
        paid = {"paid": True, "time_paid": 1_700_000_060, "transaction_no": f"20160323{number:012d}"}
        buyer = {**self.charges[number]["extra"], "buyer_account": "xin***@126.com", "open_id": "o9zpMs7Xk9"}
        self.see(number, **{**paid, "extra": buyer, "credential": {}, **changes})

    def refund(self, number: int = 1, amount: int = 400) -> None:
        refund = refund_object(number, number, amount=amount)
        self.see(number, refunds=refunds_of(refund), amount_refunded=amount)

    def expire(self, number: int = 1) -> None:
        """Ping++ is asked after the end, and says that nobody paid."""
        after = (self.charges[number]["time_expire"] + 3600) * 1000
        self.see(number, source="retrieve", at_ms=after)

    def refuse(self, number: int = 1) -> None:
        """Ping++ refuses the create."""
        failure = Failure("channel_request_error", "a secret of the channel's")
        self._change(number, lambda one, now_ms: end(one, f"at_{number:024d}", failure, now_ms))

    def drop(self, number: int = 1) -> None:
        """The attempt was written down and never made."""
        self._change(number, lambda one, now_ms: drop(one, f"at_{number:024d}", now_ms))

    def reversing(self, number: int = 1) -> None:
        """The charge is being reversed, and nobody knows yet how that ends."""
        self._change(number, lambda one, now_ms: Folded(begin_reversal(one, one.charges[0], now_ms)))

    def not_reversed(self, number: int = 1) -> None:
        """It was not: Ping++ refused."""
        refused = Failure("refused", "no")
        self._change(
            number,
            lambda one, _: Folded(end_reversal(one, one.charges[0].id, one.reversals[0].at_ms, refused)),
        )

    def reverse(self, number: int = 1) -> None:
        """It is seen reversed."""
        self.see(number, source="retrieve", reversed=True)

    def stop(self, number: int = 1) -> None:
        """The merchant ends the checkout."""

        def stopped(payment: Payment, now_ms: int) -> Folded:
            assert payment.registration
            return Folded(replace(payment, registration=replace(payment.registration, closed_ms=now_ms)))

        self._change(number, stopped)

    def age(self, number: int = 1, seconds: int = 61) -> None:
        """As if all of our attempts at it had begun so much earlier."""

        def older(payment: Payment, _: int) -> Folded:
            attempts = tuple(replace(one, at_ms=one.at_ms - 1000 * seconds) for one in payment.attempts)
            return Folded(replace(payment, attempts=attempts))

        self._change(number, older)

    def _id(self, kind: str, number: int, attempt: int) -> str:
        return f"{kind}_{number + 1_000_000 * (attempt - 1):024d}"

    def _credential(self, channel: str) -> dict[str, Any]:
        text = WAP if channel == "isv_wap" else CODES.get(channel)
        return {"object": "credential", channel: text} if text else {}

    def _change(self, number: int, decide: Callable[[Payment, int], Folded]) -> None:
        def decided(payment: Payment, now_ms: int) -> Decision:
            folded = decide(payment, now_ms)
            return Decision(folded.payment, message.of_attempt(folded, now_ms))

        ledger.change(Store(self.client, self.keys), self.name(number), decided)


def secrets_of(number: int = 1) -> list[str]:
    """What of a payment no shopper may see, as it might be written."""
    texts = [*CODES.values(), WAP]
    return [
        f"ch_{number:024d}", f"at_{number:024d}", f"re_{number:024d}", f"20160323{number:012d}", APP, "203.0.113.77",
        SCAN_CODE, "of the merchant's", "of the channel's", "pingpp_ingest", "metadata", "xin***", "o9zpMs7Xk9",
        "Your Body", "credential", *texts, *(one.replace("&", "&amp;") for one in texts),
        *(one.replace("/", "\\/") for one in texts), *(one.rpartition("/")[2] for one in texts),
    ]  # fmt: skip


class Door:
    """The real app in-process, with its lifespan entered, as it serves checkouts alone."""

    def __init__(self, redis_url: str) -> None:
        self._settings = load(ReceiverSettings, redis_url=redis_url, serve="checkout")

    def call(self, *requests: tuple[str, str], **headers: str) -> list[httpx.Response]:
        """The answers to requests (method, path under /checkout/), made all at once."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def inside() -> list[httpx.Response]:
            app = make_app(self._settings)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http,
            ):
                calls = (http.request(how, f"/checkout/{path}", headers=named) for how, path in requests)
                return await asyncio.gather(*calls)

        return asyncio.run(inside())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.call(("GET", path), **headers)[0]

    def post(self, path: str, **headers: str) -> httpx.Response:
        return self.call(("POST", path), **headers)[0]


@contextmanager
def receiver(redis_url: str, log: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The real process, serving checkouts alone and logging everything it can; its port."""
    port = free_port()
    ours = {
        "REDIS_URL": redis_url,
        "SERVE": "checkout",
        "PORT": str(port),
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "debug",
    }
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest"], env={**os.environ, **ours}, stderr=written
        )
    try:
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield port, process
    finally:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


def _listens(port: int) -> bool:
    with closing(socket.socket()) as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def title(answer: httpx.Response) -> str:
    (found,) = re.findall(r"<h1[^>]*>(.*?)</h1>", answer.text)
    return html.unescape(found)
