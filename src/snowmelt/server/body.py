"""Reading request bodies: JSON objects, perhaps gzipped, never larger than a limit."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
from starlette.requests import Request

MAX_BODY = 512 << 20
"""Largest body in bytes, compressed or not."""

_IN_THREAD = 1 << 20
_GZIP = 31
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass
class BodyError(Exception):
    """A request that is refused before its meaning is looked at; `status` is the HTTP status."""

    status: int
    message: str


async def read_object(request: Request, limit: int = MAX_BODY) -> dict[str, Any]:
    """The JSON object in the body of `request`; an absent body is an empty object.

    Raises:
        BodyError: the body is too large (413), badly compressed or not a JSON object (400), or no Unicode (200).
    """
    raw = await _read(request, limit)
    encoding = request.headers.get("content-encoding", "identity").lower()
    if len(raw) > _IN_THREAD:
        return await anyio.to_thread.run_sync(_parse, raw, encoding, limit)
    return _parse(raw, encoding, limit)


async def _read(request: Request, limit: int) -> bytes:
    """All of the body. What is too much is read to its end and dropped: an answer sent while the client is still
    writing would reach it as a broken connection, which it retries for ever."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= limit:
            parts.append(part)
        elif parts:
            parts.clear()
    if size > limit:
        raise BodyError(413, f"The request is larger than {limit} bytes.")
    return b"".join(parts)


def _parse(raw: bytes, encoding: str, limit: int) -> dict[str, Any]:
    if encoding == "gzip" and raw:
        raw = _inflate(raw, limit)
    elif encoding not in ("gzip", "identity"):
        raise BodyError(400, f"Content-Encoding {encoding} is not supported.")
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BodyError(400, "The request is not valid JSON.") from error
    if not isinstance(body, dict):
        raise BodyError(400, "The request is not a JSON object.")
    if _HALF_CHARACTER.search(raw):
        _check_characters(body)
    return body


def _check_characters(body: dict[str, Any]) -> None:
    """JSON can write the halves of characters beyond the basic plane; alone they are no text."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        # A genuine client sends this when its user's text holds it, and would repeat a request answered 400 for ever.
        raise BodyError(200, "The request is not valid Unicode.") from error


def _inflate(raw: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        plain = inflater.decompress(raw, limit + 1)
    except zlib.error as error:
        raise BodyError(400, "The request is not valid gzip.") from error
    if len(plain) > limit:
        raise BodyError(413, f"The request is larger than {limit} bytes.")
    if not inflater.eof:
        raise BodyError(400, "The request is not valid gzip.")
    return plain
