"""What the desk gives to an adapter: the signer of its own venue, and nothing that leads to another venue's key."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect
from msgspec import Struct

import arbkit
from arbkit.core.types import VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.testing.simulated import simulate


class Noting:
    """Stands before an adapter or a session, and notes what its methods are given. Not what a socket says: that is the
    venue's own text."""

    def __init__(self, noted: Any, given: list[object]) -> None:
        self._noted, self._given = noted, given

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._noted, name)
        if not callable(found) or name in ("receive", "capabilities"):
            return found

        def call(*args: Any, **named: Any) -> Any:
            self._given.extend((*args, *named.values()))
            said = found(*args, **named)
            return Noting(said, self._given) if name == "session" else said

        return call


def spied(adapter: type[Any], given: list[object]) -> Any:
    def make(settings: VenueSettings) -> Any:
        given.append(settings)
        return Noting(adapter(settings), given)

    return make


def reached(roots: list[object]) -> Iterator[object]:
    """Everything that the objects hold, and so on. Not code: a plugin is trusted code, and can import anything."""
    seen, todo = set(), list(roots)
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        yield one
        todo += gc.get_referents(one)
        if isinstance(one, Struct):  # most of ours are not tracked
            todo += [getattr(one, name) for name in one.__struct_fields__]


def test_an_adapter_gets_its_own_signer_and_no_way_to_another() -> None:
    """Over a start, deals and a stop, on two venues."""
    given: dict[str, list[object]] = {"binance": [], "okx": []}
    adapters: Any = {spied(Binance, given["binance"]): BinanceDialect, spied(Okx, given["okx"]): OkxDialect}
    strategy = arbkit.SpreadArb(symbols=("BTC-USDT",), min_edge=0.0005)
    run: Any = simulate(strategy, adapters)
    run.run_for(6)
    assert run.stop()
    assert run.desk.engine.legs_sent > 0
    own = {name: venue.setup.signer for name, venue in run.desk.venues.items()}
    assert isinstance(own["okx"], LocalSigner)
    for name, objects in given.items():
        found = list(reached(objects))
        assert {id(one) for one in found if isinstance(one, LocalSigner)} == {id(own[name])}
        other = own["okx" if name == "binance" else "binance"]
        secrets = (other.key, other._secret, other._secret.decode())
        assert not [one for one in found if isinstance(one, str | bytes) and any(one == secret for secret in secrets)]
