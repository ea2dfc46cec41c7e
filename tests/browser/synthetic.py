"""A server with the API's shapes and made-up rows: many venues and symbols at a high rate, and states that a demo
shows too seldom. ``python tests/browser/synthetic.py --port 8790`` serves it for a look.

It knows the contract (``arbkit.monitor.api.shapes``) and nothing of the real server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from arbkit.core.runtime.clock import Clock
from arbkit.monitor.api import shapes

STATIC = Path(__file__).parents[2] / "arbkit" / "monitor" / "dashboard"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
VENUES = (
    "binance",
    "okx",
    "bybit",
    "coinbase",
    "kraken",
    "bitget",
    "kucoin",
    "gate",
    "mexc",
    "htx",
    "bitstamp",
    "cryptocom",
)
BASES = [
    "BTC",
    "ETH",
    "SOL",
    "XRP",
    "DOGE",
    "ADA",
    "AVAX",
    "LINK",
    "DOT",
    "LTC",
    "BCH",
    "UNI",
    "ATOM",
    "ETC",
    "FIL",
    "APT",
    "ARB",
    "OP",
    "NEAR",
    "INJ",
    "SUI",
    "SEI",
    "TIA",
    "RUNE",
    "AAVE",
    "MKR",
    "LDO",
    "SNX",
    "CRV",
    "COMP",
    "ALGO",
    "VET",
    "ICP",
    "HBAR",
    "EGLD",
    "XTZ",
    "THETA",
    "AXS",
    "SAND",
    "MANA",
    "GRT",
    "FTM",
    "FLOW",
    "CHZ",
    "ENJ",
    "ZEC",
    "DASH",
    "NEO",
    "IOTA",
    "KSM",
]
TOKENS = {"trade": "trade", "read": "read"}
"""The scope of each token."""
BOUNDS = (*(m * 10.0**e for e in range(7) for m in (1.0, 1.6, 2.5, 4.0, 6.3)), 1e7)


HOSTILE = "<img src=x onerror=\"document.title='taken'\"><b>bold</b> \u202e=1+1"
"""A text of a venue that would be markup, if the page took it for that."""


class Synthetic:
    """Rows of ``venues`` x ``symbols``, anew at each ``step``, from a seed."""

    def __init__(self, venues: int = 12, symbols: int = 50, *, seed: int = 1) -> None:
        self.venues = VENUES[:venues]
        self.symbols = [f"{base}-USDT" for base in BASES[:symbols]]
        self.actions: list[tuple[str, dict[str, Any]]] = []
        self.mode = "active"
        self.why = ""
        self.clock = Clock()
        self.began_us = self.now_us()
        self.random = random.Random(seed)
        self.prices = {symbol: 60_000 / (1.35**i) for i, symbol in enumerate(self.symbols)}
        self.basis = {(v, s): self.random.gauss(0, 6e-4) for v in self.venues for s in self.symbols}
        self.updates = 0
        self.lines: list[shapes.Line] = []
        self.gains: list[shapes.Gain] = []
        self.history_us = 3_600_000_000
        self.deals = self._make_deals()
        gain = 0.0
        for i in range(720):
            gain += max(-0.4, self.random.gauss(0.06, 0.25))
            self.gains.append(self._gain(self.began_us - (720 - i) * 5_000_000, gain))
        for i in range(60):
            self._line(self.began_us - (60 - i) * 7_000_000)

    def now_us(self) -> int:
        return self.clock.now_ns() // 1000

    def step(self) -> None:
        """Move all prices."""
        self.updates += 1
        draw = self.random
        for symbol in self.symbols:
            self.prices[symbol] *= 1 + draw.gauss(0, 2e-5)
        for key in self.basis:
            self.basis[key] = self.basis[key] * 0.999 + draw.gauss(0, 3e-5)
        if self.updates % 50 == 0:
            self.gains.append(self._gain(self.now_us(), float(self.gains[-1].marked or 0) + draw.gauss(0.06, 0.25)))
        if self.updates % 13 == 0:
            self._line(self.now_us())

    def _gain(self, at_us: int, gain: float) -> shapes.Gain:
        return shapes.Gain(
            at_us=at_us, marked=Decimal(f"{gain:.4f}"), booked=Decimal(f"{gain - abs(math.sin(at_us)) * 0.4:.4f}")
        )

    def _line(self, at_us: int) -> None:
        kind, text = self.random.choice(
            [
                ("deal", "ETH-USDT buy bybit 2400.01 sell binance 2406.25 +0.30 USDT 4ms"),
                ("deal", "BTC-USDT buy bybit 61704.7 sell okx 61902.4 +0.60 USDT 81ms completed"),
                (
                    "fault",
                    "book binance:BTC-USDT lost: sequence gap: 3836 then 3874..3917; not traded, asked for again",
                ),
                ("healed", "book binance:BTC-USDT is trusted again, 0.9 s"),
                ("alarm", "the clock of okx is 310 ms off: no orders there until it is known again"),
                ("note", "planted at binance: a message of the book feed is skipped"),
                ("note", HOSTILE),
            ]
        )
        self.lines.append(shapes.Line(n=len(self.lines), at_us=at_us, kind=kind, text=text))

    # --- rows

    def rows(self, topic: str, asked: shapes.Subscribe) -> Sequence[Any]:
        make: Callable[[shapes.Subscribe], Sequence[Any]] = getattr(self, f"_{topic}")
        return make(asked)

    def _top(self, venue: str, symbol: str) -> tuple[float, float]:
        middle = self.prices[symbol] * (1 + self.basis[venue, symbol])
        return float(f"{middle * 0.9999:.7g}"), float(f"{middle * 1.0001:.7g}")

    def _status(self, _: shapes.Subscribe) -> list[shapes.Status]:
        return [
            shapes.Status(
                at_us=self.now_us(),
                began_us=self.began_us - 3_600_000_000,
                kind="demo",
                version="0.1.0",
                mode=self.mode,
                why=self.why,
                restricted={"htx": "clock error 310 ms"} if "htx" in self.venues else {},
                idle="" if self.mode == "active" else self.why,
                asset="USDT",
                marked=self.gains[-1].marked,
                deals={"hedged": 184, "completed": 9, "reversed": 2},
                open_deals=1,
                held=1,
                unresolved=1,
                books=len(self.venues) * len(self.symbols),
                trusted=len(self.venues) * len(self.symbols) - 3,
                messages=1_204_332 + self.updates * 600,
                stopping=False,
            )
        ]

    def _venue(self, i: int, name: str) -> shapes.Venue:
        draw = self.random
        return shapes.Venue(
            name=name,
            environment="sim",
            why="its clock is not known" if name == "htx" else "",
            mode="reducing" if name == "htx" else "active",
            links=[
                shapes.Link(
                    name=f"{name}.{role}",
                    role=role,
                    up=not (name == "htx" and role == "trade"),
                    messages=10_000 + self.updates,
                    messages_per_s=600 / (i + 1),
                    bytes=12_000_000,
                    gaps=i % 3,
                    reconnects=i % 2,
                    transit_us=int(abs(draw.gauss(900, 400))),
                )
                for role in ("public", "private", "trade", "rest")
            ],
            clock_us=None if name == "htx" else int(draw.gauss(0, 300)),
            clock_error_us=400 + 50 * i,
            latency_us=8_000 + 4_000 * i,
            headroom={"orders": 1 - 0.05 * i, "weight": 0.98 - 0.02 * i},
            mishaps=i % 4,
            books=len(self.symbols),
            trusted=len(self.symbols) - (3 if name == "htx" else 0),
        )

    def _venues(self, _: shapes.Subscribe) -> list[shapes.Venue]:
        return [self._venue(i, name) for i, name in enumerate(self.venues)]

    def _books(self, asked: shapes.Subscribe) -> list[shapes.Book]:
        found = []
        for symbol in asked.symbols or self.symbols:
            for venue in self.venues:
                bid, ask = self._top(venue, symbol)
                bad = venue == "htx" and symbol in self.symbols[:3]
                found.append(
                    shapes.Book(
                        instrument=f"{venue}:{symbol}",
                        state="lost" if bad else "synced",
                        reason="sequence gap: 3836 then 3874..3917" if bad else "",
                        bid_px=bid,
                        bid_qty=1.25,
                        ask_px=ask,
                        ask_qty=0.75,
                        age_us=self.random.randrange(100, 90_000),
                        updates=self.updates,
                        levels=400,
                    )
                )
        return found

    def _ladders(self, asked: shapes.Subscribe) -> list[shapes.Ladder]:
        found = []
        for symbol in asked.symbols:
            for venue in self.venues:
                bid, ask = self._top(venue, symbol)
                steps = range(asked.depth)
                found.append(
                    shapes.Ladder(
                        instrument=f"{venue}:{symbol}",
                        state="synced",
                        age_us=self.random.randrange(100, 90_000),
                        bids=[(bid * (1 - 1e-5 * i), round(self.random.expovariate(0.6), 4)) for i in steps],
                        asks=[(ask * (1 + 1e-5 * i), round(self.random.expovariate(0.6), 4)) for i in steps],
                    )
                )
        return found

    def _pair(self, symbol: str, buy: str, sell: str) -> shapes.Spread:
        if "htx" in (buy, sell) and symbol in self.symbols[:3]:
            return shapes.Spread(symbol=symbol, buy=buy, sell=sell, gross=None, net=None, notional=None)
        gross = self._top(sell, symbol)[0] / self._top(buy, symbol)[1] - 1
        return shapes.Spread(symbol=symbol, buy=buy, sell=sell, gross=gross, net=gross - 0.0008, notional=40_000.0)

    def _spreads(self, asked: shapes.Subscribe) -> list[shapes.Spread]:
        found = []
        for symbol in asked.symbols or self.symbols:
            pairs = [self._pair(symbol, buy, sell) for buy in self.venues for sell in self.venues if buy != sell]
            found += pairs if asked.symbols else [max(pairs, key=lambda one: -1 if one.net is None else one.net)]
        return found

    def _opportunities(self, _: shapes.Subscribe) -> list[shapes.Looked]:
        return [
            shapes.Looked(
                pair=f"{self.venues[i % 3]}:{symbol}+{self.venues[3]}:{symbol}",
                seen=40 * i,
                taken=3 * i,
                dropped={"limits": i, "balance": 2 * i},
                last_us=self.now_us() - i * 1_000_000,
                edge=1e-4 * i,
                reason="" if i % 3 == 0 else "balance",
                text="" if i % 3 == 0 else "12 USDT free at okx, 100 wanted",
            )
            for i, symbol in enumerate(self.symbols)
        ]

    def _make_deals(self) -> list[shapes.Deal]:
        found = []
        for i in range(120):
            opened = self.began_us - i * 21_000_000
            symbol = self.symbols[i % min(4, len(self.symbols))]
            buy, sell = self.venues[i % 3], self.venues[(i + 1) % 3]
            ident = f"{4000 - i}"
            state, outcome = ("open", None) if i == 0 else ("held", None) if i == 1 else ("closed", "hedged")
            legs, orders = [], []
            for side, venue in (("buy", buy), ("sell", sell)):
                qty, px = Decimal("0.0125"), Decimal(f"{self.prices[symbol]:.2f}")
                legs.append(
                    shapes.Leg(
                        instrument=f"{venue}:{symbol}",
                        side=side,
                        wave=0,
                        qty=qty,
                        px=px,
                        filled=qty,
                        avg_px=px,
                        fees={"USDT": Decimal("0.0771")},
                    )
                )
                ack = self.random.uniform(2_000, 60_000)
                fill = self.random.uniform(200, 9_000)
                orders.append(
                    shapes.Order(
                        cl_ord_id=f"a0000{i:08d}{side[0]}0",
                        order_id=f"77{i}{venue}",
                        deal=ident,
                        account=f"{venue}:default",
                        instrument=f"{venue}:{symbol}",
                        purpose="entry",
                        side=side,
                        qty=qty,
                        px=px,
                        tif="IOC",
                        channel="trade",
                        status="filled" if i else "new",
                        filled=qty if i else Decimal(0),
                        sent_us=opened + 600,
                        acked_us=opened + 600 + int(ack),
                        ended_us=opened + 600 + int(ack + fill) if i else None,
                        text="",
                        stages=shapes.Stages(
                            wire_in=900.0,
                            decode=11.5,
                            book=3.1,
                            decide=42.0,
                            gate=61.3,
                            sign=88.0,
                            wire_out=self.random.uniform(20, 90),
                            ack=ack,
                            fill=fill if i else None,
                        ),
                    )
                )
            found.append(
                shapes.Deal(
                    id=ident,
                    strategy="spread",
                    pair=f"{buy}:{symbol}+{sell}:{symbol}",
                    state=state,
                    outcome=outcome,
                    why="waits: no book of okx is trusted" if state == "held" else "",
                    asset="USDT",
                    expected=Decimal("0.4127"),
                    realised=None if state != "closed" else Decimal(f"{self.random.gauss(0.36, 0.2):.6f}"),
                    opened_us=opened,
                    closed_us=None if state != "closed" else opened + 71_000,
                    legs=legs,
                    orders=orders,
                )
            )
        return found

    def _deals(self, _: shapes.Subscribe) -> list[shapes.Deal]:
        return self.deals

    def _orders(self, _: shapes.Subscribe) -> list[shapes.Order]:
        return [order for deal in self.deals for order in deal.orders]

    def _fills(self, _: shapes.Subscribe) -> list[shapes.Fill]:
        return [
            shapes.Fill(
                at_us=order.ended_us,
                cl_ord_id=order.cl_ord_id,
                trade_id="1",
                deal=order.deal,
                instrument=order.instrument,
                side=order.side,
                qty=order.filled,
                px=order.px,
                fees={"USDT": Decimal("0.0771")},
                maker=False,
            )
            for order in self._orders(_)
            if order.ended_us is not None
        ]

    def _balances(self, _: shapes.Subscribe) -> list[shapes.Balance]:
        return [
            shapes.Balance(
                account=f"{venue}:default",
                asset=asset,
                total=Decimal("1200.5"),
                free=Decimal("1100.5"),
                value=Decimal("1200.5"),
            )
            for venue in self.venues
            for asset in ("USDT", "BTC", "ETH")
        ]

    def _exposure(self, _: shapes.Subscribe) -> list[shapes.Exposure]:
        return [
            shapes.Exposure(
                asset="BTC", open=Decimal("0.0125"), left=Decimal("-0.0003"), value=Decimal("750.2"), cap=Decimal(2000)
            ),
            shapes.Exposure(
                asset="ETH", open=Decimal(0), left=Decimal("0.0005"), value=Decimal("1.2"), cap=Decimal(2000)
            ),
        ]

    def _pnl(self, _: shapes.Subscribe) -> list[shapes.Gain]:
        return self.gains

    def _limits(self, _: shapes.Subscribe) -> list[shapes.Limit]:
        return [
            shapes.Limit(name="exposure", scope="", used=Decimal("751.4"), most=Decimal(5000)),
            shapes.Limit(name="loss of the day", scope="", used=Decimal("4.1"), most=Decimal(50)),
            *(
                shapes.Limit(name="notional", scope=name, used=Decimal(420 * i), most=Decimal(5000))
                for i, name in enumerate(self.venues)
            ),
        ]

    def _latency(self, _: shapes.Subscribe) -> list[shapes.Latency]:
        def one(stage: str, venue: str, middle: float) -> shapes.Latency:
            counts = [0] * (len(BOUNDS) + 1)
            draw = random.Random(stage + venue)
            for _ in range(800):
                us = middle * math.exp(draw.gauss(0, 0.5))
                counts[next((i for i, bound in enumerate(BOUNDS) if us <= bound), len(BOUNDS))] += 1
            return shapes.Latency(
                stage=stage,
                venue=venue,
                bounds_us=BOUNDS,
                counts=counts,
                p50_us=middle,
                p95_us=middle * 2.3,
                p99_us=middle * 3.2,
                count=800 + self.updates,
            )

        stages = {"decode": 9, "book": 4, "decision": 45, "tick_to_order": 340, "durable": 410, "callback": 60}
        return [
            *(one(stage, "", middle) for stage, middle in stages.items()),
            *(one("ack", name, 8_000 + 4_000 * i) for i, name in enumerate(self.venues)),
        ]

    def _log(self, _: shapes.Subscribe) -> list[shapes.Line]:
        return self.lines[-500:]


class Server:
    """Serves a ``Synthetic``. ``every_s``: between two steps."""

    def __init__(self, made: Synthetic, every_s: float = 0.1) -> None:
        self.made = made
        self.every_s = every_s
        self.port = 0
        self.logged_in = False
        self._runner: web.AppRunner | None = None
        self._task: asyncio.Task[None] | None = None
        self._sockets: set[web.WebSocketResponse] = set()

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_post("/api/v1/login", self._login)
        app.router.add_get("/api/v1/session", self._session)
        app.router.add_post("/api/v1/logout", self._logout)
        app.router.add_get("/api/v1/ws", self._ws)
        app.router.add_post("/api/v1/actions/{name}", self._action)
        app.router.add_get("/api/v1/history/{kind}", self._history)
        app.router.add_get("/api/v1/{topic}", self._topic)
        app.router.add_get("/{path:.*}", self._static)
        app.on_response_prepare.append(_headers)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]
        self._task = asyncio.create_task(self._steps())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        for socket in list(self._sockets):
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _steps(self) -> None:
        while True:
            await asyncio.sleep(self.every_s)
            self.made.step()

    async def _static(self, request: web.Request) -> web.StreamResponse:
        path = (STATIC / (request.match_info["path"] or "index.html")).resolve()
        if STATIC not in path.parents or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    async def _login(self, request: web.Request) -> web.Response:
        token = (await request.json()).get("token")
        if token not in TOKENS or request.headers.get("X-Arbkit") != "1":
            return _failure(401, "the link is not known, was used, or is too old: make one anew")
        answer = web.json_response({"scope": TOKENS[token]})
        answer.set_cookie("arbkit", token, httponly=True, samesite="Strict")
        return answer

    async def _session(self, request: web.Request) -> web.Response:
        scope = TOKENS.get(request.cookies.get("arbkit", ""))
        return web.json_response({"scope": scope}) if scope else _failure(401, "no session")

    async def _logout(self, request: web.Request) -> web.Response:
        answer = web.Response(status=204)
        answer.del_cookie("arbkit")
        return answer

    async def _topic(self, request: web.Request) -> web.Response:
        topic: Any = request.match_info["topic"]
        symbols = request.query.getall("symbol", [])
        asked = shapes.Subscribe(topic=topic, symbols=symbols)
        rows = self.made.rows(topic, asked)
        return _json(shapes.Snapshot(topic=topic, at_us=self.made.now_us(), rows=rows))

    async def _history(self, request: web.Request) -> web.Response:
        """Deals: 500, 200 a page, a second apart. Nothing else."""
        if request.match_info["kind"] != "deals":
            return _json({"rows": [], "more": False})
        until, limit = int(request.query.get("until", self.made.began_us)), int(request.query["limit"])
        rows = [self._past(i) for i in range(500) if self.made.began_us - (i + 1) * 1_000_000 < until]
        return _json({"rows": rows[:limit], "more": len(rows) > limit})

    def _past(self, i: int) -> dict[str, Any]:
        opened = self.made.began_us - (i + 1) * 1_000_000
        return {
            "id": str(4000 - i),
            "opened_us": opened,
            "closed_us": opened + 71_000,
            "strategy": "spread",
            "instruments": ["okx:BTC-USDT", "bybit:BTC-USDT"],
            "asset": "USDT",
            "outcome": "hedged",
            "why": None,
            "expected": Decimal("0.4127"),
            "realised": Decimal("0.3627"),
            "slippage": Decimal("-0.05"),
            "fees": Decimal(0),
            "latency": Decimal(0),
            "unwind": Decimal(0),
            "leftovers": Decimal(0),
        }

    async def _action(self, request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.json()
        if request.headers.get("X-Arbkit") != "1":
            return _failure(403, "the header X-Arbkit: 1 is missing")
        again = (name, body) in self.made.actions
        self.made.actions.append((name, body))
        if name == "release" and again:
            return _failure(400, "scope: this pair has no held deal")
        if name in ("kill", "mode") and not body.get("scope"):
            self.made.mode = "halted" if name == "kill" else body["mode"]
            self.made.why = f"asked by api:trade: {body.get('why')}" if self.made.mode != "active" else ""
        return web.json_response({})

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        if request.cookies.get("arbkit") not in TOKENS:
            return _failure(401, "no session")
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self._sockets.add(socket)
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                asked = msgspec.json.decode(message.data, type=shapes.Subscribe | shapes.Unsubscribe)
                if asked.topic in tasks:
                    tasks.pop(asked.topic).cancel()
                if isinstance(asked, shapes.Subscribe):
                    tasks[asked.topic] = asyncio.create_task(self._push(socket, asked))
        finally:
            self._sockets.discard(socket)
            for task in tasks.values():
                task.cancel()
        return socket

    async def _push(self, socket: web.WebSocketResponse, asked: shapes.Subscribe) -> None:
        kind: Any = shapes.Snapshot
        before: dict[Any, bytes] = {}
        _, key = shapes.TOPICS[asked.topic]
        encode = msgspec.json.encode
        with contextlib.suppress(ConnectionError):
            while True:
                rows = self.made.rows(asked.topic, asked)
                now = {tuple(getattr(row, name) for name in key): encode(row) for row in rows}
                changed = [msgspec.Raw(text) for at, text in now.items() if before.get(at) != text]
                message = kind(topic=asked.topic, at_us=self.made.now_us(), rows=changed)
                if changed or kind is shapes.Snapshot:
                    await socket.send_str(encode(message).decode())
                kind, before = shapes.Changes, now
                await asyncio.sleep(max(asked.every_ms / 1000, self.every_s))


async def _headers(_: web.Request, answer: web.StreamResponse) -> None:
    answer.headers.update(HEADERS)


def _json(what: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(what), content_type="application/json")


def _failure(status: int, text: str) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(shapes.Failure(error=text)), content_type="application/json"
    )


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8790)
    parser.add_argument("--venues", type=int, default=12)
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--every", type=float, default=0.1)
    given = parser.parse_args()
    server = Server(Synthetic(given.venues, given.symbols), given.every)
    await server.start(given.port)
    print(f"http://127.0.0.1:{server.port}/#token=trade", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
