"""The rows say what is so: judged by the venues' own orders, fills and balances, and by sums that are made here."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from itertools import permutations
from typing import Any

import aiohttp
import msgspec
import pytest
from api_rig import SYMBOLS, Rig

from arbkit.monitor.api.schema import document
from arbkit.monitor.api.shapes import TOPICS
from arbkit.monitor.redactor import PROCESS

Rows = list[dict[str, Any]]


async def test_orders_and_fills_are_those_of_the_venues(rig: Rig, http: aiohttp.ClientSession) -> None:
    """Each order that a venue accepted is a row with its quantity, price, side and fills; no other says it was."""
    orders, fills = await rig.rows(http, "orders"), await rig.rows(http, "fills")
    theirs = {(venue, one["cl_ord_id"]): one for venue, rows in rig.run.orders.items() for one in rows}
    ours = {(row["instrument"].partition(":")[0], row["cl_ord_id"]): row for row in orders if row["order_id"]}
    assert len(theirs) >= 10
    assert {plain_id(key) for key in ours} == {plain_id(key) for key in theirs}
    by_order: dict[str, Rows] = defaultdict(list)
    for fill in fills:
        by_order[fill["cl_ord_id"]].append(fill)
    for key, row in ours.items():
        other = next(one for name, one in theirs.items() if plain_id(name) == plain_id(key))
        assert Decimal(row["qty"]) == Decimal(other["qty"]), key
        assert row["side"] == other["side"].lower()
        mine = by_order[row["cl_ord_id"]]
        assert sum(Decimal(fill["qty"]) for fill in mine) == Decimal(row["filled"])
        assert Decimal(row["filled"]) == sum(Decimal(fill["qty"]) for fill in other["fills"])
        assert sorted(Decimal(fill["px"]) for fill in mine) == sorted(Decimal(fill["px"]) for fill in other["fills"])


def plain_id(key: tuple[str, str]) -> tuple[str, str]:
    """Some venues want the id in a form of their own."""
    venue, cl_ord_id = key
    return venue, cl_ord_id[-14:]


async def test_a_text_of_a_venue_is_told_without_secrets_and_control_characters(
    rig: Rig, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal that repeats the passphrase and would clear a terminal: in orders, deals, books and the mode."""
    monkeypatch.setattr(PROCESS, "_known", PROCESS._known)
    PROCESS.add("correct horse battery")
    text = "passphrase correct horse battery is wrong\x1b[2J"
    desk = rig.run.desk
    deal = next(reversed(desk.engine.past.values()))[0]
    order = next(iter(deal.orders.values()))
    monkeypatch.setattr(order, "text", text)
    monkeypatch.setattr(deal, "why", text)
    monkeypatch.setattr(next(iter(desk.books.values())), "reason", text)
    monkeypatch.setattr(desk.gate, "why", lambda: text)
    told = ""
    for topic in ("orders", "deals", "books", "status"):
        rows = await rig.rows(http, topic)
        found = [text for text in texts(rows) if "passphrase" in text]
        assert found, topic
        told += "".join(found)
    assert "correct horse" not in told
    assert "\x1b" not in told
    assert "passphrase *** is wrong" in told


def texts(what: Any) -> list[str]:
    """All texts of rows."""
    if isinstance(what, str):
        return [what]
    inner = what.values() if isinstance(what, dict) else what if isinstance(what, list) else ()
    return [text for one in inner for text in texts(one)]


async def test_deals_are_the_sum_of_their_fills(rig: Rig, http: aiohttp.ClientSession) -> None:
    """What a deal earned, from the fills alone: cash, fees, and what is left at the price of the deal's end."""
    deals, fills = await rig.rows(http, "deals"), await rig.rows(http, "fills")
    closed = [deal for deal in deals if deal["state"] == "closed"]
    assert len(closed) == len(rig.run.deals) >= 5
    counts = (await rig.rows(http, "status"))[0]["deals"]
    assert counts == Counter(deal["outcome"] for deal in closed)
    for deal in closed:
        mine = [fill for fill in fills if fill["deal"] == deal["id"]]
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for fill in mine:
            base, quote = fill["instrument"].partition(":")[2].split("-")
            sign = 1 if fill["side"] == "buy" else -1
            sums[base] += sign * Decimal(fill["qty"])
            sums[quote] -= sign * Decimal(fill["qty"]) * Decimal(fill["px"])
            for asset, fee in fill["fees"].items():
                sums[asset] -= Decimal(fee)
        cash, rest = sums.pop("USDT", Decimal(0)), {asset: amount for asset, amount in sums.items() if amount}
        realised = Decimal(deal["realised"])
        for asset, amount in rest.items():  # worth about its price
            px = next(Decimal(fill["px"]) for fill in mine if f":{asset}-" in fill["instrument"])
            assert abs(realised - cash - amount * px) < abs(amount * px) / 20 + Decimal("1e-8")
        if not rest:
            assert realised == round(cash, 8)
        for leg in deal["legs"]:
            of_leg = [fill for fill in mine if fill["instrument"] == leg["instrument"]]
            assert Decimal(leg["filled"]) == abs(
                sum(Decimal(f["qty"]) * (1 if f["side"] == leg["side"] else -1) for f in of_leg)
            )
        assert {order["cl_ord_id"] for order in deal["orders"]} >= {fill["cl_ord_id"] for fill in mine}
        assert deal["opened_us"] < deal["closed_us"]


async def test_balances_are_those_of_the_venues(rig: Rig, http: aiohttp.ClientSession) -> None:
    balances = {(row["account"], row["asset"]): row for row in await rig.rows(http, "balances")}
    for venue, totals in rig.run.ledgers.items():
        for asset, total in totals.items():
            if total:
                assert Decimal(balances[f"{venue}:main", asset]["total"]) == total
    assert not rig.run.desk.engine.deals
    assert all(row["free"] == row["total"] for row in balances.values())
    usdt = balances["okx:main", "USDT"]
    assert Decimal(usdt["value"]) == round(Decimal(usdt["total"]), 8)


async def test_books_and_ladders_are_those_of_the_venues(rig: Rig, http: aiohttp.ClientSession) -> None:
    """The best prices of the simulated market, which our books have followed."""
    books = {row["instrument"]: row for row in await rig.rows(http, "books")}
    assert len(books) == 6
    ladders = {
        row["instrument"]: row for row in (await rig.get(http, f"/api/v1/ladders?symbols={','.join(SYMBOLS)}"))["rows"]
    }
    for name, row in books.items():
        assert (row["state"], row["reason"]) == ("synced", "")
        ladder = ladders[name]
        assert ladder["bids"][0] == [row["bid_px"], row["bid_qty"]]
        assert ladder["asks"][0] == [row["ask_px"], row["ask_qty"]]
        assert [px for px, _ in ladder["bids"]] == sorted({px for px, _ in ladder["bids"]}, reverse=True)
        assert [px for px, _ in ladder["asks"]] == sorted({px for px, _ in ladder["asks"]})
        assert len(ladder["bids"]) == len(ladder["asks"]) == 10
        assert 0 <= row["age_us"] < 60_000_000
    only = (await rig.get(http, "/api/v1/books?symbols=ETH-USDT"))["rows"]
    assert {row["instrument"] for row in only} == {name for name in books if name.endswith("ETH-USDT")}


async def test_spreads_by_brute_force(rig: Rig, http: aiohttp.ClientSession) -> None:
    """Every pair of venues from the rows of the books and the accounts' own fees; without symbols the best of each."""
    books = {row["instrument"]: row for row in await rig.rows(http, "books")}
    rows = (await rig.get(http, f"/api/v1/spreads?symbols={','.join(SYMBOLS)}"))["rows"]
    found = {(row["symbol"], row["buy"], row["sell"]): row for row in rows}
    expected = {}
    for symbol in SYMBOLS:
        for buy, sell in permutations(("binance", "okx", "bybit"), 2):
            one, other = books[f"{buy}:{symbol}"], books[f"{sell}:{symbol}"]
            fees = [rig.run.desk.view.taker_fee(f"{venue}:{symbol}") for venue in (buy, sell)]
            paid, got = one["ask_px"] * (1 + fees[0]), other["bid_px"] * (1 - fees[1])
            expected[symbol, buy, sell] = got / paid - 1
    assert {key: row["net"] for key, row in found.items()} == pytest.approx(expected)
    best = {row["symbol"]: row for row in await rig.rows(http, "spreads")}
    for symbol in SYMBOLS:
        most = max((net, key) for key, net in expected.items() if key[0] == symbol)
        assert best[symbol]["net"] == pytest.approx(most[0])
        assert (best[symbol]["buy"], best[symbol]["sell"]) == most[1][1:]


async def test_opportunities_add_up(rig: Rig, http: aiohttp.ClientSession) -> None:
    """All that were seen were taken or dropped; those that were taken are the deals of the pair."""
    rows = {row["pair"]: row for row in await rig.rows(http, "opportunities")}
    deals = Counter(deal["pair"] for deal in await rig.rows(http, "deals"))
    assert {pair: row["taken"] for pair, row in rows.items() if row["taken"]} == deals
    for row in rows.values():
        assert row["seen"] == row["taken"] + sum(row["dropped"].values())
        assert (row["last_us"] is None) is (row["edge"] is None) is (not row["seen"])
    assert len(rows) == 6
    assert any(row["reason"] for row in rows.values())


async def test_exposure_and_gain(rig: Rig, http: aiohttp.ClientSession) -> None:
    """What is left is what the venues hold more or less than at the beginning, of each asset that is traded."""
    moved: dict[str, Decimal] = defaultdict(Decimal)
    for fill in await rig.rows(http, "fills"):
        base = fill["instrument"].partition(":")[2].split("-")[0]
        moved[base] += Decimal(fill["qty"]) * (1 if fill["side"] == "buy" else -1)
        for asset, fee in fill["fees"].items():
            moved[asset] -= Decimal(fee)
    rows = {row["asset"]: row for row in await rig.rows(http, "exposure")}
    for asset in ("BTC", "ETH"):
        left = Decimal(rows[asset]["left"]) if asset in rows else Decimal(0)
        assert left == moved[asset]
    points = await rig.rows(http, "pnl")
    assert Decimal(points[-1]["marked"]) == Decimal(points[-1]["booked"])  # no deal is open
    assert Decimal(points[-1]["marked"]) == Decimal((await rig.rows(http, "status"))[0]["marked"])


async def test_latency_counts_what_was_measured(rig: Rig, http: aiohttp.ClientSession) -> None:
    rows = {(row["stage"], row["venue"]): row for row in await rig.rows(http, "latency")}
    acked = [row for row in await rig.rows(http, "orders") if row["acked_us"]]
    assert rows["ack", ""]["count"] == len(acked)
    by_venue = Counter(row["instrument"].partition(":")[0] for row in acked)
    assert {venue: row["count"] for (stage, venue), row in rows.items() if stage == "ack" and venue} == by_venue
    for row in rows.values():
        assert sum(row["counts"]) == row["count"]
        assert len(row["counts"]) == len(row["bounds_us"]) + 1


async def test_every_row_is_of_its_type(rig: Rig, http: aiohttp.ClientSession) -> None:
    """Read strictly as the type that the OpenAPI document is made from; that document names every operation."""
    for topic, (row, key) in TOPICS.items():
        query = "?symbols=BTC-USDT" if topic == "ladders" else ""
        rows = (await rig.get(http, f"/api/v1/{topic}{query}"))["rows"]
        found = msgspec.convert(rows, list[row])  # type: ignore[valid-type]  # one of the table
        keys = [tuple(getattr(one, name) for name in key) for one in found]
        assert len(keys) == len(set(keys)), topic
        assert rows or topic in ("log", "pnl"), topic
    told = await rig.get(http, "/api/v1/openapi.json")
    assert told == msgspec.json.decode(msgspec.json.encode(document("1.2.3")))
    paths = {resource.canonical for resource in rig.server.resources if resource.canonical.startswith("/api/")}
    assert paths - {"/api/v1/ws", "/api/v1/openapi.json", "/api/v1/logout"} == told["paths"].keys()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/v1/ladders", "symbols: ladders need them"),
        ("/api/v1/ladders?symbols=BTCUSDT", "symbols: 'BTCUSDT' is no symbol, write it as BTC-USDT"),
        ("/api/v1/books?symbols=BTC-USDT,", "symbols: '' is no symbol, write it as BTC-USDT"),
        ("/api/v1/spreads?symbols=BTC-USDT%7F", "is no symbol"),
        ("/api/v1/books?symbol=BTC-USDT", "symbol: is no parameter of it"),
        ("/api/v1/ladders?symbols=BTC-USDT&depth=99", "depth: 99 is not in 1 to 50"),
        ("/api/v1/ladders?symbols=BTC-USDT&depth=x", "depth: must be a number"),
        ("/api/v1/history/deals?limit=501", "limit: '501' is no whole number from 0 to 500"),
        ("/api/v1/history/deals?since=yesterday", "since: 'yesterday' is no whole number"),
        (f"/api/v1/history/deals?symbol={'B' * 65}", "symbol: has 65 characters, 64 at most"),
        ("/api/v1/history/runs?venue=okx", "venue: is no parameter of it; it has limit"),
    ],
)
async def test_a_wrong_query_is_told(rig: Rig, http: aiohttp.ClientSession, path: str, told: str) -> None:
    assert told in (await rig.get(http, path, 400))["error"]


async def test_a_run_without_history_says_so(rig: Rig, http: aiohttp.ClientSession) -> None:
    assert "holds no journal" in (await rig.get(http, "/api/v1/history/deals", 404))["error"]
