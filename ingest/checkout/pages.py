"""Draws the checkout's pages in the shopper's language, and serves their script, style and icon."""

from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from ingest.checkout.money import money
from ingest.checkout.text import SCENES, WALLETS, WORDS, Language, choose, scene
from ingest.checkout.view import ASKS, View
from payments.times import rfc3339

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_HERE = Path(__file__).parent
_MEDIA = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_LOOKS = {"paid": "good", "paid_late": "good", "refunded": "back", "partially_refunded": "back"} | {
    **dict.fromkeys(("creating", "checking", "wait"), "busy"),
    **dict.fromkeys(("show_code", "open"), "phone"),
    **dict.fromkeys(("over", "expired"), "time"),
    **dict.fromkeys(("closing", "closed", "failed"), "quiet"),
}


class Pages:
    """The templates, and the files beside them; the address of a file changes with its content."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._files = {path.name: path.read_bytes() for path in (_HERE / "static").iterdir()}
        self._digests = {
            name: blake2b(content, digest_size=9).hexdigest() for name, content in self._files.items()
        }

    async def static(self, request: Request) -> Response:
        """One of our own files. If the address has the digest of another release, the browser must not cache it.

        Two releases may serve side by side, and one may be asked for a file of the other.
        """
        name = request.path_params["name"]
        if name not in self._files:
            return Response(status_code=404, headers=HEADERS)
        same = request.path_params["digest"] == self._digests[name]
        kept = "public, max-age=31536000, immutable" if same else "no-store"
        media = _MEDIA[name.rpartition(".")[2]]
        return Response(self._files[name], media_type=media, headers={**HEADERS, "Cache-Control": kept})

    def payment(self, request: Request, seen: View, now: float) -> Response:
        """The page of a payment."""
        language = _language(request)
        name = scene(seen.status, seen.step, late=seen.late)
        app = WALLETS[seen.wallet][language]
        amount = money(seen.amount, seen.currency, language)
        said = {
            "app": app,
            "amount": amount,
            "refunded": money(seen.amount_refunded, seen.currency, language),
        }
        title, text = SCENES[name][language]
        left = seen.seconds_left(now)
        settled = seen.final and seen.status not in ("closed", "expired", "failed")
        return self._draw(
            "payment.html",
            language,
            200,
            here=request.path_params["token"],
            seen=seen,
            title=title,
            text=text.format_map(said),
            look=_LOOKS.get(name, ""),
            app=app[0].upper() + app[1:],
            amount=amount,
            paid_at=rfc3339(seen.paid_time) or "",
            seconds_left=left,
            clock="" if left is None else _clock(left),
            qr_alt=WORDS["qr_alt"][language].format_map(said),
            same_phone=WORDS["same_phone"][language].format_map(said),
            to_pay=seen.step in (*ASKS, "creating"),
            asks=seen.step in (*ASKS, "checking", "over", "closing"),
            asked="asked" in request.query_params,
            settled=settled,
            return_url=_web_address(seen.return_url),
            prominent=seen.final,
        )

    def notice(self, request: Request, status: int, name: str) -> Response:
        """A page without a payment."""
        language = _language(request)
        title, text = SCENES[name][language]
        # Addresses of files are relative to the page, and this page is one step deeper.
        up = "../" if request.method == "POST" else ""
        return self._draw("notice.html", language, status, title=title, text=text, again=status == 503, up=up)

    def _draw(self, template: str, language: Language, status: int, up: str = "", **more: Any) -> Response:
        words = {name: both[language] for name, both in WORDS.items()}
        drawn = self._templates.get_template(template).render(
            language=language,
            words=words,
            static=lambda name: f"{up}-/static/{self._digests[name]}/{name}",
            **more,
        )
        headers = {**HEADERS, "Vary": "Accept-Language", "Content-Language": language}
        return Response(drawn, status, headers, "text/html")


def _language(request: Request) -> Language:
    return choose(",".join(request.headers.getlist("accept-language")))


def _web_address(address: str | None) -> str | None:
    """The address if a link may lead to it: only http and https. Others could run a script on our page."""
    try:
        parts = urlsplit(address or "")
        leads = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return address if leads else None


def _clock(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"
