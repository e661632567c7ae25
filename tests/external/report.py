"""What the JUnit reports of a foreign test suite say."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def show(file: str, report: Path) -> None:
    """Print how many tests of a file passed."""
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    print(f"{file:55} passed {total - skipped - failed:4}  failed {failed:4}  skipped {skipped:4}", flush=True)


def reasons(reports: list[Path]) -> None:
    """Print why tests failed, the most frequent reasons first."""
    found: Counter[str] = Counter()
    tests: dict[str, list[str]] = {}
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):
            for outcome in (*case.findall("failure"), *case.findall("error")):
                text = outcome.get("message") or ""
                reason = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|'[^']*'|\d+", "?", text.split("\n", 3)[0][:160])
                if "SQL compilation error" in text or "(1304)" in text:
                    reason = re.sub(r"\s+", " ", text)[:230]
                    reason = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[A-Z_]*_?[A-Z0-9]{10,}\b", "?", reason)
                found[reason] += 1
                tests.setdefault(reason, []).append(case.get("name", ""))
    for reason, count in found.most_common(300):
        print(f"{count:4}  {reason}   [{', '.join(tests[reason][:3])}]")
