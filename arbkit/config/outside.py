"""Keys that other programs keep: ``keyring:SERVICE/USER`` and ``exec:COMMAND``. Each is asked once per process."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
from contextlib import suppress
from functools import cache

from arbkit.core.errors import CredentialsError
from arbkit.core.runtime.clock import Clock
from arbkit.core.types import Secret

__all__ = ["from_command", "from_keyring"]

MOST = 64 * 1024
"""Bytes of a command's output."""
PATIENCE_S = 20.0
"""A person may have to touch a token."""


@cache
def from_keyring(name: str) -> Secret:
    """The secret of ``SERVICE/USER`` in the keyring of this desktop. Raises ``CredentialsError``."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise CredentialsError("needs the package keyring: pip install 'arbkit[keyring]'") from None
    service, _, user = name.partition("/")
    try:
        text = keyring.get_password(service, user)
    except keyring.errors.NoKeyringError:
        raise CredentialsError(
            "there is no keyring on this machine (usual for a server): use vault:NAME or file:PATH"
        ) from None
    except Exception as error:  # of any backend; its text is not shown, because nobody knows what is in it
        raise CredentialsError(f"the keyring refused it: {type(error).__name__}") from None
    if not text:
        raise CredentialsError(f"the keyring has no entry {service}/{user}: keyring set {service} {user}")
    return Secret(text)


@cache
def from_command(command: str) -> Secret:
    """What the command prints, without a shell. Its errors are not shown, because nobody knows what is in them. Raises
    ``CredentialsError``."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise CredentialsError(f"cannot be split into words: {error}") from None
    name = os.path.basename(words[0]) if words else ""
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own command, from a file that only the user can change
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0
        )
    except (OSError, IndexError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is empty"
        raise CredentialsError(f"{name!r} cannot be started: {why}") from None
    try:
        text = _output(process, name)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # also what it has left behind
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    return Secret(text)


def _output(process: subprocess.Popen[bytes], name: str) -> str:
    assert process.stdout is not None
    clock, data = Clock(), b""
    end_ns = clock.now_ns() + round(PATIENCE_S * 1e9)
    handle = process.stdout.fileno()
    while True:
        left_s = (end_ns - clock.now_ns()) / 1e9
        if left_s <= 0 or not select.select([handle], [], [], left_s)[0]:
            raise CredentialsError(f"{name!r} did not end within {PATIENCE_S:g} s")
        piece = os.read(handle, MOST)
        if not piece:
            break
        data += piece
        if len(data) > MOST:
            raise CredentialsError(f"{name!r} prints more than {MOST} bytes: that is no key")
    try:
        code = process.wait(max((end_ns - clock.now_ns()) / 1e9, 0.1))
    except subprocess.TimeoutExpired:
        raise CredentialsError(f"{name!r} did not end within {PATIENCE_S:g} s") from None
    if code:
        raise CredentialsError(f"{name!r} ended with code {code}: run it by hand to see why")
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        raise CredentialsError(f"{name!r} printed no text") from None
    if not text:
        raise CredentialsError(f"{name!r} printed nothing")
    return text
