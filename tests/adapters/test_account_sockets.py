"""The life of a private socket whose login is a token from REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import arbkit.venue as kit
from arbkit.core.venues.signer import LocalSigner

KEY = LocalSigner("k", "s")
LINK = kit.LinkSpec(link="toy.main.private", venue="toy", role=kit.Role.PRIVATE, account="toy:main")
CALLS = kit.CallTable("toy", {}, verdicts=kit.Verdicts(ok=[200], rejected={}), pauses=kit.Pauses(window_ns=kit.S))


class Private:
    """Keeps the token for its subscription."""

    def __init__(self) -> None:
        self.known = ""
        self.socket = kit.AccountSocket(
            kit.Context(LINK, kit.Catalogue(), KEY),
            url="wss://toy",
            calls=CALLS,
            read=lambda socket, data, now_ns: socket.confirmed(data, now_ns),
            token=self.token,
            channels=self.channels,
        )

    def token(self, answer: kit.HttpAnswer) -> None:
        if answer.status == 401:
            raise kit.CredentialsError("toy refused the key")
        self.known = answer.body.decode()

    def channels(self, context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
        return [kit.Send(f"subscribe {self.known}")], ["orders"]


@pytest.mark.parametrize("role", [kit.Role.PRIVATE, kit.Role.TRADE])
def test_an_account_socket_needs_a_key(role: kit.Role) -> None:
    """Said at once, with what to set: before anything is dialled. Public and REST links go without."""
    link = kit.LinkSpec(link="toy.main.x", venue="toy", role=role, account="toy:main")
    with pytest.raises(kit.CredentialsError, match=r"toy.main.x needs a key: set venues.toy.key and secret"):
        kit.Context(link, kit.Catalogue(), None)
    assert kit.Context(link, kit.Catalogue(), KEY).has_key
    assert not kit.Context(kit.rest_link("toy", ""), kit.Catalogue(), None).has_key


def test_a_token_is_asked_for_before_anything_is_sent() -> None:
    """Then the channels; ready when they are confirmed."""
    private = Private()
    (asked,) = private.socket.start(0)
    assert isinstance(asked, kit.Ask)
    assert asked.kind is kit.AskKind.TOKEN
    assert not private.socket.is_ready
    assert private.socket.answered(asked, kit.HttpAnswer(200, {}, b"t-1"), 1) == [kit.Send("subscribe t-1")]
    assert private.socket.receive("orders", 2) == (kit.Ready("toy.main.private", 2),)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (kit.NoAnswer("timed out"), kit.RemoteProtocolError),
        (kit.HttpAnswer(401, {}, b""), kit.CredentialsError),
    ],
)
def test_without_a_token_the_link_ends(answer: Any, error: type[Exception]) -> None:
    """It is dialled again, or the key is refused."""
    socket = Private().socket
    (asked,) = socket.start(0)
    assert isinstance(asked, kit.Ask)
    with pytest.raises(error):
        socket.answered(asked, answer, 1)


def test_a_token_that_never_comes_ends_the_link_too() -> None:
    socket = Private().socket
    socket.start(0)
    with pytest.raises(kit.RemoteProtocolError, match="not confirmed"):
        socket.tick(socket.due_ns)


def test_an_address_with_a_token_is_asked_for_before_the_dial() -> None:
    """Each dial needs a new one. Nothing is sent before the venue has spoken."""
    socket = kit.AccountSocket(
        kit.Context(LINK, kit.Catalogue(), KEY),
        calls=CALLS,
        read=lambda socket, data, now_ns: socket.logged_in(now_ns),
        address=lambda answer: kit.Dial(f"wss://toy?token={answer.body.decode()}"),
        login=lambda context, now_ns: None,
    )
    asked = socket.dial(0)
    assert isinstance(asked, kit.Ask)
    assert asked.kind is kit.AskKind.TOKEN
    with pytest.raises(kit.RemoteProtocolError, match="no token"):
        socket.answered(asked, kit.NoAnswer("timed out"), 1)
    assert socket.answered(asked, kit.HttpAnswer(200, {}, b"t-1"), 1) == ()
    assert socket.dial(2) == kit.Dial("wss://toy?token=t-1")
    assert socket.start(3) == ()
    assert not socket.is_ready
    assert list(socket.receive("welcome", 4)) == [kit.Ready("toy.main.private", 4)]


def test_a_token_of_the_address_is_renewed_and_its_loss_ends_the_link() -> None:
    """A renewal without answer, or with a throttle or server error, is nothing: the next one may succeed. One that is
    refused ends the link."""

    def address(answer: kit.HttpAnswer) -> kit.Dial:
        if answer.status != 200:
            raise kit.RemoteProtocolError("toy knows no such token")
        return kit.Dial(kit.Secret(f"wss://toy?token={answer.body.decode()}"))

    socket = kit.AccountSocket(
        kit.Context(LINK, kit.Catalogue(), KEY),
        calls=CALLS,
        read=lambda socket, data, now_ns: (),
        address=address,
        renewal=kit.Heartbeat(lambda now_ns: kit.Ask(kind=kit.AskKind.TOKEN, ref="t-1"), 1800 * kit.S),
    )
    first = socket.dial(0)
    assert isinstance(first, kit.Ask)
    socket.answered(first, kit.HttpAnswer(200, {}, b"t-1"), 1)
    socket.start(2)
    assert socket.due_ns == 2 + 1800 * kit.S
    (renewal,) = socket.tick(socket.due_ns)
    assert isinstance(renewal, kit.Ask)
    assert (renewal.kind, renewal.ref) == (kit.AskKind.TOKEN, "t-1")
    assert socket.answered(renewal, kit.NoAnswer("timed out"), 3) == ()
    for status in (429, 503):
        assert socket.answered(renewal, kit.HttpAnswer(status, {}, b"{}"), 3) == ()
    assert socket.due_ns == 2 + 3600 * kit.S
    assert socket.answered(renewal, kit.HttpAnswer(200, {}, b"t-1"), 4) == ()
    with pytest.raises(kit.RemoteProtocolError, match="no such token"):
        socket.answered(renewal, kit.HttpAnswer(400, {}, b"{}"), 5)


def test_a_venue_that_takes_no_message_at_first_is_left_alone() -> None:
    """The login goes out when the wait is over, once, and the patience begins then."""
    socket = kit.AccountSocket(
        kit.Context(LINK, kit.Catalogue(), KEY),
        url="wss://toy",
        calls=CALLS,
        read=lambda socket, data, now_ns: socket.logged_in(now_ns),
        login=lambda context, now_ns: kit.Send("login"),
        wait_ns=kit.S,
    )
    assert socket.start(5) == ()
    assert socket.due_ns == 5 + kit.S
    assert socket.tick(4 + kit.S) == []
    assert socket.tick(5 + kit.S) == [kit.Send("login")]
    assert socket.due_ns == 5 + 11 * kit.S
    assert socket.receive("ok", 6 + kit.S) == [kit.Ready("toy.main.private", 6 + kit.S)]
