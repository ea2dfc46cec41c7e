"""The OpenAPI document, made from the types of the rows. ``/api/v1/openapi.json`` and ``arbkit api schema`` show it."""

from __future__ import annotations

from typing import Any

import msgspec

from arbkit.monitor.api import actions
from arbkit.monitor.api.past import MOST, PAGES, page_of
from arbkit.monitor.api.shapes import (
    TOPICS,
    Acted,
    Changes,
    Failure,
    Login,
    Session,
    Snapshot,
    Subscribe,
    Unsubscribe,
)
from arbkit.monitor.api.sockets import MOST_SPREADS, MOST_SYMBOLS, SYMBOL

__all__ = ["document"]

_JSON = "application/json"
_SYMBOL = {"type": "string", "pattern": SYMBOL}
_REFUSED = {
    "400": "The request is not as described.",
    "401": "No token, or a wrong one.",
    "403": "The token may not do it, or the request comes from another site.",
    "408": "The body did not come.",
    "413": "The body is too long.",
    "415": "The body is not JSON.",
    "421": "The Host is not one of this server.",
    "429": "Too many failures.",
    "503": "Too many requests at a time.",
}
_MICROSECONDS = {"type": "integer", "minimum": 0, "maximum": (1 << 62) // 1000}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "since": {"schema": _MICROSECONDS, "description": "Microseconds since 1970: not before it."},
    "until": {"schema": _MICROSECONDS, "description": "Microseconds since 1970: before it."},
    "symbol": {"schema": {"type": "string", "maxLength": 64}, "description": "As BTC-USDT; of balances: an asset."},
    "venue": {"schema": {"type": "string", "maxLength": 64}},
    "limit": {"schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": 100}},
    "symbols": {
        "schema": {"type": "array", "items": _SYMBOL, "minItems": 1},
        "style": "form",
        "explode": False,
        "description": "Only these, separated by commas.",
    },
    "depth": {"schema": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10}},
}
_MOST = {"spreads": MOST_SPREADS}
_OF_TOPIC = {"books": ("symbols",), "ladders": ("symbols", "depth"), "spreads": ("symbols",)}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {_JSON: {"schema": schema}}}


def _answers(schema: dict[str, Any] | None, *more: str, status: str = "200") -> dict[str, Any]:
    """The answers of an operation."""
    good: dict[str, Any] = {"description": "Done."} if schema is None else {"description": "OK", **_body(schema)}
    found = {status: good}
    for code, text in _REFUSED.items():
        found[code] = {"description": text, **_body(_ref("Failure"))}
    for code in more:
        found[code] = {"description": "What is named is not there, or not so.", **_body(_ref("Failure"))}
    return found


def _given(names: tuple[str, ...], required: tuple[str, ...] = (), most: int = MOST_SYMBOLS) -> list[dict[str, Any]]:
    """``most``: so many symbols."""
    found = [{"name": name, "in": "query", "required": name in required, **_PARAMETERS[name]} for name in names]
    for one in found:
        if one["name"] == "symbols":
            one["schema"] = {**one["schema"], "maxItems": most}
    return found


def _post(schema: str, summary: str, answers: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    header = {"name": "X-Arbkit", "in": "header", "required": True, "schema": {"const": "1"}}
    return {
        "post": {
            "summary": summary,
            "parameters": [header],
            "requestBody": {"required": required, **_body(_ref(schema))},
            "responses": answers,
        }
    }


def document(version: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    pages = {name: page_of(name) for name in PAGES}
    rows = [row for row, _ in TOPICS.values()]
    bodies = [kind.body for kind in actions.ACTIONS.values()]
    messages = [Subscribe, Unsubscribe, Snapshot, Changes, Failure]
    kinds = [*rows, *pages.values(), *bodies, *messages, Acted, Login, Session]
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    paths: dict[str, Any] = {}
    for topic, (row, key) in TOPICS.items():
        snapshot = {
            "type": "object",
            "required": ["kind", "topic", "at_us", "rows"],
            "properties": {
                "kind": {"const": "snapshot"},
                "topic": {"const": topic},
                "at_us": {"type": "integer"},
                "rows": {"type": "array", "items": _ref(row.__name__)},
            },
        }
        said = f"The rows of {topic} now" + (f", one for each {', '.join(key)}" if key else "")
        required = ("symbols",) if topic == "ladders" else ()
        paths[f"/api/v1/{topic}"] = {
            "get": {
                "summary": f"{said}.",
                "parameters": _given(_OF_TOPIC.get(topic, ()), required, _MOST.get(topic, MOST_SYMBOLS)),
                "responses": _answers(snapshot),
            }
        }
    for name, page in pages.items():
        paths[f"/api/v1/history/{name}"] = {
            "get": {
                "summary": f"The history: {name}, the newest first.",
                "parameters": _given(tuple(PAGES[name].takes)),
                "responses": _answers(_ref(page.__name__), "404"),
            }
        }
    for name, kind in actions.ACTIONS.items():
        text = (kind.body.__doc__ or "").split(".")[0]
        done = _answers(_ref("Acted"), "404", "409")
        paths[f"/api/v1/actions/{name}"] = _post(kind.body.__name__, f"{name}: {text}.", done)
    paths["/api/v1/login"] = _post(
        "Login", "Exchange the token of a link for a session cookie.", _answers(_ref("Session"))
    )
    paths["/api/v1/login"]["post"]["security"] = []
    paths["/api/v1/session"] = {"get": {"summary": "What the token may do.", "responses": _answers(_ref("Session"))}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "arbkit",
            "version": version,
            "description": "A running desk. The WebSocket `/api/v1/ws` takes Subscribe and Unsubscribe, and sends"
            " Snapshot, Changes and Failure.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "arbkit_PORT"},
            },
        },
        "security": [{"token": []}, {"session": []}],
    }
