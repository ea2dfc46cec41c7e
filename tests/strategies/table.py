"""The engine's part around an executor, with the real order table and books made by hand."""

from __future__ import annotations

from decimal import Decimal

from arbkit.core.orders.deals import DealLeg, DealState, Outcome
from arbkit.core.orders.orders import Orders
from arbkit.core.types import NEVER, NewOrder, OrderUpdate, OrdStatus, Purpose, Role, Side
from arbkit.strategies import TakerExecutor

MS = 1_000_000
D = Decimal


class Table:
    """The engine's part around an executor: ids, the order table, the deal's fills; it checks every command."""

    def __init__(self, view, *, fee="0", **settings) -> None:
        self.view = view
        self.executor = TakerExecutor(slippage=0.0, **settings)
        self.orders = {f"{one.venue}:main": Orders(f"{one.venue}:main") for one in view.catalogue}
        self.fee = D(fee)
        self.now = 1
        self.trades = 0
        self.sent: list[NewOrder] = []
        self.deal = None

    @property
    def now(self) -> int:
        return self.view.now

    @now.setter
    def now(self, now_ns: int) -> None:
        self.view.now = now_ns

    def start(self, opportunity):
        self.deal = self.executor.plan(opportunity, self.view, self.now)
        self.deal.id = 7
        self.deal.move(DealState.RESERVED)
        self.deal.move(DealState.SENT)
        for index, leg in enumerate(self.deal.legs):
            if leg.wave:
                continue
            self.send(
                NewOrder(
                    account=leg.account,
                    instrument=leg.instrument,
                    cl_ord_id="",
                    side=leg.side,
                    qty=leg.qty,
                    px=leg.px,
                    deal=7,
                    leg=index,
                )
            )
        return self

    def send(self, command) -> None:
        assert isinstance(command, NewOrder)
        assert command.cl_ord_id == ""
        assert self.deal.state in (DealState.SENT, DealState.UNWINDING, DealState.IN_DOUBT, DealState.HELD)
        if command.purpose is not Purpose.ENTRY:
            if command.leg == len(self.deal.legs):
                self.widen(command)
            leg = self.deal.legs[command.leg]
            doubted = {order.intent.instrument for order in self.deal.orders.values() if order.unknown}
            assert not any(order.leaves and not order.unknown for order in self.deal.orders.values())
            assert command.instrument not in doubted
            assert command.qty <= (leg.filled if doubted else leg.qty)
            instrument = self.view.catalogue[command.instrument]
            assert command.qty % instrument.lot == 0
            assert command.px % instrument.tick == 0
            assert command.qty >= instrument.min_qty
            assert command.qty * command.px >= instrument.min_notional
        intent = NewOrder(
            **{f: getattr(command, f) for f in command.__struct_fields__} | {"cl_ord_id": f"o{len(self.sent)}"}
        )
        self.deal.orders[intent.cl_ord_id] = self.orders[intent.account].add(intent, self.now)
        self.orders[intent.account].sent(intent.cl_ord_id, Role.TRADE, "link", self.now)
        self.sent.append(intent)

    def report(self, index: int, filled="0", *, status=None, reason=None, lasting=False, after_ms=1):
        """The end of an order: a fill (if any), for a buy with its fee in base, then the terminal report."""
        order = self.sent[index]
        filled = D(str(filled))
        self.now += after_ms * MS
        common = {
            "account": order.account,
            "instrument": order.instrument,
            "cl_ord_id": order.cl_ord_id,
            "side": order.side,
        }
        if filled:
            self.trades += 1
            self.apply(
                OrderUpdate(
                    **common,
                    ord_status=OrdStatus.PARTIALLY_FILLED,
                    cum_qty=filled,
                    last_px=order.px,
                    last_qty=filled,
                    trade_id=str(self.trades),
                    fee_asset=order.instrument.partition(":")[2].partition("-")[0],
                    fee=self.fee * filled if order.side is Side.BUY else D(0),
                )
            )
        if status is None:
            status = OrdStatus.FILLED if filled == order.qty else OrdStatus.EXPIRED
        self.apply(OrderUpdate(**common, ord_status=status, cum_qty=filled, reason=reason, lasting=lasting))
        return self

    def apply(self, update: OrderUpdate) -> None:
        change = self.orders[update.account].apply(update)
        for fill in change.fills:
            self.deal.fill(fill)
        if change.order.status is OrdStatus.REJECTED:
            self.view.refusals.refused(change.order, self.deal.orders.values(), self.now)
        self.do(self.executor.on_order(self.deal, update, self.view, self.now))

    def doubt(self, index: int):
        order = self.sent[index]
        self.orders[order.account].timed_out(order.cl_ord_id, self.now)
        update = OrderUpdate(
            account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id, ord_status=OrdStatus.UNKNOWN
        )
        self.do(self.executor.on_order(self.deal, update, self.view, self.now))
        return self

    def absent(self, index: int):
        order = self.sent[index]
        self.orders[order.account].absent(order.cl_ord_id, self.now)
        update = OrderUpdate(
            account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id, ord_status=OrdStatus.REJECTED
        )
        self.do(self.executor.on_order(self.deal, update, self.view, self.now))
        return self

    def tick(self):
        """Advance the time to the executor's next timer."""
        assert self.executor.due_ns < NEVER
        assert self.executor.due_ns >= self.now
        self.now = self.executor.due_ns
        self.do(self.executor.on_timer(self.deal, self.view, self.now))
        return self

    def do(self, commands) -> None:
        for command in commands:
            self.send(command)

    def closed(self, outcome: Outcome) -> None:
        assert (self.deal.state, self.deal.outcome) == (DealState.CLOSED, outcome)
        assert self.deal.closed_ns == self.now
        assert self.executor.due_ns == NEVER
        assert not self.executor._repairs

    def last(self) -> tuple:
        order = self.sent[-1]
        return order.purpose, order.instrument, order.side, order.qty, order.px

    @property
    def left(self) -> Decimal:
        return sum(leg.net_base for leg in self.deal.legs)

    def widen(self, command: NewOrder) -> None:
        """A hedge where the deal has no leg: as the engine does, one is added."""
        instrument = self.view.catalogue[command.instrument]
        self.deal.add(
            DealLeg(
                account=command.account,
                instrument=command.instrument,
                base=instrument.base,
                side=command.side,
                qty=command.qty,
                px=command.px,
                quote=instrument.quote,
            )
        )

    @property
    def overs(self) -> dict[str, Decimal]:
        """What the deal has too much or too little of, without zeros."""
        return {asset: over for asset, over in self.deal.overs.items() if over}
