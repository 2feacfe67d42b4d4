"""Bytes on the wire: HTTP, JSON-RPC over WebSocket, TLS and pins, limits, and the guarded call.

Importing this package is cheap: aiohttp is loaded by the first request, pybreaker by the first `Guard`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import exports

if TYPE_CHECKING:
    from holdfast.transport.credentials import CredentialLatch
    from holdfast.transport.givenup import GivenUp
    from holdfast.transport.guarded import Guard, GuardedCircuitOpenError, classify
    from holdfast.transport.http import HttpTransport, SendEvent
    from holdfast.transport.jsonrpc import RPC_LIMITS, JsonRpcSocket
    from holdfast.transport.jsontext import parse_json
    from holdfast.transport.lastlook import asked_before_sending
    from holdfast.transport.limits import Limits
    from holdfast.transport.messages import Headers, Part, Reply, Request
    from holdfast.transport.pool import ConnectionPool
    from holdfast.transport.rpcfailures import JsonRpcError
    from holdfast.transport.tls import TlsSettings, fingerprint, normalise_pin, ssl_context
    from holdfast.transport.trust import ServerCertificate, fetch_certificate
    from holdfast.transport.urls import Origin, Query, QueryValue, path, same_origin_path
    from holdfast.transport.values import JsonArray, JsonInput, JsonObject, JsonValue

__all__ = [
    "RPC_LIMITS",
    "ConnectionPool",
    "CredentialLatch",
    "GivenUp",
    "Guard",
    "GuardedCircuitOpenError",
    "Headers",
    "HttpTransport",
    "JsonArray",
    "JsonInput",
    "JsonObject",
    "JsonRpcError",
    "JsonRpcSocket",
    "JsonValue",
    "Limits",
    "Origin",
    "Part",
    "Query",
    "QueryValue",
    "Reply",
    "Request",
    "SendEvent",
    "ServerCertificate",
    "TlsSettings",
    "asked_before_sending",
    "classify",
    "fetch_certificate",
    "fingerprint",
    "normalise_pin",
    "parse_json",
    "path",
    "same_origin_path",
    "ssl_context",
]

__getattr__ = exports(
    __name__,
    {
        "CredentialLatch": "credentials",
        "GivenUp": "givenup",
        "Guard": "guarded",
        "GuardedCircuitOpenError": "guarded",
        "classify": "guarded",
        "HttpTransport": "http",
        "SendEvent": "http",
        "RPC_LIMITS": "jsonrpc",
        "JsonRpcError": "rpcfailures",
        "JsonRpcSocket": "jsonrpc",
        "parse_json": "jsontext",
        "asked_before_sending": "lastlook",
        "Limits": "limits",
        "Headers": "messages",
        "Part": "messages",
        "Reply": "messages",
        "Request": "messages",
        "ConnectionPool": "pool",
        "TlsSettings": "tls",
        "fingerprint": "tls",
        "normalise_pin": "tls",
        "ssl_context": "tls",
        "ServerCertificate": "trust",
        "fetch_certificate": "trust",
        "Origin": "urls",
        "Query": "urls",
        "QueryValue": "urls",
        "path": "urls",
        "same_origin_path": "urls",
        "JsonArray": "values",
        "JsonInput": "values",
        "JsonObject": "values",
        "JsonValue": "values",
    },
)
