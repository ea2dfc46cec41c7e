"""May an account trade? The venue keeps it; losing one condition stops new deals there, never unwinds.

``ready`` is True when all of these hold:

=====================================  ==========================================================
condition                              told by
=====================================  ==========================================================
links known                            ``expect``
each private link confirmed            ``link_ready``, undone by ``link_lost``
trade link logged in, or REST works    ``link_ready``, ``rest_warm``
balances listed after the stream       ``balances_listed``
open orders listed after the stream    ``orders_listed``
no order of unknown outcome            ``unresolved``
own fees known                         ``fees_known``
account checked, without a problem     ``account_checked``, where the venue has ``account_status``
clock error under window / 4           ``clock``
not stopped                            ``stop``
=====================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Sequence

from arbkit.core.types import NEVER, Capabilities, LinkSpec, Role

__all__ = ["Readiness"]


class Readiness:
    """The conditions of one account. Books are judged by the view: they are per symbol.

    ``ready`` is cheap to read: every call keeps it current.
    """

    __slots__ = (
        "_balances_ns",
        "_clock_error_ns",
        "_fees",
        "_linked",
        "_links",
        "_orders_ns",
        "_rest",
        "_stopped",
        "_unchecked",
        "_unresolved",
        "_window_ns",
        "account",
        "problem",
        "ready",
    )

    def __init__(self, account: str, capabilities: Capabilities) -> None:
        self.account = account
        self.ready = False
        self._window_ns = capabilities.order_window_ns
        self._unchecked = capabilities.account_status
        self.problem = ""
        """What the venue says is wrong with the account or its key; "" = nothing."""
        self._linked = False
        self._links: dict[str, tuple[Role, int]] = {}
        """Role, and since when it can do its work (0 = it cannot)."""
        self._rest = False
        self._balances_ns = 0
        self._orders_ns = 0
        self._unresolved = 0
        self._fees = False
        self._clock_error_ns = NEVER
        self._stopped = ""

    def expect(self, links: Sequence[LinkSpec]) -> None:
        """All links of the account, told once. Private and trade links count, public ones do not."""
        self._linked = True
        self._links = {spec.link: (spec.role, 0) for spec in links if spec.role in (Role.PRIVATE, Role.TRADE)}
        self._settle()

    def link_ready(self, link: str, now_ns: int) -> None:
        """``Ready`` came from this link."""
        if link in self._links:
            role, since_ns = self._links[link]
            self._links[link] = (role, since_ns or now_ns)
            self._settle()

    def link_lost(self, link: str) -> None:
        """Gone. Losing a private link voids the listings too: who knows what happened meanwhile; ask again."""
        if link in self._links:
            self._links[link] = (self._links[link][0], 0)
            self._settle()

    def rest_warm(self, warm: bool = True) -> None:
        """A signed REST call was answered (or they stopped being): orders can go that way without a trade link."""
        self._rest = warm
        self._settle()

    def balances_listed(self, sent_ns: int) -> None:
        """A full balance listing, asked for at ``sent_ns``; it counts if that is after the private stream's Ready."""
        self._balances_ns = max(self._balances_ns, sent_ns)
        self._settle()

    def orders_listed(self, sent_ns: int) -> None:
        """A complete listing of open orders, likewise."""
        self._orders_ns = max(self._orders_ns, sent_ns)
        self._settle()

    def unresolved(self, count: int) -> None:
        """How many intents lack a proved outcome: of the journal at start, UNKNOWN orders later."""
        if count != self._unresolved:
            self._unresolved = count
            self._settle()

    def fees_known(self, known: bool = True) -> None:
        """The account's own rates have come."""
        self._fees = known
        self._settle()

    def account_checked(self, problem: str) -> None:
        """The venue told the state of the account and its key. A problem holds until a check without one."""
        self._unchecked = False
        self.problem = problem
        self._settle()

    def clock(self, error_ns: int) -> None:
        """How well the venue's clock is known; ``NEVER`` = not at all."""
        self._clock_error_ns = error_ns
        self._settle()

    def stop(self, reason: str) -> None:
        """Keep it from trading until ``stop("")``: refused credentials, a person's order, a ban."""
        self._stopped = reason
        self._settle()

    def missing(self) -> list[str]:
        """What is missing, in words for a person; empty = ready. Of one that is stopped only that."""
        if self._stopped:
            return [f"stopped: {self._stopped}"]
        words: list[str] = []
        if not self._linked:
            words.append("its links are not known yet")
        private = {link: since for link, (role, since) in self._links.items() if role is Role.PRIVATE}
        down = [link for link, since in private.items() if not since]
        if down:
            words.append(f"private stream not confirmed: {', '.join(down)}")
        trade = {link: since for link, (role, since) in self._links.items() if role is Role.TRADE}
        if not self._rest and not any(trade.values()):
            if trade:
                words.append(f"no way for orders: {', '.join(trade)} not logged in, and no signed REST call answered")
            else:
                words.append("no way for orders: no signed REST call answered yet")
        # Listings asked for before the stream was there may miss what happened in between.
        since_ns = max(private.values(), default=0)
        for what, sent_ns in (("balances", self._balances_ns), ("open orders", self._orders_ns)):
            if not sent_ns or sent_ns < since_ns:
                words.append(f"{what} not listed since the private stream came up")
        if self._unresolved:
            words.append(f"{self._unresolved} order{'s' * (self._unresolved > 1)} of unknown outcome")
        if not self._fees:
            words.append("own fees unknown")
        if self._unchecked:
            words.append("account not checked yet")
        elif self.problem:
            words.append(self.problem)
        most_ns = self._window_ns // 4
        if self._clock_error_ns == NEVER:
            words.append("venue clock not measured yet")
        elif self._window_ns and self._clock_error_ns >= most_ns:
            error_ms, most_ms = self._clock_error_ns / 1e6, most_ns / 1e6
            words.append(f"venue clock known to {error_ms:.0f} ms only, needs under {most_ms:.0f} ms")
        return words

    def _settle(self) -> None:
        self.ready = not self.missing()
