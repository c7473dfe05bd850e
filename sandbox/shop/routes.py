"""The routes of the demo shop: its pages, and its buttons, which call the merchant API."""

import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox.html import Form, headers, templates
from sandbox.objects.scan import EXAMPLES, LENGTH
from sandbox.refusals import Object
from sandbox.shop import goods, views, words
from sandbox.shop.goods import GOODS, KINDS, WAYS, Good, Way
from sandbox.shop.merchant import Merchant, Trouble

HERE = Path(__file__).parent
TEMPLATES = templates(HERE)
TILL_WAIT_S = 2  # the till waits so long for the outcome; after that the order's page goes on waiting
NEWS_WAIT_S = 5

# A form may also redirect to the checkout, which has the same address as the API.
_HEADERS = headers("img-src 'self'; connect-src 'self'; form-action 'self' {checkout}")
_CODE = re.compile(r"[!-~]{1,32}")
_KEY = re.compile(r"[A-Za-z0-9-]{8,64}")

Handler = Callable[[Request], Awaitable[Response]]


async def show_front(request: Request) -> Response:
    said = _said(request)
    orders = [views.order(one, said["lang"]) for one in await _merchant(request).recent()]
    shown = {
        "goods": [(one, _prices(one, said["lang"])) for one in GOODS.values()],
        "kinds": KINDS,
        "orders": [(one, views.has_address(one.payment["order_no"])) for one in orders],
    }
    return _rendered(request, "front.html", shown)


async def buy(request: Request) -> Response:
    form = await _form(request)
    good, way = GOODS.get(form.get("good", "")), WAYS.get(form.get("channel", ""))
    if good is None or way is None:
        return RedirectResponse("/shop/?problem=choose", 303)
    order_no = goods.new_order_no(good)
    if way.kind == "till":
        return RedirectResponse(f"/shop/till?order_no={order_no}&channel={way.channel}", 303)
    payment = await _pay(request, order_no, good, way)
    checkout = str((payment or {}).get("checkout_url") or "")
    # If the page's own policy forbids the redirect, the order's page has the link.
    if way.kind == "qr" and _origin(checkout) == _checkouts(request) != "":
        return RedirectResponse(checkout, 303)
    return RedirectResponse(f"/shop/orders/{order_no}", 303)


async def show_till(request: Request) -> Response:
    at = _at_till(dict(request.query_params))
    if at is None:
        return RedirectResponse("/shop/?problem=choose", 303)
    order_no, good, way = at
    at_once = way.code + "".join(secrets.choice("0123456789") for _ in range(LENGTH - len(way.code)))
    shown = {
        "order_no": order_no,
        "good": good,
        "way": way,
        "price": views.money(good.prices[way.currency], way.currency, _said(request)["lang"]),
        "codes": {"at_once": at_once, **EXAMPLES},
    }
    return _rendered(request, "till.html", shown)


async def scan(request: Request) -> Response:
    """Buy. The same form sent twice is one order, and so is a second code after a refused one."""
    form = await _form(request)
    at = _at_till(form)
    if at is None:
        return RedirectResponse("/shop/?problem=choose", 303)
    order_no, good, way = at
    code = (form.get("preset") or form.get("scan_code") or "").strip()
    if not _CODE.fullmatch(code):
        back = f"/shop/till?order_no={order_no}&channel={way.channel}&problem=bad_code"
        return RedirectResponse(back, 303)
    await _pay(request, order_no, good, way, scan_code=code, wait=TILL_WAIT_S)
    return RedirectResponse(f"/shop/orders/{order_no}", 303)


async def show_order(request: Request) -> Response:
    payment = await _merchant(request).payment(_order_no(request))
    order = views.order(payment, _said(request)["lang"])
    return _rendered(request, "order.html", {"order": order, "key": f"shop-{secrets.token_hex(8)}"})


async def tell_news(request: Request) -> Response:
    """The version of the order's page, sent when the order is paid or after some seconds."""
    payment = await _merchant(request).payment(_order_no(request), NEWS_WAIT_S)
    return PlainTextResponse(views.order(payment, "en").version, headers={"cache-control": "no-store"})


async def refund(request: Request) -> Response:
    """Refund. The form holds the whole request, so that sending it twice refunds once."""
    order_no, form = _order_no(request), await _form(request)
    left = form.get("left", "")
    whole = int(left) if re.fullmatch(r"[0-9]{1,15}", left) else None
    amount = views.typed_amount(form.get("amount", "")) if form.get("what") == "part" else whole
    if not amount:
        return RedirectResponse(f"/shop/orders/{order_no}?problem=bad_amount", 303)
    content: Object = {"amount": amount, "description": "Refund of the demo shop"}
    payment = await _merchant(request).payment(order_no)
    for charge in payment["charges"]:
        if charge["id"] == form.get("charge"):
            content |= {"charge": charge["id"], **views.refund_extra(charge, amount)}
    key = form.get("key", "")
    await _merchant(request).refund(order_no, key if _KEY.fullmatch(key) else secrets.token_hex(8), content)
    return RedirectResponse(f"/shop/orders/{order_no}", 303)


async def close(request: Request) -> Response:
    order_no = _order_no(request)
    payment = await _merchant(request).stop(order_no)
    told = "?told=closing" if payment.get("status") in {"creating", "pending"} else ""
    return RedirectResponse(f"/shop/orders/{order_no}{told}", 303)


async def _pay(
    request: Request, order_no: str, good: Good, way: Way, *, scan_code: str = "", wait: int = 0
) -> Object | None:
    """The payment; None: Ping++ refused it, and the order's page shows that."""
    said, place = _said(request), f"{request.base_url}shop/orders/{order_no}"
    about = said[f"{good.code}_about"]
    content = goods.request(
        order_no, good, way, name=said[good.code], about=about, return_url=place, scan_code=scan_code
    )
    try:
        return await _merchant(request).create(content, wait)
    except Trouble as trouble:
        if trouble.code == "gateway_refused":
            return None
        if trouble.code in {"no_answer", "attempt_open", "not_payable", "unavailable"}:
            request.state.order_no = (
                order_no  # the order may exist by now, so the page of the error links to it
            )
        raise


def _at_till(given: Form) -> tuple[str, Good, Way] | None:
    """Order number, good and way to pay of the form at the till; None: the form is not valid."""
    order_no, way = given.get("order_no", ""), WAYS.get(given.get("channel", ""))
    good = goods.good_of(order_no)
    return (order_no, good, way) if good and way and way.kind == "till" else None


def _order_no(request: Request) -> str:
    order_no: str = request.path_params["order_no"]
    if not views.has_address(order_no):
        raise Trouble("not_found", 404)
    request.state.order_no = order_no
    return order_no


def _prices(good: Good, language: str) -> list[str]:
    return [views.money(amount, currency, language) for currency, amount in good.prices.items()]


def _merchant(request: Request) -> Merchant:
    merchant: Merchant = request.app.state.merchant
    return merchant


def _said(request: Request) -> dict[str, str]:
    return words.for_reader(request.headers.get("accept-language", ""))


async def _form(request: Request) -> Form:
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))


def _checkouts(request: Request) -> str:
    """The address of checkouts for the page's policy, which cannot name an IPv6 address."""
    origin = _origin(_merchant(request).url)
    return "" if "[" in origin else origin


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _rendered(request: Request, template: str, shown: dict[str, Any], status: int = 200) -> Response:
    said, query = _said(request), request.query_params
    # Only our own words are shown, never text from the address.
    problem = said.get(f"problem_{query.get('problem', '')}", "")
    told = said.get(f"told_{query.get('told', '')}", "")
    html = TEMPLATES.get_template(template).render(**shown, t=said, problem=problem, told=told)
    policy = _HEADERS["content-security-policy"].format(checkout=_checkouts(request))
    headers = _HEADERS | {"content-security-policy": policy, "content-language": said["lang"]}
    return Response(html, status, headers, "text/html; charset=utf-8")


def _page(handler: Handler) -> Handler:
    """Shows each error as a page that says what is wrong and what to do."""

    async def endpoint(request: Request) -> Response:
        try:
            _check_origin(request)
            return await handler(request)
        except Trouble as trouble:
            said = _said(request)
            code = trouble.code if f"trouble_{trouble.code}" in said else "other"
            order_no = getattr(request.state, "order_no", "")
            shown = {
                "title": said[f"trouble_{code}"],
                "what_to_do": said[f"do_{code}"],
                "trouble": trouble,
                "api": _merchant(request).url,
                # The order's own page would only show the same error.
                "order_no": order_no if request.method == "POST" else "",
                "again": request.method == "GET" and code in {"unreachable", "unavailable", "no_answer"},
            }
            return _rendered(request, "problem.html", shown, trouble.status)

    return endpoint


def _check_origin(request: Request) -> None:
    """Refuse forms from other websites: the shop's buttons use the merchant's token."""
    origin = request.headers.get("origin")
    if request.method == "POST" and origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise Trouble("from_elsewhere", 403)


ROUTES: list[BaseRoute] = [
    Route("/shop/", _page(show_front)),
    Route("/shop/buy", _page(buy), methods=["POST"]),
    Route("/shop/till", _page(show_till), methods=["GET"]),
    Route("/shop/till", _page(scan), methods=["POST"]),
    Route("/shop/orders/{order_no}", _page(show_order)),
    Route("/shop/orders/{order_no}/news", _page(tell_news)),
    Route("/shop/orders/{order_no}/refund", _page(refund), methods=["POST"]),
    Route("/shop/orders/{order_no}/close", _page(close), methods=["POST"]),
    Mount("/shop/static", StaticFiles(directory=HERE / "static")),
]
