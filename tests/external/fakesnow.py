"""fakesnow's own tests against Snowmelt: ``python -m tests.external.fakesnow CHECKOUT [FILE ...]``.

CHECKOUT is a checkout of tekumara/fakesnow, whose tests are not changed; its fixtures, which patch the connector, give
way to those of `fakesnow_fixtures`. Prints passed and failed by file, and the most frequent reasons of failures. Tests
of fakesnow's own parts (its transformations, its command, its Arrow writer) are not among the files. The suite needs
the package dirty-equals.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.process import snowmelt_server
from tests.external.report import reasons, show

FILES = (
    *("test_connect.py", "test_cursor.py", "test_ddl.py", "test_describe.py", "test_fakes.py", "test_flatten.py"),
    *("test_info_schema.py", "test_merge.py", "test_semis.py", "test_sequence.py", "test_server.py", "test_show.py"),
    *("test_sqlalchemy.py", "test_stage.py", "test_timestamp.py", "test_transactions.py", "test_users.py"),
    "test_write_pandas.py",
)


def main(checkout: Path, files: tuple[str, ...]) -> int:
    """Run the files and print the report; the exit status tells only whether the suite could be run."""
    here = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as name, snowmelt_server() as served:
        copy = Path(name) / "suite"
        shutil.copytree(checkout / "tests", copy / "tests")
        shutil.copytree(checkout / "fakesnow", copy / "fakesnow")
        shutil.copy(Path(__file__).with_name("fakesnow_fixtures.py"), copy / "tests" / "conftest.py")
        (copy / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(copy), str(here / "src")]),
            "SNOWMELT_PARAMETERS": json.dumps(served.parameters),
        }
        reports = []
        for number, file in enumerate(files):
            report = copy / f"report{number}.xml"
            command = [
                *(sys.executable, "-m", "pytest", f"tests/{file}", "-p", "no:cacheprovider", "--timeout=60"),
                *("-o", "addopts=", "--no-header", "--tb=line", f"--junitxml={report}"),
            ]
            done = subprocess.run(
                command, cwd=copy, env=environment, timeout=1800, capture_output=True, text=True, check=False
            )
            if report.exists():
                show(file, report)
                reports.append(report)
            else:
                print(f"{file}: pytest ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        reasons(reports)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), tuple(sys.argv[2:]) or FILES))
