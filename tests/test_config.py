"""Configuration: every mistake at once, each placed and named, and no secret in any text."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arbkit.config import load as config
from arbkit.config.load import BadConfig, BadCredentials, Config
from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.types import Secret

CANARY = "CANARY0123456789abcdef"

GOOD = """
mode = "paper"
distributions = ["arbkit-binance"]

[venues.binance]
taker_fee = 0.00075
balances = { usdt = 1000, BTC = "0.05" }

[venues.okx]
environment = "demo"
endpoints.rest = "https://eea.example.org"

[strategy]
target = "spread"
params = { min_edge = 0.001, deep = { list = [1, 2.5] } }

[limits]
max_open_deals = 2
max_loss_run = "12.5"

[metrics]
port = 0
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "arbkit.toml"
    file.write_text(text)
    file.chmod(0o644)
    return file


def mistakes(path: Path | None, env: dict[str, str] | None = None, **rest: Any) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        config.load(path, env=env or {}, **rest)
    assert CANARY not in str(caught.value)
    assert str(caught.value).startswith(f"{len(caught.value.mistakes)} mistake")
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_good_file_becomes_exact_numbers(tmp_path: Path) -> None:
    """Fees, balances and limits are Decimals of what was written; free parameters are floats."""
    read = config.load(write(tmp_path, GOOD), env={})
    assert read.venues["binance"].taker_fee == Decimal("0.00075")
    assert read.venues["binance"].balances == {"USDT": Decimal(1000), "BTC": Decimal("0.05")}
    assert read.venues["okx"].settings.endpoints == {"rest": "https://eea.example.org"}
    assert read.limits.max_open_deals == 2
    assert read.limits.max_loss_run == Decimal("12.5")
    assert read.strategy.params == {"min_edge": 0.001, "deep": {"list": [1, 2.5]}}
    assert isinstance(read.strategy.params["min_edge"], float)
    assert read.metrics.port == 0


def test_nothing_said_is_paper_with_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, no variable: the defaults, which send nothing."""
    monkeypatch.chdir(tmp_path)
    assert config.load(env={}) == Config()
    assert Config().mode == "paper"


def test_flags_win_over_environment_over_file_over_default(tmp_path: Path) -> None:
    """One key given everywhere is the flag's; without it the variable's; then the file's."""
    file = write(tmp_path, "[metrics]\nport = 1\n")
    env = {"ARBKIT_METRICS__PORT": "2"}
    assert config.load(file, env={}).metrics.port == 1
    assert config.load(file, env=env).metrics.port == 2
    assert config.load(file, env=env, flags={"metrics.port": 3}).metrics.port == 3


def test_variables_reach_into_tables_lists_and_numbers(tmp_path: Path) -> None:
    """``ARBKIT_A__B`` is ``a.b``; text is read by the field's type, lists and tables as TOML."""
    env = {
        "ARBKIT_VENUES__BINANCE__TAKER_FEE": "0.0002",
        "ARBKIT_VENUES__BINANCE__BALANCES__USDT": "7.5",
        "ARBKIT_VENUES__BINANCE__KEY": "env:BINANCE_KEY",
        "ARBKIT_DISTRIBUTIONS": '["arbkit-okx", "x"]',
        "ARBKIT_STRATEGY__PARAMS__MIN_EDGE": "0.002",
        "ARBKIT_STRATEGY__PARAMS__SYMBOL": "BTC-USDT",
        "OTHER": "ignored",
        "ARBKIT_CONFIG": "ignored",
        "ARBKIT_RECORDINGS": "ignored",
    }
    read = config.load(write(tmp_path, GOOD), env=env)
    assert read.venues["binance"].taker_fee == Decimal("0.0002")
    assert read.venues["binance"].balances["USDT"] == Decimal("7.5")
    assert read.distributions == ("arbkit-okx", "x")
    assert read.strategy.params["min_edge"] == 0.002
    assert read.strategy.params["symbol"] == "BTC-USDT"


def test_every_mistake_at_once_with_line_and_nearest_name(tmp_path: Path) -> None:
    """Unknown keys, unknown venues, wrong types and wrong values come together, each with its line."""
    file = write(
        tmp_path,
        'mode = "lvie"\ntyop = 3\n\n[venues.binnance]\ntakr_fee = 0.001\ntaker_fee = "abc"\n'
        'balances = { BTC = -1 }\nendpoints.rest = "http://example.org"\n[limits]\nmax_open_deals = "x"\n'
        "max_loss_day = -5\n[strategy]\ntarget = 5\n[metrics]\nport = 70000\n[venues.okx]\nmaker_fee = 10\n",
    )
    found = mistakes(file, {"ARBKIT_LIMITS__MAX_OPEN_DEAL": "3"}, also=lambda config, reader: ["binance", "okx"])
    wanted = [
        (f"{file}:1: mode", "must be one of: paper, live"),
        (f"{file}:2: tyop", "is not a configuration key"),
        (f"{file}:4: venues.binnance", "no plugin registers this venue, did you mean 'binance'?"),
        (f"{file}:5: venues.binnance.takr_fee", "did you mean 'taker_fee'?"),
        (f"{file}:6: venues.binnance.taker_fee", "expected a number"),
        (f"{file}:7: venues.binnance.balances.BTC", "must not be negative"),
        (f"{file}:8: venues.binnance.endpoints.rest", "is not encrypted"),
        (f"{file}:10: limits.max_open_deals", "expected a whole number, got text"),
        (f"{file}:11: limits.max_loss_day", "must not be negative"),
        (f"{file}:13: strategy.target", "expected text, got a whole number"),
        (f"{file}:15: metrics.port", "must be 0 to 65535"),
        (f"{file}:17: venues.okx.maker_fee", "must be a fraction"),
        ("ARBKIT_LIMITS__MAX_OPEN_DEAL: limits.max_open_deal", "did you mean 'max_open_deals'?"),
    ]
    assert len(found) == len(wanted), "\n".join(found)
    for line, (start, end) in zip(found, wanted, strict=True):
        assert line.startswith(start)
        assert end in line


def test_names_that_are_read_as_upper_case_keep_their_line(tmp_path: Path) -> None:
    file = write(tmp_path, '[venues.okx]\n[same]\nbtc = ["okx"]\nETH = ["okx", "mexc"]\n')
    assert [one.rpartition(": ")[0] for one in mistakes(file)] == [f"{file}:3: same.BTC", f"{file}:4: same.ETH"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mode = paper", ':1: not TOML: Invalid value (column 8); text is written in quotes, as mode = "paper"'),
        (
            'a = 1\nmode = "paper"\nmode = "live"\n',
            ":3: not TOML: Cannot overwrite a value (column 14): a key is there twice",
        ),
        ("[log]\n[log]", ":2: not TOML: Cannot declare ('log',) twice (column 5): a table is there twice"),
        ("x = " + "[" * 100_000, ": not TOML that can be read: brackets too deep, or a number too long"),
        ("x = " + "9" * 6000, ": not TOML that can be read: brackets too deep, or a number too long"),
    ],
)
def test_what_is_no_toml_tells_the_line_first_and_the_usual_mistake(tmp_path: Path, text: str, told: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        config.load(file, env={})
    assert str(raised.value) == f"{file}{told}"


def test_a_variable_that_no_parser_can_read(tmp_path: Path) -> None:
    """Brackets too deep are told; a number too long is a text."""
    (told,) = mistakes(write(tmp_path, ""), {"ARBKIT_DISTRIBUTIONS": "[" * 100_000})
    assert "is neither plain text nor a TOML list" in told
    digits = "9" * 6000
    read = config.load(write(tmp_path, ""), env={"ARBKIT_STRATEGY__PARAMS__X": digits})
    assert read.strategy.params["x"] == digits


def test_a_configuration_that_is_no_file_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without the limits of its configuration would begin."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "arbkit.toml"
    file.mkdir()
    with pytest.raises(ConfigError, match=r"arbkit\.toml: is not a regular file"):
        config.load(None, env={})
    file.rmdir()
    os.mkfifo(file)
    with pytest.raises(ConfigError, match=r"arbkit\.toml: is not a regular file"):
        config.load(None, env={})
    file.unlink()
    file.symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"arbkit\.toml: there is no such file"):
        config.load(None, env={})


@pytest.mark.parametrize("kind", ["file", "exec", "vault", "keyring"])
def test_a_reference_with_a_nul_is_none(tmp_path: Path, kind: str) -> None:
    text = f'[venues.binance]\nkey = "{kind}:a/b\\u0000#c"\n'
    assert "venues.binance.key: is no reference" in mistakes(write(tmp_path, text))[0]


@pytest.mark.parametrize("field", ["key", "secret", "passphrase"])
@pytest.mark.parametrize("source", ["file", "variable", "flag"])
def test_a_literal_secret_is_refused_and_never_printed(tmp_path: Path, field: str, source: str) -> None:
    """Only references may stand in a configuration; the refusal names the key, not the value."""
    text = f'[venues.binance]\n{field} = "{CANARY}"\n' if source == "file" else ""
    env = {f"ARBKIT_VENUES__BINANCE__{field.upper()}": CANARY} if source == "variable" else {}
    flags = {f"venues.binance.{field}": CANARY} if source == "flag" else {}
    found = mistakes(write(tmp_path, text), env, flags=flags)
    assert len(found) == 1
    assert f"venues.binance.{field}: contains the secret itself" in found[0]


@pytest.mark.parametrize(
    "text",
    [
        f'[venues.binance]\nsecrt = "{CANARY}"\n',
        f'[venues.binance]\nenvironment = "{CANARY}"\n',
        f'[venues.binance]\ntaker_fee = "{CANARY}"\n',
        f'[venues.binance]\nendpoints.rest = "https://user:{CANARY}@example.org"\n',
        f'[venues.binance]\nkey = ["{CANARY}"]\n',
        f'mode = "{CANARY}"\n',
    ],
)
def test_no_mistake_ever_quotes_a_value(tmp_path: Path, text: str) -> None:
    """A secret in the wrong field is not printed either."""
    assert mistakes(write(tmp_path, text))


def test_a_secret_in_an_unknown_variable_is_not_printed(tmp_path: Path) -> None:
    """``ARBKIT_BINANCE_SECRET`` is no key: the message names the variable alone."""
    found = mistakes(write(tmp_path, ""), {"ARBKIT_BINANCE_SECRET": CANARY})
    assert found[0].startswith("ARBKIT_BINANCE_SECRET: binance_secret: is not a configuration key")


def test_torn_toml_tells_the_line(tmp_path: Path) -> None:
    """A file that is no TOML: one text with file and line."""
    file = write(tmp_path, 'mode = "paper"\n[venues\n')
    with pytest.raises(ConfigError, match=r"arbkit\.toml:2: not TOML: "):
        config.load(file, env={})


def test_a_named_file_that_is_missing(tmp_path: Path) -> None:
    """A file that was asked for must be there; the default one need not."""
    with pytest.raises(ConfigError, match="there is no such file"):
        config.load(tmp_path / "nope.toml", env={})


LIVE = """
mode = "live"
distributions = ["arbkit-binance"]
[venues.binance]
key = "env:B_KEY"
secret = "file:{secret}"
"""


def secret_file(folder: Path, mode: int = 0o600, text: str = CANARY + "\n") -> Path:
    file = folder / "binance.secret"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_live_reads_keys_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Good references pass the check, and the credentials print as stars."""
    monkeypatch.setenv("B_KEY", "the-key")
    read = config.load(write(tmp_path, LIVE.format(secret=secret_file(tmp_path))), env={}, live=True)
    keys = config.credentials("binance", read.venues["binance"])
    assert (keys.key.reveal(), keys.secret.reveal(), keys.passphrase.reveal()) == ("the-key", CANARY, "")
    assert CANARY not in f"{keys} {keys!r} {keys.secret}"
    assert isinstance(keys.secret, Secret)


def test_live_without_keys_is_a_credentials_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing keys alone are exit 3: both are named at once."""
    monkeypatch.delenv("B_KEY", raising=False)
    text = LIVE.format(secret=tmp_path / "nope")
    with pytest.raises(BadCredentials) as caught:
        config.load(write(tmp_path, text), env={}, live=True)
    assert "venues.binance.key: the variable B_KEY is not set" in str(caught.value)
    assert "there is no such file" in str(caught.value)
    with pytest.raises(BadCredentials, match=r"venues\.binance\.secret: is missing"):
        config.load(write(tmp_path, 'mode = "live"\ndistributions = ["x"]\n[venues.binance]\n'), env={}, live=True)


def test_a_vault_that_does_not_open_is_one_mistake(tmp_path: Path) -> None:
    """Of all keys that are in it, and they are named."""
    vault = f"vault:{tmp_path}/vault"
    text = (
        LIVE.replace("env:B_KEY", f"{vault}#key").format(secret=tmp_path).replace(f"file:{tmp_path}", f"{vault}#secret")
    )
    with pytest.raises(BadCredentials) as caught:
        config.load(write(tmp_path, text), env={}, live=True)
    head, told = str(caught.value).splitlines()
    assert head == "1 mistake in the configuration:"
    assert f"venues.binance.key: there is no vault {tmp_path}/vault" in told
    assert told.endswith(" (also venues.binance.secret)")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604])
def test_a_key_file_that_others_can_read_says_the_chmod(tmp_path: Path, mode: int) -> None:
    """0600 and nothing wider; the text is the command to run."""
    file = secret_file(tmp_path, mode)
    with pytest.raises(CredentialsError, match=f"chmod 600 {file}") as caught:
        config.credentials("v", config.VenueConfig(key="", secret=f"file:{file}"))
    assert CANARY not in str(caught.value)


def test_a_key_file_may_be_no_link_no_folder_and_not_empty(tmp_path: Path) -> None:
    """A link can be swapped by whoever owns its folder."""
    file = secret_file(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(file)
    empty = tmp_path / "empty"
    empty.touch(0o600)
    for path, words in ((link, "symbolic link"), (tmp_path, "regular file"), (empty, "is empty")):
        with pytest.raises(CredentialsError, match=words):
            config.credentials("v", config.VenueConfig(secret=f"file:{path}"))


def test_live_needs_the_mode_the_distributions_and_the_venues(tmp_path: Path) -> None:
    """``--live`` alone sends nothing: the file must say it too."""
    found = mistakes(write(tmp_path, ""), live=True)
    assert any('--live needs mode = "live"' in line for line in found)
    assert any("distributions: is empty" in line for line in found)
    assert any("venues: is empty" in line for line in found)


def test_live_orders_go_to_no_other_host_untrusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host overridden in live mode needs ``i_trust_host`` with its name, in every environment: the key of a demo
    account goes there too. Paper does not, nor does this machine."""
    monkeypatch.setenv("B_KEY", "k")
    base = LIVE.format(secret=secret_file(tmp_path)) + 'endpoints.rest = "https://api.example.org"\n'
    found = mistakes(write(tmp_path, base), live=True)
    assert len(found) == 1
    assert 'i_trust_host = ["api.example.org"] in [venues.binance]' in found[0]
    trusted = base + 'i_trust_host = ["api.example.org"]\n'
    assert config.load(write(tmp_path, trusted), env={}, live=True).mode == "live"
    assert config.load(write(tmp_path, base), env={}).mode == "live"
    for environment in ("sim", "demo", "testnet"):
        (found,) = mistakes(write(tmp_path, base + f'environment = "{environment}"\n'), live=True)
        assert "api.example.org" in found
    here = base.replace("https://api.example.org", "http://127.0.0.1:8080")
    assert config.load(write(tmp_path, here), env={}, live=True)


@pytest.mark.parametrize("rest", ["https://a.example/x?token=1", "https://a.example/#x", "https://169.254.169.254"])
def test_an_endpoint_is_a_base_url_of_a_venue(tmp_path: Path, rest: str) -> None:
    """No query (it would be logged), and not the metadata of a cloud machine, also not if it is trusted."""
    trust = 'i_trust_host = ["a.example", "169.254.169.254"]\n'
    assert len(mistakes(write(tmp_path, f'[venues.x]\n{trust}endpoints.rest = "{rest}"\n'))) == 1


def test_a_key_in_an_endpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a part of the path."""
    monkeypatch.setenv("B_KEY", "k")
    base = LIVE.format(secret=secret_file(tmp_path)) + 'i_trust_host = ["a.example"]\n'
    (found,) = mistakes(write(tmp_path, base + f'endpoints.rest = "https://a.example/{CANARY}/"\n'), live=True)
    assert "a key: remove it" in found


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_live_file_that_others_can_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """With the command that mends it; paper reads it. Another user's file is refused too."""
    monkeypatch.setenv("B_KEY", "k")
    file = write(tmp_path, LIVE.format(secret=secret_file(tmp_path)))
    file.chmod(mode)
    assert config.load(file, env={}).mode == "live"
    with pytest.raises(ConfigError, match=f"chmod go-w {file}"):
        config.load(file, env={}, live=True)
    file.chmod(0o644)
    assert config.load(file, env={}, live=True)
    tmp_path.chmod(0o777)  # who can write the folder can exchange the file
    with pytest.raises(ConfigError, match=f"others can write the folder {tmp_path}: chmod go-w"):
        config.load(file, env={}, live=True)
    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, "fstat", lambda fd: os.stat_result((0o100644, 1, 1, 1, 12345, 0, 0, 0, 0, 0)))
    with pytest.raises(ConfigError, match="belongs to another user"):
        config.load(file, env={}, live=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "ws://localhost:1/x", "http://[::1]:9", "wss://a.example"])
def test_plain_text_only_to_this_machine(tmp_path: Path, url: str) -> None:
    """Loopback may be plain; elsewhere the wire is encrypted."""
    config.load(write(tmp_path, f'[venues.x]\nendpoints.rest = "{url}"\n'), env={})


@pytest.mark.parametrize("url", ["http://127.evil.example", "ws://localhost.example.org", "ftp://x", "", "https://"])
def test_a_host_that_only_looks_local_is_not(tmp_path: Path, url: str) -> None:
    """``127.evil.example`` is somebody's name."""
    assert len(mistakes(write(tmp_path, f'[venues.x]\nendpoints.rest = "{url}"\n'))) == 1


def keys_of(struct: type[Any]) -> list[str]:
    return list(struct.__struct_fields__)


def test_the_page_tells_every_key() -> None:
    """docs/configuration.md names each key that there is; its example is read by the real loader."""
    page = (Path(__file__).parent.parent / "docs/configuration.md").read_text()
    sections = (
        Config,
        config.VenueConfig,
        config.StrategyConfig,
        config.LimitsConfig,
        config.GateConfig,
        config.MetricsConfig,
        config.StateConfig,
    )
    for section in sections:
        for key in keys_of(section):
            assert f"`{key}`" in page or f"`[{key}]`" in page or f"`[{key}.NAME]`" in page, key
    assert "# arbkit.toml\n" in page
