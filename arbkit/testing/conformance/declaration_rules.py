"""Conformance rules about what an adapter declares and how it begins. They need no simulated venue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from arbkit.core.errors import ConfigError, CredentialsError, RemoteProtocolError
from arbkit.core.protocols import Exchange
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    CancelAll,
    CancelOrder,
    Catalogue,
    Dial,
    HttpRequest,
    LinkSpec,
    ListFills,
    ListOpenOrders,
    QueryOrder,
    ReplaceOrder,
    Role,
    Secret,
    Send,
    VenueSettings,
    rest_link,
)
from arbkit.core.venues.signer import AnyKey
from arbkit.testing.conformance import purity
from arbkit.testing.conformance.invented import an_order, invented
from arbkit.testing.conformance.rig import SECOND, START_NS
from arbkit.testing.conformance.rules import NotRun, VenueUnderTest, must, rule, same
from arbkit.testing.recording import started

__all__: list[str] = []

MANY = 600
"""More instruments than any venue takes on one connection."""
MESSAGE_BYTES = 4_096
"""The longest message that a venue must take, if the adapter has no ``message_bytes``."""
_LONG_NS = 60 * SECOND
_DOMAIN = "replaced.example"


@rule("capability card")
def capability_card(subject: VenueUnderTest) -> None:
    """The capabilities have the date of the last check. Where orders are sent: times that are not 0, each with its
    source (a page of the venue, or "assumed" with the reason)."""
    card = subject.made().capabilities
    try:
        date.fromisoformat(card.checked)
    except ValueError:
        must(False, f"capabilities.checked is not an ISO date: {card.checked!r}")
    must(
        card.book_check in ("sequence", "connection", "checksum", "none"),
        f"capabilities.book_check is {card.book_check!r}",
    )
    if not subject.made().route(an_order("")):
        return
    must(card.lookup_lag_ns > 0, "capabilities.lookup_lag_ns is 0: every venue's queries have some lag")
    must(card.least_deadline_ns <= card.order_window_ns, "capabilities.least_deadline_ns is more than the order window")
    for name in ("order_window", "order_timeout"):
        must(getattr(card, f"{name}_ns") > 0, f"capabilities.{name}_ns is 0: an order's absence cannot be proved")
        must(getattr(card, f"{name}_source"), f"capabilities.{name}_source is empty: name the page that says so")


@rule("links and hosts")
def links(subject: VenueUnderTest) -> None:
    """Each instrument is on one public link; link names are unique, stable, and begin with the venue's name; there is
    one REST link, named by ``rest_link``; without an account there is nothing that needs a key; commands are routed to
    links that exist."""
    exchange = subject.made()
    venue, many = exchange.venue, invented(exchange.venue, MANY)
    me = f"{venue}:main"
    for account in ("", me):
        for count in (0, 1, MANY):
            found = exchange.links(many[:count], account)
            names = [link.link for link in found]
            same(len(set(names)), len(names), f"number of different link names with {count} instruments")
            same(names, [link.link for link in exchange.links(many[:count], account)], "link names, asked again")
            must(all(name.startswith(f"{venue}.") for name in names), f"a name without the venue: {names}")
            must(all(link.venue == venue for link in found), "a link of another venue")
            rests = [link for link in found if link.role is Role.REST]
            same(rests, [rest_link(venue, account)], "the REST link")
            read = [one for link in found if link.role is Role.PUBLIC for one in link.instruments]
            same(sorted(read), sorted(one.id for one in many[:count]), f"instruments on public links of {count}")
            roles = {link.role for link in found}
            if not account:
                must(roles <= {Role.PUBLIC, Role.REST}, f"a link that needs an account, without one: {names}")
                must(not any(link.account for link in found), "an account on a link without one")
    roles = {link.role for link in exchange.links(many[:1], me)}
    one = an_order(venue)
    for command in (
        one,
        CancelOrder(account=me, instrument=one.instrument, cl_ord_id="a"),
        ReplaceOrder(account=me, instrument=one.instrument, cl_ord_id="a", new_cl_ord_id="b", qty=one.qty, px=one.px),
        CancelAll(account=me),
        QueryOrder(account=me, instrument=one.instrument, cl_ord_id="a"),
        ListOpenOrders(account=me),
        ListFills(account=me, instrument=one.instrument),
    ):
        ways = exchange.route(command)
        must(set(ways) <= roles, f"{type(command).__name__} is routed to {ways}, but the links are {roles}")
    for link in exchange.links(many[:1], me):
        if link.role in (Role.PRIVATE, Role.TRADE):
            try:
                exchange.session(link, Catalogue(many[:1]), None)
            except CredentialsError:
                continue
            must(False, f"{link.link} takes no key: a session without one must raise CredentialsError")


def _refuses(subject: VenueUnderTest, settings: VenueSettings, word: str) -> None:
    """Check that the settings raise ``ConfigError`` with ``word`` in it."""
    try:
        subject.exchange(settings)
    except ConfigError as error:
        must(word in str(error), f"the ConfigError does not name {word!r}: {error}")
        return
    must(False, f"{word!r} was accepted; raise ConfigError, so that a mistake in the user's file is noticed")


@rule("links and hosts")
def options(subject: VenueUnderTest) -> None:
    """An unknown option and an unknown environment raise ``ConfigError`` that names it."""
    _refuses(subject, VenueSettings(options={"no_such_option": "x"}), "no_such_option")
    _refuses(subject, VenueSettings(environment="no_such_environment"), "no_such_environment")


@rule("links and hosts")
def endpoints(subject: VenueUnderTest) -> None:
    """Each base URL can be replaced, and then nothing else is used in its place; an unknown endpoint name raises
    ``ConfigError`` that names it."""
    for role, name, scheme in (
        (Role.REST, "rest", "https"),
        (Role.PUBLIC, "ws_public", "wss"),
        (Role.PRIVATE, "ws_private", "wss"),
        (Role.TRADE, "ws_trade", "wss"),
    ):
        if role not in {link.role for link in subject.made().links(invented("", 1), "x:main")}:
            continue
        base = f"{scheme}://{_DOMAIN}"
        exchange = subject.exchange(VenueSettings(endpoints={name: base}, options=subject.options))
        many = invented(exchange.venue, 1)
        for link in exchange.links(many, f"{exchange.venue}:main"):
            session = exchange.session(link, Catalogue(many), AnyKey())
            urls: list[str] = []
            if link.role is Role.REST:
                wires = session.encode(Ask(kind=AskKind.CATALOGUE), START_NS)
                urls = [wire.url for wire in wires if isinstance(wire, HttpRequest)]
                must(urls, "no request for the catalogue")
            elif isinstance(dial := session.dial(START_NS), Dial):
                urls = [dial.url]
            for url in map(_shown, urls):
                same(_DOMAIN in url, link.role is role, f"endpoints.{name} replaced: whether it is used by {link.link}")
    _refuses(
        subject,
        VenueSettings(endpoints={"no_such_endpoint": f"https://{_DOMAIN}"}, options=subject.options),
        "no_such_endpoint",
    )


@rule("purity")
def pure(subject: VenueUnderTest) -> None:
    """Importing the adapter loads no event loop, socket or TLS, and its modules import none, and no clock, entropy or
    log either; the simulated venue and the adapter share no module of the package."""
    exchange = subject.made()
    problems = purity.problems(type(exchange).__module__, subject.dialect.__module__ if subject.dialect else "")
    must(not problems, "; ".join(problems))


def _shown(text: str) -> str:
    return text.reveal() if isinstance(text, Secret) else text


def _bare(text: str) -> str:
    """The text without digits: a request is repeated with another number."""
    return "".join(char for char in _shown(text) if not char.isdigit())


@rule("subscriptions")
def subscriptions(subject: VenueUnderTest) -> None:
    """With 600 instruments of long names: each is subscribed, no message is longer than the adapter's
    ``message_bytes`` (4,096 if it has none), and there are no more messages than the link's ``send_limit``."""
    exchange = subject.made()
    many = invented(exchange.venue, MANY)
    catalogue = Catalogue(many)
    most = getattr(exchange, "message_bytes", MESSAGE_BYTES)
    asked = 0
    for link in exchange.links(many, ""):
        if link.role is not Role.PUBLIC:
            continue
        sends = [out for out in _started(exchange, link, catalogue) if isinstance(out, Send)]
        texts = [_shown(send.data) for send in sends]
        longest = max((len(text.encode()) for text in texts), default=0)
        must(longest <= most, f"{link.link}: a message of {longest} bytes; the venue takes {most}")
        together = "\n".join(texts).lower()
        natives = [catalogue[one].native.lower() for one in link.instruments]
        missing = [native for native in natives if native not in together]
        if len(missing) == len(natives):
            continue
        asked += 1
        must(not missing, f"{link.link}: not subscribed: {missing[:3]}")
        limit = link.send_limit
        if limit is not None and limit.window_ns >= _LONG_NS:
            cost = sum(send.cost for send in sends)
            must(cost <= limit.limit, f"{link.link}: {cost} messages at the start, send_limit is {limit.limit}")
    if not asked:
        raise NotRun("the adapter subscribes only after an answer of the venue")


def _started(exchange: Exchange, link: LinkSpec, catalogue: Catalogue) -> Sequence[object]:
    session = exchange.session(link, catalogue, AnyKey() if link.account else None)
    session.dial(START_NS)
    return started(session, START_NS)


@rule("heartbeats")
def pings(subject: VenueUnderTest) -> str | None:
    """On a link without data, ``due_ns`` moves on after each ``tick``; if the adapter sends pings, there is never a
    longer time between them than the link's ``silence_ns``."""
    exchange = subject.made()
    many = invented(exchange.venue, 1)
    silent = []
    for link in exchange.links(many, f"{exchange.venue}:main"):
        if link.role is Role.REST:
            continue
        session = exchange.session(link, Catalogue(many), AnyKey())
        session.dial(START_NS)
        first = {_bare(out.data) for out in started(session, START_NS) if isinstance(out, Send)}
        now_ns, end_ns, ticks = START_NS, START_NS + 3 * link.silence_ns, 0
        sent = [START_NS]
        while (due_ns := session.due_ns) <= end_ns and due_ns < NEVER:
            ticks += 1
            now_ns = max(now_ns, due_ns)
            try:
                texts = [_shown(out.data) for out in session.tick(now_ns) if isinstance(out, Send)]
            except RemoteProtocolError:  # its login was never answered: it gives the link up
                end_ns = now_ns
                break
            # a subscription that is asked for again is no ping
            sent += [
                now_ns for text in texts if many[0].native.lower() not in text.lower() and _bare(text) not in first
            ]
            must(ticks < 10_000, f"{link.link}: due_ns stays at {due_ns - START_NS} ns after the start")
        if len(sent) == 1:
            silent.append(f"{link.link} sends none in {(end_ns - START_NS) // SECOND} s")
            continue
        longest = max(later - earlier for earlier, later in zip(sent, [*sent[1:], end_ns], strict=True))
        must(
            longest <= link.silence_ns,
            f"{link.link}: {longest / 1e9:g} s without a ping; the link is cut after {link.silence_ns / 1e9:g} s",
        )
    return "; ".join(silent) or None
