"""What Kraken alone declares: how links are cut, routes and costs of orders; a halted pair, maintenance."""

from __future__ import annotations

from decimal import Decimal

from arbkit_kraken.adapter import Kraken
from arbkit_kraken.dialect import KrakenDialect
from wires import instrument

from arbkit.core.types import (
    Ask,
    AskKind,
    CancelAll,
    CancelOrder,
    Instrument,
    InstrumentUpdate,
    Lane,
    ListFills,
    NewOrder,
    OrderUpdate,
    OrdStatus,
    RejectReason,
    Role,
    Side,
    Tif,
    VenueSettings,
)
from arbkit.core.venues.throttle import Throttle
from arbkit.sim.faults import Fault
from arbkit.testing.conformance.rig import Rig

ME = "kraken:main"
S = 10**9
KRAKEN = Kraken(VenueSettings())


def spot(number: int) -> Instrument:
    return instrument("kraken", f"C{number}/USDT", "1", "1", f"C{number}-USDT")


ONE = spot(1)
BUY = NewOrder(account=ME, instrument=ONE.id, cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1))
CANCEL = CancelOrder(account=ME, instrument=ONE.id, cl_ord_id="a")


def test_fifty_books_a_connection() -> None:
    """Each exactly once, and each socket is cut after ten silent seconds: Kraken sends a heartbeat a second."""
    many = [spot(number) for number in range(120)]
    links = [link for link in KRAKEN.links(many, ME) if link.role is Role.PUBLIC]
    assert [len(link.instruments) for link in links] == [50, 50, 20]
    assert [name for link in links for name in link.instruments] == [one.id for one in many]
    assert {link.silence_ns for link in KRAKEN.links(many, ME) if link.role is not Role.REST} == {10 * S}


def test_orders_go_over_the_socket_first() -> None:
    """Cancel-all is not used."""
    assert KRAKEN.route(BUY) == (Role.TRADE, Role.REST)
    assert KRAKEN.route(CANCEL) == (Role.TRADE, Role.REST)
    assert KRAKEN.route(CancelAll(account=ME)) == ()


def test_the_trading_counter_is_a_pairs_and_a_cancel_costs_eight() -> None:
    """The same over WebSocket and REST; reads have the counter of the key, where a list of trades costs four."""
    for role in (Role.TRADE, Role.REST):
        assert KRAKEN.cost(BUY, role) == (("trading:kraken:C1-USDT", 1),)
        assert KRAKEN.cost(CANCEL, role) == (("trading:kraken:C1-USDT", 8),)
    assert KRAKEN.cost(Ask(kind=AskKind.BALANCES), Role.REST) == (("calls", 1),)
    assert KRAKEN.cost(ListFills(account=ME, instrument=ONE.id), Role.REST) == (("calls", 4),)


def test_our_counter_never_exceeds_krakens() -> None:
    """60 less one a second, whatever the pattern: bursts, waits, cancels of young orders."""
    throttle = Throttle(KRAKEN.rate_limits)
    level, at_ns, granted = 0.0, 0, 0
    for step in range(4_000):
        now_ns = step * S // 10
        cost = KRAKEN.cost(CANCEL if step % 7 == 0 else BUY, Role.TRADE)
        if step % 1_000 < 500 and throttle.take(cost, Lane.CANCEL, now_ns):
            level = max(0.0, level - (now_ns - at_ns) / S) + cost[0][1]
            at_ns, granted = now_ns, granted + 1
            assert level <= 60
    assert granted > 100


def test_a_pair_that_is_halted_while_it_is_held() -> None:
    """The sale is refused for now (not for ever), the pair is not tradable, and it is tradable again afterwards."""
    rig = Rig(Kraken, KrakenDialect, faults=[Fault(kind="halt", symbol="BTC-USDT", at_s=8, for_s=4)]).boot()
    rig.do(rig.order())
    rig.run_for(9)
    assert not rig.instrument("BTC-USDT").tradable
    for role in (Role.TRADE, Role.REST):
        sale = rig.order(side=Side.SELL, px=rig.best("BTC-USDT", ask=False))
        (refused,) = rig.outs(OrderUpdate, rig.do(sale, role))
        assert (refused.ord_status, refused.reason) == (OrdStatus.REJECTED, RejectReason.INSTRUMENT)
        assert not refused.lasting
    rig.run_for(6)
    known = [out.instrument for out in rig.outs(InstrumentUpdate) if out.instrument.symbol == "BTC-USDT"]
    assert known[-1].tradable
    sale = rig.order(side=Side.SELL, px=rig.best("BTC-USDT", ask=False) / 2 // 1)
    assert rig.outs(OrderUpdate, rig.do(sale))[-1].ord_status is OrdStatus.FILLED


def test_maintenance_is_unknown_for_an_order_and_passes() -> None:
    """Everything is cut and answers 503: no order is ended by it, and all links come back."""
    rig = Rig(Kraken, KrakenDialect, faults=[Fault(kind="maintenance", at_s=8, for_s=3)]).boot()
    order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) / 2 // 1)
    rig.run_for(9)
    reported = rig.outs(OrderUpdate, rig.do(order, Role.REST))
    assert {update.ord_status for update in reported} <= {OrdStatus.UNKNOWN}
    rig.run_for(15)
    assert all(line.ready for line in rig.lines.values())
