"""Assets that mean the same on every venue, with the evidence. Plain data; ``market.identity`` reads it.

An asset is in ``MAJORS`` if its issuer or project names the ticker and no large venue lists another project under it.
Tickers that are used twice (TON, LUNA, STRK, GAS, HOT, BTT) are not here. A token has contract addresses that its
issuer publishes; where a venue tells any, one of them must be among these. A coin with a chain of its own has none and
is not checked: venues also list it as a token of other chains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

__all__ = ["MAJORS", "WRAPPED", "Major"]


class Major(Struct, frozen=True, gc=False):
    """One asset. ``evidence``: the page of the issuer or project."""

    name: str
    evidence: str
    contracts: tuple[str, ...] = ()


_FIAT: Final[Mapping[str, str]] = {
    "USD": "US dollar",
    "EUR": "euro",
    "GBP": "pound sterling",
    "JPY": "yen",
    "KRW": "won",
    "TRY": "Turkish lira",
    "BRL": "real",
    "AUD": "Australian dollar",
    "CAD": "Canadian dollar",
    "CHF": "Swiss franc",
    "SGD": "Singapore dollar",
}

MAJORS: Final[Mapping[str, Major]] = {
    "BTC": Major("Bitcoin", "bitcoin.org"),
    "ETH": Major("Ether", "ethereum.org"),
    "SOL": Major("Solana", "solana.com"),
    "XRP": Major("XRP", "xrpl.org"),
    "BNB": Major("BNB", "bnbchain.org"),
    "ADA": Major("Cardano", "cardano.org"),
    "DOGE": Major("Dogecoin", "dogecoin.com"),
    "TRX": Major("TRON", "tron.network"),
    "AVAX": Major("Avalanche", "avax.network"),
    "DOT": Major("Polkadot", "polkadot.com"),
    "LTC": Major("Litecoin", "litecoin.org"),
    "BCH": Major("Bitcoin Cash", "bitcoincash.org"),
    "ETC": Major("Ethereum Classic", "ethereumclassic.org"),
    "XLM": Major("Stellar Lumens", "stellar.org"),
    "ATOM": Major("Cosmos Hub", "cosmos.network"),
    "NEAR": Major("NEAR", "near.org"),
    "ALGO": Major("Algorand", "algorand.co"),
    "FIL": Major("Filecoin", "filecoin.io"),
    "HBAR": Major("Hedera", "hedera.com"),
    "APT": Major("Aptos", "aptosfoundation.org"),
    "SUI": Major("Sui", "sui.io"),
    "USDT": Major(
        "Tether USD",
        "tether.to/supported-protocols",
        ("0xdac17f958d2ee523a2206206994597c13d831ec7", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
    ),
    "USDC": Major(
        "USD Coin",
        "developers.circle.com/stablecoins/usdc-contract-addresses",
        ("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
    ),
    "LINK": Major(
        "Chainlink", "docs.chain.link/resources/link-token-contracts", ("0x514910771af9ca656af840dff83e8264ecf986ca",)
    ),
    "UNI": Major(
        "Uniswap", "docs.uniswap.org/concepts/governance/overview", ("0x1f9840a85d5af5bf1d1762f925bdaddc4201f984",)
    ),
    "AAVE": Major("Aave", "aave.com/docs", ("0x7fc66500c84a76ad7e9c93437bfc5ac33e2ddae9",)),
    "SHIB": Major("Shiba Inu", "shibatoken.com", ("0x95ad61b0a150d79219dcf64e1e6cc01f0b64c4ce",)),
    "PEPE": Major("Pepe", "pepe.vip", ("0x6982508145454ce325ddbe47a25d4ec3d2311933",)),
    "ARB": Major(
        "Arbitrum", "docs.arbitrum.foundation/deployment-addresses", ("0x912ce59144191c1204e64559fe8253a0e49e6548",)
    ),
    **{code: Major(name, "ISO 4217") for code, name in _FIAT.items()},
}
"""By ticker."""

WRAPPED: Final[Mapping[str, str]] = {
    "WBTC": "BTC",
    "CBBTC": "BTC",
    "BTCB": "BTC",
    "TBTC": "BTC",
    "WETH": "ETH",
    "STETH": "ETH",
    "WSTETH": "ETH",
    "CBETH": "ETH",
    "WBETH": "ETH",
    "BETH": "ETH",
    "RETH": "ETH",
    "WBNB": "BNB",
    "BNSOL": "SOL",
    "JITOSOL": "SOL",
    "MSOL": "SOL",
    "WAVAX": "AVAX",
}
"""Claims on another asset: they have an issuer, a way back and a price of their own."""
