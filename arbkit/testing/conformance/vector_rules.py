"""The conformance rule about signing vectors (``--vectors FILE``).

The independent client does not write a request exactly as the adapter does: parameters differ, and their order. So the
texts are not compared. The rule takes what the adapter signs for its own request (its *payload*), puts the vector's
path, query, body and parameters in the place of its own, and signs that with the vector's key: the result must be the
vector's signature. It is the same payload only if the adapter signs the same parts, in the same order, in the same way.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from hashlib import sha256, sha512
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import msgspec
from msgspec import Struct

from arbkit.core.errors import ArbkitError
from arbkit.core.protocols import Exchange, Session
from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    Command,
    HttpRequest,
    Instrument,
    ListFills,
    ListOpenOrders,
    NewOrder,
    QueryOrder,
    Role,
    Secret,
    Send,
    Side,
    Tif,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.testing.conformance.invented import an_order
from arbkit.testing.conformance.rules import NotRun, VenueUnderTest, must, rule
from arbkit.testing.conformance.vectors import SignedRequest, Vectors, read_vectors

__all__: list[str] = []

MS = 1_000_000


class _Signed(Struct, frozen=True):
    """One use of the secret."""

    algorithm: str
    payload: bytes
    digest: bytes
    encoding: str


class _Signer(LocalSigner):
    """Keeps what it signed."""

    __slots__ = ("signed",)

    def __init__(self, vectors: Vectors) -> None:
        given = vectors.credentials
        super().__init__(given.api_key, given.secret, given.password, encoding=given.encoding)
        self.signed: list[_Signed] = []

    def hmac(self, algorithm: str, payload: bytes, encoding: str = "") -> bytes:
        digest = super().hmac(algorithm, payload, encoding)
        self.signed.append(_Signed(algorithm, payload, digest, encoding))
        return digest

    def nonce(self, now_ns: int) -> int:
        return now_ns


def _texts(digest: bytes) -> tuple[str, ...]:
    """The ways to write a digest."""
    return digest.hex(), digest.hex().upper(), b64encode(digest).decode(), b64encode(digest).decode().rstrip("=")


class _Own(Struct, frozen=True):
    """A request or frame of the adapter, and what was signed for it."""

    fields: Mapping[str, str]
    """Its parts by name: ``method``, ``path``, ``query``, ``body``, ``header <name>``, ``param <name>``."""
    signed: Sequence[_Signed]


def _shown(text: str) -> str:
    return text.reveal() if isinstance(text, Secret) else text


def _leaves(node: Any, place: str = "param") -> Iterator[tuple[str, str]]:
    """The values of a message, as text, by their place in it."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(value, f"{place} {key}")
    elif node is not None:
        yield place, str(node).lower() if isinstance(node, bool) else str(node)


def _request_fields(method: str, url: str, headers: Mapping[str, str], body: str) -> dict[str, str]:
    parts = urlsplit(url)
    fields = {"method": method, "path": parts.path, "query": parts.query, "body": body}
    fields |= {f"header {name.lower()}": value for name, value in headers.items()}
    fields |= {f"param {name}": value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
    if body and body[0] not in "[{":
        fields |= {f"param {name}": value for name, value in parse_qsl(body, keep_blank_values=True)}
    return fields


def _without(fields: Mapping[str, str], name: str) -> dict[str, str]:
    """The fields before the signature was added to query or body (as its last parameter)."""
    if not name.startswith("param "):
        return dict(fields)
    value = fields[name]
    param = name.removeprefix("param ")
    bare = dict(fields)
    for part in ("query", "body"):
        for text in (value, quote(value, safe="")):
            bare[part] = re.sub(rf"&?\b{re.escape(param)}={re.escape(text)}$", "", bare.get(part, ""))
    return bare


def _pieces(own: Mapping[str, str], theirs: Mapping[str, str]) -> dict[bytes, bytes]:
    """What in the adapter's payload stands for what in the vector's."""
    pairs = {}

    def add(mine: str, other: str) -> None:
        if mine:  # also what is equal: a shorter piece may stand inside of it
            pairs[mine.encode()] = other.encode()

    target, their_target = (f"{f.get('path')}?{f['query']}" if f.get("query") else "" for f in (own, theirs))
    if target and their_target:
        add(target, their_target)
        add(unquote(target), unquote(their_target))
    if len(_parts(own)) == 1 and len(_parts(theirs)) == 1:  # the same parameters, in the query or in the body
        add(_parts(own)[0], _parts(theirs)[0])
    for part in ("query", "body"):
        if own.get(part) and theirs.get(part):
            add(own[part], theirs[part])
    for digest in (sha256, sha512):  # some venues sign a digest of the body, also of an empty one
        mine, other = (digest(f.get("body", "").encode()).hexdigest() for f in (own, theirs))
        add(mine, other)
        before, after = (digest(f"{f.get('param nonce', '')}{f.get('body', '')}".encode()) for f in (own, theirs))
        pairs[before.digest()] = after.digest()  # Kraken: of the nonce and the body, not as text
    for name, value in own.items():
        if name in theirs and (name in ("path", "method") or (" " in name and len(value) > 2)):
            add(value, theirs[name])
    return pairs


def _payloads(payload: bytes, own: Mapping[str, str], theirs: Mapping[str, str], beside: str) -> Iterator[bytes]:
    """The adapter's payload for the vector's request. ``beside``: where the signature's neighbours are."""
    pairs = _pieces(own, theirs)
    longest_first = sorted(pairs, key=len, reverse=True)
    if longest_first:
        pattern = re.compile(b"|".join(map(re.escape, longest_first)))
        yield pattern.sub(lambda found: pairs[found[0]], payload)
    else:
        yield payload
    params = parse_qsl(payload.decode("utf-8", "replace"), keep_blank_values=True)
    names = [name for name, _ in params]
    if names and names == sorted(names):  # parameters of a message, in alphabetical order
        values = {name.removeprefix(beside): value for name, value in theirs.items() if name.startswith(beside)}
        yield "&".join(f"{name}={values[name]}" for name in sorted(values)).encode()


def _agrees(own: _Own, theirs: Mapping[str, str], signer: LocalSigner) -> str | None:
    """None if the adapter's way of signing gives the vector's signature, else what is different."""
    tried = "nothing was signed with HMAC"
    for signed in own.signed:
        ways = _texts(signed.digest)
        written = {name: ways.index(text) for name, text in own.fields.items() if text in ways}
        for name, way in written.items():
            if name not in theirs:
                tried = f"the vector has no {name}"
                continue
            bare = _without(own.fields, name)
            wanted = {part: text for part, text in _without(theirs, name).items() if part != name}
            bare.pop(name)
            beside = name.rpartition(" ")[0] + " "
            payloads = _payloads(signed.payload, bare, wanted, beside)
            made = (_texts(signer.hmac(signed.algorithm, payload, signed.encoding)) for payload in payloads)
            if any(texts[way] == theirs[name] for texts in made):
                return None
            tried = f"the {name} differs"
    return tried


def _asked(exchange: Exchange, one: Instrument) -> Iterator[Ask | Command]:
    """What an adapter can be asked for with a key."""
    me, order = f"{exchange.venue}:main", an_order(exchange.venue)
    for kind in AskKind:
        if kind not in (AskKind.TOKEN, AskKind.CATALOGUE, AskKind.TIME, AskKind.SNAPSHOT):
            yield Ask(kind=kind, instrument=one.id)
    for side in Side:
        for tif, post_only in ((Tif.IOC, False), (Tif.GTC, False), (Tif.GTC, True)):
            yield NewOrder(
                account=me,
                instrument=one.id,
                cl_ord_id=order.cl_ord_id,
                side=side,
                qty=Decimal("0.5"),
                px=Decimal(100),
                tif=tif,
                post_only=post_only,
            )
    for order_id in ("", "1234567"):
        yield CancelOrder(account=me, instrument=one.id, cl_ord_id=order.cl_ord_id, order_id=order_id)
        yield QueryOrder(account=me, instrument=one.id, cl_ord_id=order.cl_ord_id, order_id=order_id)
    yield ListOpenOrders(account=me, instrument=one.id)
    yield ListOpenOrders(account=me)
    yield ListFills(account=me, instrument=one.id)


class _Adapter:
    """All requests and frames of an adapter that are signed at the vectors' time with the vectors' key."""

    def __init__(self, exchange: Exchange, vectors: Vectors) -> None:
        self.signer = _Signer(vectors)
        self.requests: list[_Own] = []
        self.frames: list[_Own] = []
        now_ns = vectors.clock_ms * MS
        market = vectors.market
        one = Instrument(
            venue=exchange.venue,
            symbol=f"{market.base}-{market.quote}",
            native=market.id,
            base=market.base,
            quote=market.quote,
            tick=Decimal("0.01"),
            lot=Decimal("0.00001"),
            venue_ref="1",
        )
        for link in exchange.links([one], f"{exchange.venue}:main"):
            session = exchange.session(link, Catalogue([one]), self.signer)
            if link.role is Role.REST:
                for what in _asked(exchange, one):
                    self._encoded(session, what, now_ns)
            elif link.role is not Role.PUBLIC:
                session.dial(now_ns)
                self._add([out for out in session.start(now_ns) if isinstance(out, Send)])
                for what in _asked(exchange, one):
                    if not isinstance(what, Ask) and link.role in exchange.route(what):
                        self._encoded(session, what, now_ns)

    def _encoded(self, session: Session, what: Ask | Command, now_ns: int) -> None:
        self.signer.signed.clear()
        with suppress(ArbkitError):  # what the venue does not have is refused
            self._add(session.encode(what if isinstance(what, Ask) else [what], now_ns))

    def _add(self, wires: Sequence[HttpRequest | Send]) -> None:
        signed = list(self.signer.signed)
        for wire in wires:
            if isinstance(wire, Send):
                with suppress(msgspec.DecodeError):
                    fields = dict(_leaves(msgspec.json.decode(_shown(wire.data))))
                    self.frames.append(_Own(fields, signed))
                continue
            headers = {name: _shown(value) for name, value in wire.headers}
            fields = _request_fields(wire.method, _shown(wire.url), headers, wire.body.decode())
            self.requests.append(_Own(fields, signed))
        self.signer.signed.clear()


def _parts(fields: Mapping[str, str]) -> list[str]:
    """Query and body, if they are there."""
    return [fields[part] for part in ("query", "body") if fields.get(part)]


def _shape(fields: Mapping[str, str]) -> tuple[str, int]:
    return fields["method"], len(_parts(fields))


def _bound(theirs: Mapping[str, str], vectors: Vectors) -> list[str]:
    """The headers of a vector that carry the key, the passphrase or the time."""
    given = vectors.credentials
    values = {given.api_key, given.password, str(vectors.clock_ms), str(vectors.clock_ms // 1000)} - {""}
    return [name for name, value in theirs.items() if name.startswith("header ") and value in values]


def _rest(adapter: _Adapter, name: str, request: SignedRequest, vectors: Vectors) -> bool:
    """Whether the vector could be compared. Raises ``Nonconforming`` if it differs."""
    theirs = _request_fields(request.method, request.url, request.headers, request.body or "")
    alike = [own for own in adapter.requests if own.signed and _shape(own.fields) == _shape(theirs)]
    if not alike:
        return False
    exact = [own for own in alike if own.fields["path"] == theirs["path"]]
    found = [(own, _agrees(own, theirs, adapter.signer)) for own in exact or alike]
    right = [own.fields for own, wrong in found if wrong is None]
    wrong = next((text for _, text in found if text is not None), "")
    must(right and (not wrong or not exact), f"{name}: {request.method} {theirs['path']}: {wrong}")
    for header in _bound(theirs, vectors):
        must(right[0].get(header) == theirs[header], f"{name}: {header} is missing or differs")
    return True


def _login(adapter: _Adapter, name: str, frame: Any, vectors: Vectors) -> bool:
    """As ``_rest``, for a message of a socket. A message that the adapter sends without key, because its socket has
    logged in, is not compared."""
    theirs = dict(_leaves(frame))
    own_key = vectors.credentials.api_key
    nearest = max(adapter.frames, key=lambda own: len(own.fields.items() & theirs.items()), default=None)
    if own_key not in theirs.values() or nearest is None or own_key not in nearest.fields.values():
        return False
    alike = [own for own in adapter.frames if own.signed and own_key in own.fields.values()]
    if not alike:
        return False
    alike.sort(key=lambda own: -len(own.fields.items() & theirs.items()))
    found = [_agrees(own, theirs, adapter.signer) for own in alike]
    must(None in found, f"{name}: {found[0]}")
    return True


@rule("signing", "vectors")
def signing_vectors(subject: VenueUnderTest) -> str:
    """Requests and login messages have the signature that an independent client makes with the same key at the same
    time, and the same headers with key, passphrase and time."""
    assert subject.vectors is not None
    vectors = read_vectors(subject.vectors)
    adapter = _Adapter(subject.made(), vectors)
    if not any(own.signed for own in (*adapter.requests, *adapter.frames)):
        raise NotRun("the adapter signs nothing with HMAC")
    compared, left_out = 0, []
    for call in vectors.rest:
        for request in call.requests if call.valid else ():
            if request.preliminary:
                continue
            if _rest(adapter, call.name, request, vectors):
                compared += 1
            else:
                left_out.append(call.name)
    for login in vectors.ws:
        for frame in login.frames if login.valid else ():
            compared += frame.frame is not None and _login(adapter, login.name, frame.frame, vectors)
    must(compared, "no request of the adapter has the method and the parts (query, body) of a vector")
    return f"{compared} signatures compared" + (f"; no such request: {', '.join(left_out)}" if left_out else "")
