"""How long a venue must be left alone after a throttle, a ban or a firewall, and what its answer says in words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from arbkit.adapters.wire import MS, S, retry_ns
from arbkit.core.types import HttpAnswer, NoAnswer, cut

__all__ = ["Pauses", "words"]

_LONGEST_NS = 3600 * S
_END_MS = re.compile(rb"until[^0-9]{0,20}([0-9]{13})(?![0-9])")
_TAGS = re.compile(r"<[^<>]*>|\s+")


class Pauses(Struct, frozen=True, kw_only=True):
    """For how long nothing is sent after a throttle or a ban.

    A ``Retry-After`` header, or an end in the text of the answer ("banned until 1749999999999"), counts before these. A
    ban that is repeated without an end doubles, up to an hour.
    """

    window_ns: int
    """After a throttle code or HTTP 429."""
    bucket: str = ""
    """The bucket that is closed then; "" = the call's own, or those of every call if it has none."""
    statuses: Mapping[int, tuple[str, int]] = {}
    """HTTP status of a ban or a firewall -> (bucket, ns); "*" = all of the venue."""
    pages: Mapping[int, tuple[str, int]] = {}
    """The same, only for an answer that is not the venue's own (``own`` is false): a page of the server in front, where
    the venue gives the status to its refusals too."""

    def ban(self, status: int, own: bool) -> tuple[str, int]:
        """(bucket, ns) of a ban; ("", 0) for another answer."""
        return self.statuses.get(status) or (("", 0) if own else self.pages.get(status, ("", 0)))

    def limits(self, status: int, own: bool = True) -> bool:
        """Whether the answer is about the caller, and says nothing about the request. ``own``: it has the venue's
        envelope."""
        return status == 429 or self.ban(status, own)[1] > 0

    def end(
        self, answer: HttpAnswer | NoAnswer, throttled: bool, bans: int, now_ns: int, own: bool = True
    ) -> tuple[str, int]:
        """(bucket, when it may be used again) after this answer; ("", 0) if nothing is to be closed.

        ``throttled``: its code says so; ``bans``: how many bans came before it in a row."""
        bucket, pause_ns = self.ban(answer.status, own)
        if pause_ns:
            until_ns = now_ns + min(pause_ns << min(bans, 10), max(pause_ns, _LONGEST_NS))
        elif throttled or answer.status == 429:
            bucket, pause_ns = self.bucket, self.window_ns
            until_ns = now_ns + pause_ns
        else:
            return "", 0
        if isinstance(answer, HttpAnswer):
            said = _END_MS.search(answer.body)
            if "retry-after" in answer.headers:
                until_ns = retry_ns(answer, now_ns, pause_ns / S)
            elif said is not None:
                until_ns = max(until_ns, int(said[1]) * MS)
        return bucket, until_ns


def words(body: bytes) -> str:
    """The text of an answer for a person: no markup, one line, at most 200 characters."""
    text = _TAGS.sub(" ", body[:4000].decode("utf-8", "replace"))
    return cut(" ".join("".join(char for char in text if char.isprintable()).split()), 200)
