"""The checkout's words in both languages, and which of them a browser asks for."""

# ruff: noqa: RUF001  Chinese has punctuation of its own, and English its apostrophe

from typing import Literal

Language = Literal["en", "zh-Hans"]
DEFAULT: Language = "en"
_ASKED_AS: dict[str, Language] = {"en": "en", "zh": "zh-Hans"}
_MOST_RANGES = 20  # language ranges that are read, because any client may send a long header


def choose(accept_language: str) -> Language:
    """The language that `Accept-Language` prefers (RFC 9110 §12.5.4); of two with the same weight, the first."""
    liked: dict[Language, float] = {}
    for one in accept_language.split(",")[:_MOST_RANGES]:
        tag, _, parameter = one.partition(";")
        language = _ASKED_AS.get(tag.strip().lower().partition("-")[0])
        if language and _quality(parameter) > liked.get(language, 0.0):
            liked[language] = _quality(parameter)
    return max(liked, key=lambda language: liked[language], default=DEFAULT)


def _quality(parameter: str) -> float:
    """The weight q of a language range: 1 if there is none, 0 if it is not a number."""
    name, _, value = parameter.strip().lower().partition("=")
    if not name:
        return 1.0
    try:
        quality = float(value) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0
    return quality if 0 < quality <= 1 else 0.0


WALLETS: dict[str, dict[Language, str]] = {
    "alipay": {"en": "Alipay", "zh-Hans": "支付宝"},
    "wechat": {"en": "WeChat", "zh-Hans": "微信"},
    "unionpay": {"en": "the UnionPay app", "zh-Hans": "云闪付"},
    "ccb": {"en": "the China Construction Bank app", "zh-Hans": "中国建设银行 App"},
    "baidu": {"en": "Baidu Wallet", "zh-Hans": "百度钱包"},
    "": {"en": "your payment app", "zh-Hans": "您的支付 App"},
}

# For each scene (see `scene`): what has happened, and what the shopper can do. `{app}` is the wallet; `{refunded}`
# and `{amount}` are amounts.
SCENES: dict[str, dict[Language, tuple[str, str]]] = {
    "scan": {
        "en": ("Scan to pay", "Open {app} and scan this code."),
        "zh-Hans": ("请扫码支付", "请打开{app}“扫一扫”，扫描下方二维码。"),
    },
    "show_code": {
        "en": (
            "Show your payment code to the cashier",
            "Open {app} and show its payment code. If it asks you to confirm, please do: this page then shows the result.",
        ),
        "zh-Hans": (
            "请向收银员出示付款码",
            "请打开{app}并出示付款码。如提示确认或输入密码，请按提示完成，结果会自动显示在本页。",
        ),
    },
    "open": {
        "en": (
            "Continue to payment",
            "The shop’s page opens {app} for you. When you have paid, come back here: the result appears by itself.",
        ),
        "zh-Hans": ("请继续支付", "商家页面会为您打开{app}。支付完成后请返回本页，结果会自动显示。"),
    },
    "wait": {
        "en": (
            "Waiting for your payment",
            "Please pay as the shop tells you. The result appears here by itself.",
        ),
        "zh-Hans": ("等待支付", "请按商家的提示完成支付，结果会自动显示在本页。"),
    },
    "creating": {
        "en": ("Preparing your payment", "This takes a few seconds."),
        "zh-Hans": ("正在准备支付", "请稍候，通常只需几秒钟。"),
    },
    "checking": {
        "en": (
            "Checking your payment",
            "One moment: we are making sure whether this payment went through. Please do not pay again.",
        ),
        "zh-Hans": ("正在确认支付结果", "请稍候，我们正在确认这笔支付是否成功。请勿重复支付。"),
    },
    "over": {
        "en": (
            "Time is up",
            "Please do not pay any more. If you have paid already, the result appears here within a few minutes.",
        ),
        "zh-Hans": ("支付时间已结束", "请勿再支付。如您已完成支付，结果会在几分钟内显示在本页。"),
    },
    "closing": {
        "en": (
            "Payment closed",
            "The shop has ended this payment. Please do not pay any more. If you have paid already, this page will say so.",
        ),
        "zh-Hans": ("支付已关闭", "商家已结束这笔支付，请勿再支付。如您已完成支付，本页会显示结果。"),
    },
    "paid": {
        "en": ("Payment received", "Thank you. You can go back to the shop now."),
        "zh-Hans": ("支付成功", "感谢您的购买，现在可以返回商家页面。"),
    },
    "paid_late": {
        "en": (
            "Payment received",
            "It came after this payment had been closed. Please ask the shop whether it delivers or refunds.",
        ),
        "zh-Hans": ("已收到支付", "款项在支付关闭后才到账，请联系商家确认发货或退款。"),
    },
    "partially_refunded": {
        "en": ("Partly refunded", "{refunded} of {amount} goes back to you the way you paid."),
        "zh-Hans": ("已部分退款", "{amount} 中的 {refunded} 将按原支付方式退回。"),
    },
    "refunded": {
        "en": (
            "Refunded",
            "{refunded} goes back to you the way you paid. It may take a few days to reach your account.",
        ),
        "zh-Hans": ("已退款", "{refunded} 将按原支付方式退回，到账可能需要几天。"),
    },
    "closed": {
        "en": ("Payment closed", "It can no longer be paid. To buy, please begin again in the shop."),
        "zh-Hans": ("支付已关闭", "这笔支付已无法继续。如需购买，请返回商家重新下单。"),
    },
    "expired": {
        "en": (
            "Time is up",
            "This payment was not made in time and can no longer be paid. To buy, please begin again in the shop.",
        ),
        "zh-Hans": ("支付已超时", "未在规定时间内完成支付，已无法继续。如需购买，请返回商家重新下单。"),
    },
    "failed": {
        "en": (
            "The payment could not be started",
            "You have not been charged. Please go back to the shop and try again, perhaps with another way to pay.",
        ),
        "zh-Hans": ("无法发起支付", "您没有被扣款。请返回商家重试，或更换支付方式。"),
    },
    "not_found": {
        "en": ("There is no such payment", "Please check the address, or go back to the shop for a new one."),
        "zh-Hans": ("找不到这笔支付", "请检查链接是否完整，或返回商家重新获取。"),
    },
    "unavailable": {
        "en": (
            "We cannot show this payment just now",
            "This page tries again by itself in a few seconds. If you have paid already, please do not pay again.",
        ),
        "zh-Hans": ("暂时无法显示这笔支付", "本页会在几秒后自动重试。如您已完成支付，请勿重复支付。"),
    },
}

WORDS: dict[str, dict[Language, str]] = {
    "checkout": {"en": "Checkout", "zh-Hans": "收银台"},
    "order": {"en": "Your order", "zh-Hans": "订单信息"},
    "to_pay": {"en": "Amount to pay", "zh-Hans": "应付金额"},
    "amount": {"en": "Amount", "zh-Hans": "订单金额"},
    "subject": {"en": "For", "zh-Hans": "商品"},
    "order_no": {"en": "Order number", "zh-Hans": "订单号"},
    "pay_with": {"en": "Pay with", "zh-Hans": "支付方式"},
    "paid_at": {"en": "Paid", "zh-Hans": "支付时间"},
    "time_left": {"en": "Time left", "zh-Hans": "剩余时间"},
    "test_mode": {"en": "Test mode: no money moves.", "zh-Hans": "测试模式：不会产生真实扣款。"},
    "qr_alt": {"en": "QR code to pay {amount} with {app}", "zh-Hans": "用{app}支付 {amount} 的二维码"},
    "same_phone": {
        "en": "Do you pay with this phone? Open this page on another screen, or scan a screenshot of it where {app} can do that.",
        "zh-Hans": "用本机支付？请在另一块屏幕上打开本页；若{app}支持，也可截屏后从相册识别二维码。",
    },
    "i_have_paid": {"en": "I have paid", "zh-Hans": "我已支付"},
    "asked": {
        "en": "We are asking for the result. It appears here as soon as it is known.",
        "zh-Hans": "正在查询支付结果，确认后会立即显示在本页。",
    },
    "updates": {
        "en": "The result appears here by itself. Please keep this page open.",
        "zh-Hans": "结果会自动显示在本页，请勿关闭页面。",
    },
    "offline": {
        "en": "No connection just now. We keep trying.",
        "zh-Hans": "网络连接中断，正在重试。",
    },
    "back": {"en": "Back to the shop", "zh-Hans": "返回商家"},
}


def scene(status: str, step: str, *, late: bool) -> str:
    """The name in SCENES for the state that the page shows."""
    if step != "ended":
        return step
    return "paid_late" if late and status == "paid" else status
