"""Opens each page of a Streamlit app without a browser, sends its forms, and fails when a page shows an exception.

Called by test_published.py in a process of its own, in the app's directory: ``python run_app.py HOME.py``. Prints as
JSON what each page shows of charts, tables and numbers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from streamlit.testing.v1 import AppTest

#: Seconds that a page may take.
PATIENCE = 120


def main() -> None:
    home = Path(sys.argv[1])
    app = AppTest.from_file(str(home.resolve()), default_timeout=PATIENCE)
    shown = {home.name: look(app.run())}
    for page in sorted(Path("pages").glob("*.py")):
        app = app.switch_page(str(page)).run()
        shown[page.name] = look(app)
        if app.button:
            app = app.button[0].click().run()
            shown[f"{page.name}, form sent"] = look(app)
    app.session_state["session"].close()
    print("PAGES " + json.dumps(shown))


def look(app: AppTest) -> dict[str, object]:
    """What a page shows.

    Raises:
        AssertionError: an exception.
    """
    assert not app.exception, [element.value for element in app.exception]
    return {
        "headings": [element.value for element in (*app.title, *app.subheader)],
        "tables": [len(element.value) for element in app.dataframe],
        "numbers": [float(frame.value.iloc[0, 0]) for frame in app.dataframe if frame.value.shape == (1, 1)],
        "charts": len(app.get("vega_lite_chart")),
        "text": [element.value for element in app.markdown],
    }


if __name__ == "__main__":
    main()
