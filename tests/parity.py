"""Writes docs/PARITY.md from the acceptance tests: ``python -m tests.parity``, or with ``--check`` to compare only.

Nothing is run: pytest collects the tests, and their `parity` markers and the table of refusals become the page. So
what the page claims is tested, and what is no longer tested is no longer claimed.
"""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "PARITY.md"
TESTS = ROOT / "tests" / "acceptance"

HEAD = """# Parity with Snowflake

Written by `make parity` from the acceptance tests; do not edit it. Each claim is a test that passes through the genuine
clients: the Python connector, Snowpark and snowflake-ml. [Differences](DIFFERENCES.md) says what behaves otherwise.

## What works

| statement or feature | what is tested | test | Snowflake's page |
|---|---|---|---|
"""

REFUSED = """
## What is refused

Everything that is not supported is refused by name. These are tested, each with the statement shown.

| feature | statement | error |
|---|---|---|
"""


@dataclass(frozen=True, order=True)
class Claim:
    """What a test claims of a statement or feature."""

    key: str
    subject: str
    claim: str
    page: str
    test: str


@dataclass
class Collector:
    """A pytest plugin that takes down what the collected tests claim."""

    claims: dict[Claim, None] = field(default_factory=dict)
    refusals: list[Any] = field(default_factory=list)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            for marker in item.iter_markers("parity"):
                subject, claim, page = marker.args
                file = f"acceptance/{item.path.name}"
                self.claims[Claim(subject.upper(), subject, claim, page, file)] = None
            if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
                refusal = item.callspec.params.get("refusal")
                if refusal is not None:
                    self.refusals.append(refusal)
                case = item.callspec.params.get("case")
                if case is not None:
                    key = case.subject.upper()
                    self.claims[Claim(key, case.subject, case.title, case.source, f"cases/{case.file}")] = None


def collected() -> Collector:
    """The claims and refusals of all acceptance tests.

    Raises:
        RuntimeError: the tests cannot be collected.
    """
    found = Collector()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", str(TESTS)], plugins=[found])
    if status != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest cannot collect the acceptance tests:\n{said.getvalue()}")
    return found


def cell(text: str) -> str:
    """A table's cell."""
    return text.replace("|", "\\|")


def code(text: str) -> str:
    """A table's cell that shows a statement on one line."""
    return f"`{cell(' '.join(text.split()))}`"


def page(found: Collector) -> str:
    """The text of docs/PARITY.md."""
    lines = []
    by_key = sorted(found.claims, key=lambda claim: claim.key)  # within a subject the order of the tests stays
    for _, group in groupby(by_key, key=lambda claim: claim.key):
        for number, claim in enumerate(group):
            subject = cell(claim.subject) if number == 0 else ""
            link = claim.page.split("#")[0].rstrip("/").rsplit("/", 1)[-1]
            test = f"[{claim.test.rsplit('/', 1)[-1]}](../tests/{claim.test})"
            lines.append(f"| {subject} | {cell(claim.claim)} | {test} | [{link}]({claim.page}) |")
    refused = [
        f"| {cell(refusal.feature)} | {code(refusal.statement)} | {refusal.errno:06d} |"
        for refusal in sorted(found.refusals, key=lambda refusal: refusal.feature.upper())
    ]
    return HEAD + "\n".join(lines) + "\n" + REFUSED + "\n".join(refused) + "\n"


def main() -> int:
    """Write the page, or compare it; the exit status."""
    text = page(collected())
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is not what the acceptance tests claim: run make parity", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
