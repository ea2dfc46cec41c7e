"""A plugin's exception with a secret in it, in a live run: what it was is shown, the secret is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

STRATEGY = '''
import os
from pathlib import Path

from arbkit import Strategy
from arbkit.adapters.rest import RestSession
from arbkit.core.reported import Reported
from arbkit.core.types import Secret

WAY = os.environ["WAY"]
request = RestSession._request


class Watch(Strategy):
    def instruments(self, catalogue):
        return catalogue.symbol("BTC-USDT")

    def decide(self, view, touched, now_ns):
        return ()


class Planted(TypeError):
    """Keeps what it was given, for the test, in a file that only the test reads."""

    def __init__(self, text):
        super().__init__(text)
        held = text.reveal() if isinstance(text, Secret) else text
        Path(os.environ["HELD"]).write_text(held)


class PlantedValue(Planted, ValueError):
    """As a frame that cannot be read."""


def planted(self, what, now_ns):
    made = request(self, what, now_ns)
    if not isinstance(made.url, Secret):
        return made
    secret = self._context.signer._secret
    match WAY:
        case "repr":
            raise Planted(f"cannot send {made}")
        case "concat":
            raise Planted("cannot send " + made.url)
        case "percent":
            raise Planted("cannot send %s" % made.url)
        case "join":
            raise Planted(" ".join(["cannot send", made.url]))
        case "value":
            raise PlantedValue("cannot send " + made.url.reveal())
        case "url":
            raise Planted("cannot send " + made.url.reveal()[-120:])
        case "secret":
            raise Planted("cannot send %r" % secret)
        case "cut":
            raise Planted("cannot send" + " " * 160 + secret.decode())
    return made


def broken(self, link, fee, now_ns):
    signer = self._venues[link.spec.venue].setup.signer
    raise Planted(f"cannot send {signer._secret!r} {signer.key}")


RestSession._request = planted
if WAY == "desk":
    Reported.fee = broken
'''
HELD = {
    "repr": "***",
    "percent": "***",
    "join": "***",
    "concat": "signature=",
    "value": "signature=",
    "url": "signature=",
}
"""What is in the exception: ``***``, or the text of a signed URL; in the other ways the secret of the account."""
WAYS = (*HELD, "secret", "cut", "desk")


@pytest.mark.parametrize("way", WAYS)
def test_what_a_plugin_raises_shows_no_secret(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, desk: Any, venues: dict[str, Any], way: str
) -> None:
    """However the secret came into its text: formatted, joined, revealed, as bytes, cut in half. The exception was
    raised with it and is told by its type, by the session that fails or by the desk."""
    held = tmp_path_factory.mktemp("held") / "text"
    desk.write("live")
    (tmp_path / "strategy.py").write_text(STRATEGY)
    desk.env |= {"WAY": way, "HELD": str(held)}
    with desk.start("run", "strategy:Watch", "--live", "--seconds", "60") as process:
        assert process.stderr is not None
        err = ""
        for line in process.stderr:
            err += line
            if "Planted" in line:
                process.terminate()
        out = process.stdout.read()
        process.wait()
    shown = err + out
    raised = held.read_text()
    secrets = [venue["secret"] for venue in venues.values()]
    assert "Planted" in shown, shown
    assert HELD[way] in raised if way in HELD else any(secret in raised for secret in secrets)
    if way != "concat":  # a Secret through and through
        assert "cannot send" in shown
    for venue in venues.values():
        for name in ("key", "secret"):
            assert venue[name] not in shown, name
            assert venue[name][:12] not in shown, name
    signatures = [part for part in raised.replace("&", " ").split() if part.startswith("signature=")]
    assert not [one for one in signatures if one[:22] in shown]
