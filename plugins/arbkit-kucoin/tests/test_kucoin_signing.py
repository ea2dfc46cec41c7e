"""Signatures against values that another program computed from the page's rule, and the window of an order."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from arbkit_kucoin import tables
from arbkit_kucoin.adapter import Kucoin
from wires import instrument

from arbkit.core.types import Catalogue, HttpRequest, LinkSpec, NewOrder, Role, Secret, Side, VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.venue import Context, RestRequest

STAMP_MS = 1547015186532
SIGNER = LocalSigner("arbkit-key", "arbkit-test-secret", "arbkit-pass")
ME = "kucoin:main"
BTC = instrument("kucoin", "BTC-USDT", "0.1", "0.00001")


def signed(method: str, path: str, params: Any) -> HttpRequest:
    context = Context(LinkSpec(link="x", venue="kucoin", role=Role.REST, account=ME), Catalogue([BTC]), SIGNER)
    return tables.sign(context, RestRequest(method, path, params, True), STAMP_MS * 1_000_000, url="https://x")


def shown(request: HttpRequest) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in request.headers}


def test_the_signature_and_the_signed_passphrase() -> None:
    """Time, method, path with its query."""
    headers = shown(signed("GET", "/api/v1/accounts", [("currency", "BTC")]))
    assert headers["KC-API-SIGN"] == "XiDARqQ3LlpHh00sShm+cgrGwJ84n/dBkml/9ZlHDmk="
    assert headers["KC-API-PASSPHRASE"] == "Uno/pyNGnwTEzO9wRdZeu8tiARX9HY0jpXliskogLM0="
    assert (headers["KC-API-KEY"], headers["KC-API-TIMESTAMP"]) == ("arbkit-key", str(STAMP_MS))


def test_an_order_carries_its_window() -> None:
    """``clientTimestamp`` is the signed time; the window is 5 s, or ends at the deadline. Secrets are hidden."""
    link = LinkSpec(link="x", venue="kucoin", role=Role.REST, account=ME)
    rest = Kucoin(VenueSettings()).session(link, Catalogue([BTC]), SIGNER)
    now_ns = STAMP_MS * 1_000_000
    for deadline_ns, window in ((0, 5000), (now_ns + 10**9, 1000)):
        order = NewOrder(
            account=ME,
            instrument=BTC.id,
            cl_ord_id="a",
            side=Side.BUY,
            qty=Decimal("0.1"),
            px=Decimal(1),
            deadline_ns=deadline_ns,
        )
        (request,) = rest.encode([order], now_ns)
        assert isinstance(request, HttpRequest)
        body = json.loads(request.body)
        assert (body["clientTimestamp"], body["allowMaxTimeWindow"]) == (STAMP_MS, window)
        assert (request.method, request.url) == ("POST", "https://api.kucoin.com/api/v1/hf/orders")
        for secret in ("arbkit-pass", "arbkit-test-secret", shown(request)["KC-API-SIGN"]):
            assert secret not in repr(request)
