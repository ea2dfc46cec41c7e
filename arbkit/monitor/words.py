"""Log events as lines for a person: what happened, what arbkit does about it, and when it is over.

``Words`` makes a ``Shown`` of an event; ``line`` writes it for a width. ``docs/log.md`` has the events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

from rich.cells import cell_len

from arbkit.core.types import plain
from arbkit.core.types.exact import EXACT
from arbkit.monitor.picture import ClosedDeal, Shown

__all__ = ["Words", "amounts", "clock", "hours", "line", "net_of", "span"]

SECOND = 1_000_000_000
_DOLLARS = ("USD", "USDT", "USDC", "FDUSD", "DAI", "EUR")
_TWO = Context(prec=2, rounding=ROUND_HALF_EVEN)
FAULT, HEALED, ALARM, NOTE = "fault", "healed", "alarm", "note"
_SILENT = frozenset({"link.up", "link.drop", "deal.refused", "pairs.idle", "price.wanted", "run.alive"})
"""Events that tell a person nothing, or that the header shows. They are in the log."""
_PLANTED = {
    "lose_ack": "the answer to an order is lost",
    "skip": "a message of the book feed is skipped",
    "close": "a socket is closed",
    "partial": "an order is filled in part",
    "throttle": "the answer is 429, too many requests",
}

Fields = Mapping[str, Any]
Text = tuple[str, str]
"""Kind and text (in ``_SAID`` a template with the fields of the event)."""


class Words:
    """Knows which links are down, so that it can say when they are back."""

    def __init__(self) -> None:
        self._down: dict[str, tuple[int, str]] = {}
        """Since when, and why at the last try."""

    def __call__(self, at_ns: int, event: str, fields: Fields) -> list[Shown]:
        """The lines of an event whose fields are struck already."""
        if event in _SILENT:
            return []
        try:
            if event == "deal.closed":
                return _deal(at_ns, fields)
            told = self._told(at_ns, event, fields)
            return [] if told is None else [told]
        except (KeyError, ValueError, TypeError):  # an event of somebody else with a name of ours
            return [_plain(at_ns, event, fields)]

    def _told(self, at_ns: int, event: str, fields: Fields) -> Shown | None:
        if event == "link.down":
            since_ns, known = self._down.get(fields["link"], (at_ns, ""))
            self._down[fields["link"]] = since_ns, fields["why"]
            if fields["why"] == known:
                return None
        if event == "link.ready":
            down = self._down.pop(fields["link"], None)
            return None if down is None else Shown(at_ns, HEALED, f"{fields['link']} is back, {span(at_ns - down[0])}")
        if (special := _SPECIAL.get(event)) is not None:
            kind, text = special(fields)
            return Shown(at_ns, kind, text)
        if (said := _SAID.get(event)) is not None:
            kind, template = said
            return Shown(at_ns, kind, template.format_map(fields))
        return _plain(at_ns, event, fields)


def _plain(at_ns: int, event: str, fields: Fields) -> Shown:
    """An event without a sentence of its own."""
    kind = ALARM if event.startswith("alarm.") else NOTE
    return Shown(at_ns, kind, f"{event}: {', '.join(f'{name} {value}' for name, value in fields.items())}")


def _deal(at_ns: int, fields: Fields) -> list[Shown]:
    """The deal, and how it was made whole if its legs did not fill alike."""
    deal = ClosedDeal(
        legs=fields["legs"],
        net=fields["net"],
        outcome=fields["outcome"],
        ms=float(fields["ms"]),
        pair=fields["pair"],
    )
    told = [Shown(at_ns, "deal", deal=deal)]
    if deal.outcome in ("completed", "reversed", "left"):
        told.append(Shown(at_ns, HEALED, f"its legs filled unequally: {fields['why']}"))
    return told


def _venue_ready(fields: Fields) -> Text:
    text = f"{fields['venue']} is ready"
    if "holds" in fields:
        held = ", ".join(f"{amount} {asset}" for asset, amount in fields["holds"].items()) or "nothing"
        text += f": holds {held}; fees {fields['taker']} taker, {fields['maker']} maker"
    if fields.get("least_order"):
        text += f"; smallest order {fields['least_order']}"
    return HEALED, text


def _account(fields: Fields) -> Text:
    if problem := fields.get("problem"):
        return ALARM, f"{fields['venue']} does not trade: {problem}"
    return NOTE, f"{fields['venue']}: {fields['warning']}"


def _planted(fields: Fields) -> Text:
    return FAULT, f"planted at {fields['venue']}: {_PLANTED.get(fields['kind'], fields['kind'])}"


def _changed(fields: Fields) -> Text:
    state = "tradable again" if fields["tradable"] else f"not tradable: {fields['status']}"
    return NOTE, f"{fields['instrument']} is {state}"


def _clock(fields: Fields) -> Text:
    if not fields["offset_ms"]:
        return HEALED, f"the clock of {fields['venue']} agrees with ours again"
    return (
        FAULT,
        f"the clock of {fields['venue']} is {fields['offset_ms']:.0f} ms from ours: set the one of this machine",
    )


def _waits(fields: Fields) -> Text:
    what = fields["what"]
    more = f" and {len(what) - 3} more" if len(what) > 3 else ""
    return NOTE, f"waits at most {fields['at_most_s']} s for: {'; '.join(what[:3])}{more}"


_SPECIAL: dict[str, Callable[[Fields], Text]] = {
    "venue.ready": _venue_ready,
    "venue.account": _account,
    "instrument.changed": _changed,
    "clock.wrong": _clock,
    "desk.waits": _waits,
    "demo.planted": _planted,
}
_SAID: dict[str, Text] = {
    "alarm.deal_held": (ALARM, "deal {deal} is held, its exposure is open: {why}"),
    "alarm.deal_interrupted": (ALARM, "deal {deal} of an earlier run is open on one side: {why}"),
    "alarm.deal_naked": (ALARM, "deal {deal}: its filled leg is taken back: {why}"),
    "alarm.external_movement": (ALARM, "{account}: {amount} {asset} moved without an order of ours"),
    "alarm.history": (ALARM, "the history cannot be written, trading goes on: {why}"),
    "alarm.journal": (ALARM, "the journal cannot be written: open deals are finished, then the run ends: {why}"),
    "alarm.late_fill": (ALARM, "late fill: {side} {qty} {instrument}; its deal goes on"),
    "alarm.leftover": (ALARM, "left over: {what}"),
    "alarm.log": (ALARM, "the log cannot be written, trading goes on: {why}"),
    "alarm.nothing_tradable": (ALARM, "{why}"),
    "basis.over": (NOTE, "{pair}: the standing edge has closed"),
    "basis.standing": (NOTE, "{pair}: the edge is a standing one: {why}"),
    "book.lost": (FAULT, "book {instrument} lost: {why}; not traded, asked for again"),
    "book.stale": (FAULT, "book {instrument} is too old: {why}; not traded"),
    "book.synced": (HEALED, "book {instrument} is trusted again, {s:.1f} s"),
    "clock.jumped": (FAULT, "the clock of this machine jumped or it slept: all books are read anew"),
    "command.refused": (FAULT, "an order of deal {deal} is refused by {rule}: {why}"),
    "control.off": (NOTE, "the control port cannot be opened, so arbkit mode and status do not work: {why}"),
    "deal.held": (ALARM, "deal {deal} is still held: {why}"),
    "demo.known": (HEALED, "{venue}: the private stream told the order; nothing was sent twice"),
    "desk.halted": (ALARM, "stopped at once: nothing more is sent but cancels and queries"),
    "desk.stopping": (NOTE, "stopping: no new deals, {deals} open; Ctrl-C again ends at once"),
    "history.anew": (NOTE, "the history is made anew from the journal: {why}"),
    "history.back": (HEALED, "the history can be written again"),
    "journal.elsewhere": (NOTE, "an earlier run left {open} open, {why}"),
    "leftover.carried": (NOTE, "left over by earlier runs: {what}"),
    "leftover.gone": (HEALED, "what was left of {asset} is traded off"),
    "library": (NOTE, "{logger}: {text}"),
    "link.bad_frame": (FAULT, "{link}: a frame that cannot be read: {why}"),
    "link.behind": (FAULT, "{link}: frames are {ms:.0f} ms late; its books are not used"),
    "link.down": (FAULT, "{link} down: {why}; dialled again in {retry_ms:.0f} ms"),
    "link.heir_failed": (FAULT, "{link}: the connection that was to replace it failed: {why}"),
    "link.quarantined": (ALARM, "{link} stays down, its plugin failed: {why}"),
    "link.refused": (ALARM, "{link} stays down, the key is refused: {why}"),
    "log.dropped": (FAULT, "{count} lines of the log are lost"),
    "link.succeeded_by": (NOTE, "{link} is replaced by another connection: {why}"),
    "link.taken_over": (HEALED, "{link}: the new connection has taken over"),
    "loop.late": (FAULT, "this machine was busy, {ms:.0f} ms late: no book is used until it is read"),
    "order.absent": (HEALED, "order {cl_ord_id} never was at the venue: {why}"),
    "order.anomaly": (ALARM, "order {cl_ord_id}: the venue contradicts itself: {what}"),
    "order.foreign": (ALARM, "an order that is not ours on {account}: {instrument}"),
    "order.proved": (HEALED, "order {cl_ord_id} ({instrument}) is known: {status}"),
    "order.rejected": (FAULT, "order {cl_ord_id} ({instrument}) refused, {reason}: {text}"),
    "order.unknown": (FAULT, "order {cl_ord_id} ({instrument}) has no answer: queried, not sent again"),
    "order.unresolved": (ALARM, "order {cl_ord_id} cannot be proved, look at the venue: {why}"),
    "pairs.tradable": (HEALED, "a pair can be traded again"),
    "risk.lifted": (HEALED, "{scope} is {mode}: {why}"),
    "risk.restricted": (ALARM, "{scope} is {mode}: {why}"),
    "run.capture": (ALARM, "the tape {file} ends here, it cannot be written: {why}"),
    "run.log": (NOTE, "the whole log is in {file}"),
    "api.fault": (FAULT, "the API cannot show {topic}: {error}; trading goes on"),
    "api.refused": (FAULT, "the API refused a wrong or old token from {address}; {failures} since the start"),
    "person.asked": (NOTE, "{who} asked to {what} {scope}: {why}"),
    "run.api": (NOTE, "API and dashboard at {url}"),
    "run.metrics": (NOTE, "metrics at {url}"),
    "side.refused": (FAULT, "{instrument}: the venue refuses to {side}, left alone for {s:.0f} s: {why}"),
    "strategy.failed": (ALARM, "strategy {strategy} failed and is stopped: {error} ({where})"),
    "strategy.out": (ALARM, "strategy {strategy} trades nothing: {why}; what earlier runs left is worked off"),
    "strategy.missed": (NOTE, "strategy {strategy}: {why}"),
    "strategy.slow": (FAULT, "strategy {strategy}: {hook} took {ms:.0f} ms, and all venues waited"),
    "strategy.waits": (NOTE, "strategy {strategy} waits: {why}"),
    "venue.notice": (NOTE, "{venue} says: {text}"),
    "venue.resumed": (HEALED, "{venue} takes requests again"),
    "venue.throttled": (FAULT, "{venue} answers too many requests: none is sent for {ms:.0f} ms"),
    "venue.waiting": (FAULT, "{venue} does not trade yet: {why}"),
}


# --- a line of a width


def line(told: Shown, width: int = 0) -> str:
    """The text with its time. A deal is fitted to ``width`` columns (0 = as long as it is): it is never cut; digits of
    prices and words go first. If that is not enough, or if it would not say which leg of three is the sale, each leg
    has a line of its own below the first."""
    if told.deal is None:
        return f"{clock(told.at_ns)} {told.text}"
    found = ""
    for style in range(_STYLES if len(told.deal.legs) < 3 or _one_venue(told.deal) else _SIDES):
        found = f"{clock(told.at_ns)} {_fitted(told.deal, style)}"
        if not width or cell_len(found) <= width:
            return found
    return "\n".join([f"{clock(told.at_ns)} {_head(told.deal)}", *(f"{'':<9}{_leg(leg)}" for leg in told.deal.legs)])


_STYLES, _SIDES = 7, 4
"""Ways to write a deal on one line, and those of them that say buy and sell."""


def _one_venue(deal: ClosedDeal) -> str:
    """The venue of all legs, if a deal of several has only one: it goes around, so its legs stay in their order."""
    venues = {leg["instrument"].partition(":")[0] for leg in deal.legs}
    return venues.pop() if len(deal.legs) > 1 and len(venues) == 1 else ""


def _head(deal: ClosedDeal) -> str:
    """The deal without its legs."""
    took = f"{deal.ms:.0f} ms" if deal.ms < 10_000 else f"{deal.ms / 1000:.0f} s"
    return f"{amounts(net_of(deal), most=2)} {took} {deal.outcome}, {len(deal.legs)} legs:"


def _fitted(deal: ClosedDeal, style: int) -> str:
    """``style`` 0: everything; then shorter and shorter."""
    venue = _one_venue(deal)
    symbols = list(dict.fromkeys(leg["instrument"].partition(":")[2] for leg in deal.legs))
    if not symbols:
        symbols = list(dict.fromkeys(one.partition(":")[2] for one in deal.pair.split("+")))
    one = len(symbols) == 1
    ordered = deal.legs if venue and not one else sorted(deal.legs, key=lambda leg: leg["side"])
    legs = [_leg(leg, style, symbol=not one, venue=not venue) for leg in ordered]
    unusual = "" if style > 2 or (style and deal.outcome == "hedged") else deal.outcome  # the next line says why
    where = (" > " if style > 4 else " ").join(legs) or "nothing filled"
    ms = f"{deal.ms:.0f} ms" if deal.ms < 10_000 else f"{deal.ms / 1000:.0f} s"
    if style:
        ms = ms.replace(" ", "")
    gain = amounts(net_of(deal), most=3 if style < 2 else 1)
    parts = [
        " ".join([*([venue] if venue else []), *(symbols if one else [])]),
        where,
        gain.partition(" ")[0] if style > 5 else gain,
        ms,
        unusual,
    ]
    if style == 0:
        parts = [f"{parts[0]:<9}", where, f"{parts[2]:>11}", f"{ms:>7}", unusual]
    return " ".join(part for part in parts if part).rstrip()


def _leg(leg: Mapping[str, str], style: int = 0, *, symbol: bool = True, venue: bool = True) -> str:
    at, _, name = leg["instrument"].partition(":")
    px = _short(leg["px"], (10, 8, 6, 6, 6, 5, 4)[style], tiny=style > 4)
    what = "" if style >= _SIDES else f"{leg['side']} {leg['qty'] + ' ' if style == 0 else ''}"
    return f"{what}{at + ' ' if venue else ''}{name + ' ' if symbol else ''}{px}"


def net_of(deal: ClosedDeal) -> dict[str, str]:
    """The gain, with what is left of the base valued at the deal's own price."""
    net = {asset: Decimal(amount) for asset, amount in deal.net.items()}
    for leg in deal.legs:
        base, _, quote = leg["instrument"].partition(":")[2].partition("-")
        if net.get(base) and quote:
            net[quote] = EXACT.fma(net.pop(base), Decimal(leg["px"]), net.get(quote, Decimal(0)))
    return {asset: plain(amount) for asset, amount in net.items()}


def amounts(net: Mapping[str, str], most: int = 0, *, small: bool = False) -> str:
    """A gain as text, dollars first: to 0.01, other assets to four digits. What rounds to nothing is left out, but with
    ``small`` an amount of another asset has two digits at least; ``most``: so many assets, 0 = all."""
    shown = []
    for asset, text in net.items():
        try:
            exact = Decimal(text)
            amount = exact.quantize(Decimal("0.01" if asset in _DOLLARS else "0.0001"), ROUND_HALF_EVEN, EXACT)
            if small and asset not in _DOLLARS and exact and abs(exact) < Decimal("0.001"):
                amount = _TWO.plus(exact)
        except InvalidOperation:
            continue
        if amount:
            shown.append((asset not in _DOLLARS, asset, f"{amount:+f} {asset}"))
    texts = [text for _, _, text in sorted(shown)]
    return ", ".join(texts[:most] if most else texts) or "+0.00"


def _short(text: str, digits: int, *, tiny: bool) -> str:
    """A price of at most so many digits, whole ones always kept. ``tiny``: one below 0.001 as 1.2345e-5."""
    if tiny and 0 < float(text) < 0.001:
        mantissa, _, power = f"{float(text):.{digits - 1}e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
    whole, _, part = text.partition(".")
    if not part:
        return text
    room = digits - len(whole.lstrip("-"))
    if whole.strip("-0") == "":
        room = digits + len(part) - len(part.lstrip("0"))
    if len(part) <= room:
        return text
    return plain(Decimal(text).quantize(Decimal(1).scaleb(-max(room, 0), EXACT), ROUND_HALF_EVEN, EXACT))


def clock(at_ns: int) -> str:
    """The time of day, UTC."""
    seconds = at_ns // SECOND % 86_400
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def span(ns: int) -> str:
    """A duration: ``34 ms``, ``1.2 s``, from a minute on as ``hours``."""
    if ns < SECOND:
        return f"{ns / 1e6:.0f} ms"
    return f"{ns / 1e9:.1f} s" if ns < 60 * SECOND else hours(ns)


def hours(ns: int) -> str:
    """A duration in whole seconds: ``0:05:10``, ``3 d 4:00:00``."""
    days, seconds = divmod(ns // SECOND, 86_400)
    text = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{days} d {text}" if days else text
