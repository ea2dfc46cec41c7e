"""A plugin that returns a generator, or something else than it promised: its fault shows where that is read, and costs
what any fault of a plugin costs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.core.errors import ConfigError
from arbkit.core.types import BookState, ListFills, OrdStatus, Side, rest_link
from arbkit.core.venues.link import Phase

A, B = "aa:BTC-USDT", "bb:BTC-USDT"
REST = rest_link("aa", "aa:main").link


def lazily(error=None, *outputs):
    """A generator of outputs that raises at its end."""
    yield from outputs
    if error is not None:
        raise error


def begun(kit, broken):
    """A desk with a broken venue beside a good one, which waits some seconds for the catalogue of the other."""
    rig = kit.rig(broken, kit.venue("bb"))
    rig.run(16)
    for name in [one[1] for one in rig.port.log if one[0] == "dial"]:
        if rig.desk.links[name].phase is Phase.DIALING:
            rig.open(name)
    return rig


def only_bb_trades(rig):
    rig.run(1)
    rig.book(B, 100.0, 100.1)
    assert not rig.desk.venues["aa"].may_trade
    assert rig.desk.venues["bb"].may_trade
    assert rig.desk.view.book(B) is not None
    assert rig.desk.counters.alarms["plugin_fault"] == 1
    (told,) = rig.log.of("link.quarantined")
    return told


def test_a_generator_is_as_good_as_a_list(rig):
    """All calls of a session may be generators: the desk trades."""
    for venue in rig.venues.values():
        for session in venue.sessions.values():
            for name in ("start", "receive", "answered", "tick", "encode"):
                plain = getattr(session, name)
                setattr(session, name, lambda *args, plain=plain: lazily(None, *plain(*args)))
    before = rig.desk.books[A].updates
    rig.book(A, 100.0, 100.1)
    assert rig.desk.books[A].updates > before
    assert len(rig.trade()) == 2
    rig.run(1)
    assert not rig.log.of("link.quarantined")


@pytest.mark.parametrize("call", ["receive", "tick", "answered"])
def test_a_generator_that_raises_quarantines_its_link(rig, call):
    session = rig.desk.links["aa.public"].session
    setattr(session, call, lambda *args: lazily(AttributeError("late")))
    if call == "receive":
        rig.desk.frame("aa.public", "text", rig.now)
    elif call == "tick":
        session.due_ns = rig.now
        rig.desk.dialer.settle(rig.desk.links["aa.public"], rig.now)
    else:
        rest = rig.desk.links[REST].session
        rest.answered = lambda *args: lazily(AttributeError("late"))
        for _ in range(60):  # until a poll is answered
            rig.run(1)
            rig.book(B, 100.0, 100.1)
    rig.desk.read_end("aa.public", rig.now)
    told = only_bb_trades(rig)
    assert told["link"] == (REST if call == "answered" else "aa.public")
    assert "AttributeError: late" in told["why"]


def test_a_generator_that_cannot_decode_costs_one_frame(rig):
    """``ValueError`` from ``receive`` is the frame's fault, also when it comes late; the desk goes on."""
    link = rig.desk.links["aa.public"]
    link.session.receive = lambda *args: lazily(ValueError("no number"))
    rig.desk.frame("aa.public", "text", rig.now)
    assert link.phase is Phase.UP
    assert [told["why"] for told in rig.log.of("link.bad_frame")] == ["ValueError: no number"]


@pytest.mark.parametrize("said", [None, 7])
def test_what_is_no_list_is_a_fault(rig, said):
    rig.desk.links["aa.public"].session.receive = lambda *args: said
    rig.desk.frame("aa.public", "text", rig.now)
    rig.desk.read_end("aa.public", rig.now)
    assert "not iterable" in only_bb_trades(rig)["why"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda *args: lazily(AttributeError("late")), "AttributeError: late"),
        (lambda *args: lazily(ValueError("late")), "ValueError: late"),
        (lambda *args: ["aa.public"], "links() named str"),
        (lambda *args: None, "not iterable"),
    ],
)
def test_links_that_cannot_be_read_cost_their_venue(kit, wrong, why):
    """``links`` is asked before there is a frame to blame: whatever it raises is the plugin's fault."""
    broken = kit.venue("aa")
    broken.links = wrong
    rig = begun(kit, broken)
    assert why in only_bb_trades(rig)["why"]
    assert rig.desk.links[REST].phase is Phase.QUARANTINED


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda *args: lazily(), "session() returned generator, which has no dial, start"),
        (lambda *args: None, "session() returned NoneType"),
    ],
)
@pytest.mark.parametrize("link", [REST, "aa.public"])
def test_what_is_no_session_costs_its_link(kit, link, wrong, why):
    broken = kit.venue("aa")
    right = broken.session
    broken.session = lambda spec, *args: wrong() if spec.link == link else right(spec, *args)
    rig = begun(kit, broken)
    told = only_bb_trades(rig)
    assert told["link"] == link
    assert why in told["why"]


@pytest.mark.parametrize("error", [AttributeError("bug"), ValueError("bug")])
def test_an_adapter_that_raises_at_once_stops_nobody_else(kit, error):
    broken = kit.venue("aa")

    def session(*args):
        raise error

    broken.session = session
    rig = begun(kit, broken)
    assert f"{type(error).__name__}: bug" in only_bb_trades(rig)["why"]


def test_an_adapter_that_refuses_its_settings_ends_the_start(kit):
    """That is no bug: the user must mend it."""
    broken = kit.venue("aa")

    def session(*args):
        raise ConfigError("venues.aa.options: no such option")

    broken.session = session
    with pytest.raises(ConfigError, match="no such option"):
        kit.rig(broken, kit.venue("bb"))


def test_an_address_that_is_none_is_a_fault(kit):
    broken = kit.venue("aa")
    broken.dials["aa.public"] = lazily()
    rig = begun(kit, broken)
    told = only_bb_trades(rig)
    assert told["link"] == "aa.public"
    assert "dial() returned generator" in told["why"]
    assert rig.desk.books[A].state is not BookState.SYNCED


SAYINGS = [
    lambda *args: lazily(AttributeError("late")),
    lambda *args: lazily(ValueError("late")),
    lambda *args: None,
    lambda *args: 7,
]
"""What ``route`` and ``cost`` may return or raise that is no answer."""
COSTS = [*SAYINGS, lambda *args: [("nosuch", 1)], lambda *args: ["ip"], lambda *args: [("ip", "1")]]
WRONG = [("route", one) for one in SAYINGS] + [("cost", one) for one in COSTS]


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_an_order_whose_route_or_cost_cannot_be_told_is_not_sent(rig, name, wrong):
    """Neither is the other leg of its deal: the adapter's fault costs its venue, and what the deal held is free."""
    setattr(rig.venues["aa"], name, wrong)
    assert rig.trade() == []
    assert not rig.deals
    assert rig.desk.limits.notional == 0
    assert only_bb_trades(rig)["link"] == REST
    assert rig.desk.links[REST].phase is Phase.QUARANTINED


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_a_hedge_whose_route_or_cost_cannot_be_told_goes_elsewhere(rig, name, wrong):
    """One leg filled, the other one did not, and the adapter of its venue breaks: the filled leg is taken back."""
    bought, sold = rig.trade()
    setattr(rig.venues["bb"], name, wrong)
    rig.fill(bought)
    rig.say("bb.private", rig.report(sold, OrdStatus.EXPIRED, order_id="v" + sold, cum_qty=Decimal(0)))
    rig.run(1)
    assert not rig.log.of("strategy.failed")
    back = rig.orders()[2:]
    assert back, "nothing was sent to take it back"
    order = rig.order(back[0]).intent
    assert (order.instrument, order.side, order.qty) == (A, Side.SELL, rig.order(bought).intent.qty)


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_a_read_whose_cost_cannot_be_told_costs_its_venue(kit, name, wrong):
    """From the first poll on, and a cancel or a question later: the other venue runs."""
    broken = kit.venue("aa")
    if name == "cost":
        broken.cost = wrong
    rig = begun(kit, broken)
    if name == "route":
        broken.route = wrong
        rig.desk.requests.ask(rig.desk.venues["aa"].rest, ListFills(account="aa:main", instrument=A), rig.now)
        rig.run(1)
    assert only_bb_trades(rig)["link"] == REST


def test_a_generator_of_roles_and_units_is_as_good_as_a_list(rig):
    """The tokens are counted as always."""
    for venue in rig.venues.values():
        for name in ("route", "cost"):
            plain = getattr(venue, name)
            setattr(venue, name, lambda *args, plain=plain: lazily(None, *plain(*args)))
    assert len(rig.trade()) == 2
    for venue in rig.desk.venues.values():
        assert venue.throttle.headroom(rig.now)["order"] == 1 - 2 / 1000  # the order, and its unwind is held
