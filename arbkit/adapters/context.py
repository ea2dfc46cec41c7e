"""What every piece of a venue's session shares: its link, the catalogue, the key, and the names of instruments."""

from __future__ import annotations

from collections.abc import Callable

from arbkit.core.errors import LocalProtocolError
from arbkit.core.protocols import Signer
from arbkit.core.types import Catalogue, Instrument, LinkSpec

__all__ = ["Context"]


def joined_name(symbol: str) -> str:
    """``BTC-USDT`` -> ``BTCUSDT``: how most venues write a pair."""
    return symbol.replace("-", "")


class Context:
    """One link of a venue. ``spell`` writes the venue's name of a symbol that the catalogue lacks: an order of an
    earlier run may be asked for before the catalogue arrives, or after its pair was delisted."""

    __slots__ = ("_signer", "_spell", "account", "catalogue", "link", "venue")

    def __init__(
        self,
        link: LinkSpec,
        catalogue: Catalogue,
        signer: Signer | None,
        spell: Callable[[str], str] = joined_name,
    ) -> None:
        self.link = link
        self.venue = link.venue
        self.account = link.account
        self.catalogue = catalogue
        self._signer = signer
        self._spell = spell

    @property
    def has_key(self) -> bool:
        return self._signer is not None

    @property
    def signer(self) -> Signer:
        """The signer. Raises ``LocalProtocolError`` on a link without key."""
        if self._signer is None:
            raise LocalProtocolError(f"{self.link.link} has no key")
        return self._signer

    def native(self, instrument_id: str) -> str:
        """The venue's name of an instrument."""
        known = self.catalogue.get(instrument_id)
        return known.native if known is not None else self._spell(instrument_id.partition(":")[2])

    def known(self, native: str) -> Instrument | None:
        """The instrument that the venue calls ``native``, if the catalogue has it."""
        return self.catalogue.native(self.venue, native)

    def instrument(self, native: str) -> str:
        """Our id of the instrument that the venue calls ``native``; ``<venue>:<native>`` if the catalogue lacks it."""
        known = self.catalogue.native(self.venue, native)
        return known.id if known is not None else f"{self.venue}:{native}"
