"""What every piece of a venue's session shares: its link, the catalogue, the key, and the names of instruments."""

from __future__ import annotations

from collections.abc import Callable

from arbkit.core.errors import CredentialsError, LocalProtocolError
from arbkit.core.protocols import Signer
from arbkit.core.types import Catalogue, Instrument, LinkSpec, Role

__all__ = ["Context"]


def joined_name(symbol: str) -> str:
    """``BTC-USDT`` -> ``BTCUSDT``: how most venues write a pair."""
    return symbol.replace("-", "")


class Context:
    """One link of a venue. ``spell`` writes the venue's name of a symbol that the catalogue lacks: an order of an
    earlier run may be asked for before the catalogue arrives, or after its pair was delisted.

    Raises ``CredentialsError`` for a private or trade link without a signer."""

    __slots__ = ("_signer", "_spell", "account", "asked", "catalogue", "link", "venue")

    def __init__(
        self,
        link: LinkSpec,
        catalogue: Catalogue,
        signer: Signer | None,
        spell: Callable[[str], str] = joined_name,
    ) -> None:
        if signer is None and link.role in (Role.PRIVATE, Role.TRADE):
            raise CredentialsError(
                f"{link.link} needs a key: set venues.{link.venue}.key and secret, and passphrase if the key has one"
            )
        self.link = link
        self.venue = link.venue
        self.account = link.account
        self.catalogue = catalogue
        self._signer = signer
        self._spell = spell
        self.asked: dict[str, str] = {}
        """Ids of instruments that the catalogue lacks, by the names under which they were asked for."""

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
        if known is not None and known.native:  # one that has left the venue's list has none
            return known.native
        native = self._spell(instrument_id.partition(":")[2])
        self.asked[native] = instrument_id
        return native

    def known(self, native: str) -> Instrument | None:
        """The instrument that the venue calls ``native``, if the catalogue has it."""
        return self.catalogue.native(self.venue, native)

    def instrument(self, native: str) -> str:
        """Our id of the instrument that the venue calls ``native``. If the catalogue lacks it: the id under which it
        was asked for, else ``<venue>:<native>``."""
        known = self.catalogue.native(self.venue, native)
        return known.id if known is not None else self.asked.get(native, f"{self.venue}:{native}")
