"""What the endpoints share: the host, the statements in flight, the waiting chunks, and how JSON answers are made."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from snowmelt.server.answer import Encoder
from snowmelt.server.chunks import ChunkStore
from snowmelt.server.host import Host
from snowmelt.server.queries import Queries

T = TypeVar("T")

PATIENCE = 45.0
"""Seconds a request waits for its statement; clients give up on a silent socket after 60."""


@dataclass
class Service:
    """One server's state. Made on the event loop's thread."""

    host: Host
    patience: float = PATIENCE
    queries: Queries = field(default_factory=Queries)
    chunks: ChunkStore = field(default_factory=lambda: ChunkStore(time.monotonic))

    def encoder(self, request: Request) -> Encoder:
        """An encoder whose links lead back the way this client came."""
        return Encoder(self.chunks, f"{request.scope['scheme']}://{request.headers['host']}")

    async def in_thread(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run short blocking work outside the event loop."""
        return await self.queries.control(functools.partial(work, *args, **kwargs))


def reply(content: dict[str, Any] | bytes, status: int = 200) -> Response:
    """A JSON response; bytes are JSON text already."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(body, status, media_type="application/json")
