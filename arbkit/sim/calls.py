"""The calls of a dialect: a table of routes, the parameters of one call with their checks, and error replies."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, TypeVar

from arbkit.sim.facts import Facts
from arbkit.sim.limits import Rolling, Window
from arbkit.sim.venue import Account, Refused

__all__ = ["SimCall", "Problem", "Route", "Why", "Wrong", "found", "refuse", "routes"]

_T = TypeVar("_T")
_DECIMAL: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


class Problem(Exception):
    """An error reply: the venue's code and text, the HTTP status if the whole request fails, and further fields."""

    def __init__(self, code: Any, msg: str, status: int = 200, **more: Any) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.status = status
        self.more = more


def refuse(when: bool, code: Any, msg: str, status: int = 200) -> None:
    """Raise the error reply if ``when`` is true."""
    if when:
        raise Problem(code, msg, status)


def found(value: _T | None, code: Any, msg: str, status: int = 200) -> _T:
    """The value. Raises the error reply if it is None."""
    if value is None:
        raise Problem(code, msg, status)
    return value


Why: TypeAlias = Literal["missing", "invalid", "type"]
Wrong: TypeAlias = Callable[[str, Why], Problem]
"""Makes the venue's error for a parameter: its name, and what is wrong with it."""


class SimCall:
    """One request: its parameters, account and time. The methods raise the venue's error for a bad parameter."""

    __slots__ = ("account", "body", "expire_ns", "facts", "now_ns", "params", "wrong")

    def __init__(
        self,
        params: Mapping[str, Any],
        account: Account | None,
        now_ns: int,
        facts: Facts,
        wrong: Wrong,
        *,
        body: Any = None,
        expire_ns: int = 0,
    ) -> None:
        self.params = params
        self.account = account
        self.now_ns = now_ns
        self.facts = facts
        """Makes the facts of the reply's rows."""
        self.wrong = wrong
        self.body = body
        self.expire_ns = expire_ns
        """The request is not executed after this time; 0 = always."""

    @property
    def owner(self) -> str:
        """The account's name; the call is signed."""
        assert self.account is not None
        return self.account.name

    @property
    def now(self) -> Any:
        """The time as the reply tells it."""
        return self.facts.time(self.now_ns)

    def item(self, params: Mapping[str, Any]) -> SimCall:
        """One item of a batch, as a call of its own."""
        return SimCall(params, self.account, self.now_ns, self.facts, self.wrong, expire_ns=self.expire_ns)

    def settled(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row of account or key settings, with those that the account has set otherwise."""
        settings = self.account.settings if self.account else {}
        return row | {name: value for name, value in settings.items() if name in row}

    def text(self, name: str, default: str = "") -> str:
        """A text parameter."""
        value = self.params.get(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, "type")
        return value

    def need(self, name: str) -> str:
        """A mandatory text parameter."""
        if self.params.get(name) in (None, ""):
            raise self.wrong(name, "missing")
        return self.text(name)

    def symbol(self, name: str = "symbol") -> str:
        """The canonical symbol of a mandatory pair, delisted or not. Raises ``Refused("symbol")`` for no such pair."""
        known = self.facts.symbols.get(self.need(name))
        if known is None:
            raise Refused("symbol")
        return known

    def choice(self, name: str, options: Collection[str], default: str | None = None) -> str:
        """One of some words; mandatory if there is no default."""
        value = self.need(name) if default is None else self.text(name) or default
        if value not in options and value != default:
            raise self.wrong(name, "invalid")
        return value

    def match(self, name: str, pattern: re.Pattern[str]) -> str:
        """A text of that form, or "" if there is none."""
        value = self.text(name)
        if value and not pattern.fullmatch(value):
            raise self.wrong(name, "invalid")
        return value

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number."""
        value = self.text(name)
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= 20):
            raise self.wrong(name, "invalid")
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """The parameter ``limit``: the number of rows that are wanted, at most ``most``."""
        return min(self.integer("limit") or default, most)

    def decimal(self, name: str) -> Decimal:
        """A mandatory decimal that is not negative, as plain text."""
        value = self.need(name)
        if not _DECIMAL.fullmatch(value):
            raise self.wrong(name, "invalid")
        return Decimal(value)


@dataclass(frozen=True, slots=True)
class Route:
    """A call: what answers it, what it costs, and who may make it."""

    handler: Callable[[SimCall], Any]
    cost: int | Callable[[SimCall], int] = 1
    limit: Window | Rolling | None = None
    by: str = "user"
    """The key of the limit, in the venue's terms."""
    signed: bool = False
    trade: bool = False
    """Whether it places or cancels orders: the key needs that permission."""
    batch: bool = False
    names: str | None = None
    """The parameters that it knows, where the venue refuses others; None = any."""


def routes(prefix: str, table: Mapping[str, Route]) -> dict[tuple[str, str], Route]:
    """A table by ``"GET path"`` as one by method and whole path."""
    split = ((key.partition(" "), route) for key, route in table.items())
    return {(method, prefix + path): route for (method, _, path), route in split}
