"""The routes of the pages: the list on which a person plays the customer, and one charge as on a phone."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox.control.asked import world_of
from sandbox.control.charges import DashboardRefund, GivenUp, refund_in_dashboard
from sandbox.html import Form, headers, templates
from sandbox.objects import charges, refunds
from sandbox.pages import views, words
from sandbox.refusals import Problem
from sandbox.world import Settling, World

HERE = Path(__file__).parent
TEMPLATES = templates(HERE)
_HEADERS = headers("img-src 'self' data:; form-action 'self'")
_ADVANCE = {"minute": 60, "hour": 3_600, "day": 86_400}


async def show_charges(request: Request) -> Response:
    order_no = request.query_params.get("order_no") or None
    return _rendered(request, "charges.html", views.overview(world_of(request), order_no))


async def show_phone(request: Request) -> Response:
    world = world_of(request)
    charge = world.store.charge(request.path_params["id"])
    row = None if charge is None else views.row(world, charge)
    return _rendered(request, "phone.html", {"row": row}, 404 if row is None else 200)


def _rendered(request: Request, template: str, shown: dict[str, object], status: int = 200) -> Response:
    said = words.for_reader(request.headers.get("accept-language", ""))
    # Only our own words are shown, never text from the address.
    problem = said.get(f"problem_{request.query_params.get('problem', '')}", "")
    html = TEMPLATES.get_template(template).render(**shown, t=said, problem=problem)
    return Response(html, status, _HEADERS | {"content-language": said["lang"]}, "text/html; charset=utf-8")


def pay(world: World, id_: str, _: Form) -> None:
    charges.pay(world, id_)


def expire(world: World, id_: str, _: Form) -> None:
    charges.expire(world, id_)


def give_up(world: World, id_: str, _: Form) -> None:
    how = GivenUp()
    charges.give_up(world, id_, how.failure_code, how.failure_msg)


def refund(world: World, id_: str, form: Form) -> None:
    amount = form.get("amount", "").strip()
    if amount and not (amount.isascii() and amount.isdigit() and len(amount) < 16):
        raise Problem(400, "invalid", "The amount must be a number.")
    refund_in_dashboard(world, id_, DashboardRefund(amount=int(amount) if amount else None))


def succeed(world: World, id_: str, _: Form) -> None:
    refunds.decide(world, id_, succeeded=True)


def fail(world: World, id_: str, _: Form) -> None:
    refunds.decide(world, id_, succeeded=False)


def settle(world: World, _: str, form: Form) -> None:
    world.settling.after = None if form.get("settle") == "never" else Settling.after


def advance(world: World, _: str, form: Form) -> None:
    world.run_clock(advance=_ADVANCE.get(form.get("by", ""), 0))


def _button(does: Callable[[World, str, Form], None]) -> Callable[[Request], Awaitable[Response]]:
    """Do what the button says and redirect to the button's page; a failure is shown there."""

    async def endpoint(request: Request) -> Response:
        world, id_ = world_of(request), request.path_params.get("id", "")
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        query = {"order_no": form["order_no"]} if form.get("order_no") else {}
        try:
            does(world, id_, form)
            world.store.commit()
        except Problem as problem:
            query["problem"] = problem.code
        asked = f"?{urlencode(query)}" if query else ""
        if form.get("phone"):
            return RedirectResponse(f"/sandbox/pay/{id_}{asked}", 303)
        place = f"#{form['place']}" if form.get("place") else ""
        return RedirectResponse(f"/sandbox/{asked}{place}", 303)

    return endpoint


async def to_page(_: Request) -> Response:
    return RedirectResponse("/sandbox/")


ROUTES: list[BaseRoute] = [
    Route("/", to_page),
    Route("/sandbox/", show_charges),
    Route("/sandbox/pay/{id}", show_phone),
    Route("/sandbox/page/charges/{id}/pay", _button(pay), methods=["POST"]),
    Route("/sandbox/page/charges/{id}/expire", _button(expire), methods=["POST"]),
    Route("/sandbox/page/charges/{id}/give_up", _button(give_up), methods=["POST"]),
    Route("/sandbox/page/charges/{id}/refund", _button(refund), methods=["POST"]),
    Route("/sandbox/page/refunds/{id}/succeed", _button(succeed), methods=["POST"]),
    Route("/sandbox/page/refunds/{id}/fail", _button(fail), methods=["POST"]),
    Route("/sandbox/page/settle", _button(settle), methods=["POST"]),
    Route("/sandbox/page/advance", _button(advance), methods=["POST"]),
    Mount("/sandbox/static", StaticFiles(directory=HERE / "static")),
]
