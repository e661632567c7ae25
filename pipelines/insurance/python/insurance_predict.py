"""Scores what has changed in the landing table and brings the gold table up to date, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import insurance_features as features
import insurance_spec as spec
from insurance_versions import quoted, serving_version
from opentelemetry import trace
from snowflake.snowpark import Session

STREAM = "STREAM_ON_LANDING"
ROW_ID = "METADATA$ROW_ID"
MERGED = ("inserted", "updated", "deleted")
STREAM_COLUMNS = (ROW_ID, "METADATA$ISUPDATE", "METADATA$ACTION")

tracer = trace.get_tracer("insurance.predict_write_to_gold")


def predict_write_to_gold(session: Session) -> str:
    """Score the stream with the model's default version and write the result to the gold and quarantine tables.

    The stream's offset and everything written from it commit together: a failure leaves both as they were. The
    database does the work: the spans before the last one build the statement that `write_predictions_to_gold` runs.
    """
    with tracer.start_as_current_span("predict_write_to_gold"), transaction(session):
        with tracer.start_as_current_span("read_from_stream") as span:
            found = count_changes(session)
            span.set_attribute("data.row_count", found.rows)

        with tracer.start_as_current_span("standardize_values"):
            changes = changed_rows()

        with tracer.start_as_current_span("load_model_from_registry") as span:
            version = serving_version(session)
            span.set_attribute("model.name", spec.MODEL_NAME)
            span.set_attribute("model.version", version)

        with tracer.start_as_current_span("run_pipeline") as span:
            span.set_attribute("model.version", version)
            scored = predicted(f"SELECT * FROM changed WHERE {is_scored()}", version)

        with tracer.start_as_current_span("write_predictions_to_gold") as span:
            inserted, updated, deleted = merged(session, gold_statement(changes, scored, version, found.leaving > 0))
            quarantined = 0
            if found.arriving > inserted + updated or found.quarantined:
                quarantined, _, _ = merged(session, quarantine_statement(changes))
            span.set_attribute("data.rows_inserted", inserted)
            span.set_attribute("data.rows_updated", updated)
            span.set_attribute("data.rows_deleted", deleted)
            span.set_attribute("data.rows_quarantined", quarantined)

    return (
        f"{inserted} record(s) inserted, {updated} record(s) updated, "
        f"{deleted} record(s) deleted in the {spec.GOLD} table"
    )


class Changes(NamedTuple):
    """How many rows the stream has; how many are new or have a new state; how many may have to leave the gold table,
    deleted or faulty; and how many rows stand in quarantine already."""

    rows: int
    arriving: int
    leaving: int
    quarantined: int


def count_changes(session: Session) -> Changes:
    """Look at the stream, so that nothing is done for rows of a kind that it does not have. No text is standardised
    for that: which rows are faulty shows in how many of those that arrive reach the gold table."""
    (counts,) = session.sql(
        f"""SELECT COUNT(*), COUNT_IF(METADATA$ACTION = 'INSERT'), COUNT_IF(METADATA$ACTION = 'DELETE'),
                   (SELECT COUNT(*) FROM {spec.QUARANTINE})
            FROM {STREAM}"""
    ).collect()
    return Changes(*counts)


@contextmanager
def transaction(session: Session) -> Iterator[None]:
    """Commit what the block does, or roll all of it back when it raises."""
    session.sql("BEGIN TRANSACTION").collect()
    try:
        yield
    except BaseException:
        session.sql("ROLLBACK").collect()
        raise
    session.sql("COMMIT").collect()


def changed_rows() -> str:
    """A query of the changed rows, text standardised: the new state of those inserted or updated, and those deleted.

    An update stands in the stream as a DELETE and an INSERT of the same row: only the latter counts.
    """
    copied = [*spec.CARRIED, spec.LABEL, *STREAM_COLUMNS]
    return f"""
        SELECT {", ".join([*features.standardised(), *copied])}
        FROM {STREAM}
        WHERE METADATA$ACTION = 'INSERT' OR NOT METADATA$ISUPDATE"""


def is_scored() -> str:
    """Does a changed row stand in the gold table afterwards?"""
    return f"METADATA$ACTION = 'INSERT' AND {features.is_sound()}"


def is_faulty() -> str:
    """Does a changed row stand in quarantine afterwards?"""
    return f"METADATA$ACTION = 'INSERT' AND NOT ({features.is_sound()})"


def predicted(rows: str, version: str) -> str:
    """A query of `rows` with their predictions by a version of the model."""
    arguments = ", ".join(spec.FEATURES)
    answered = f"SELECT *, MODEL({spec.MODEL_NAME}, {quoted(version)})!PREDICT({arguments}) AS ANSWER FROM ({rows})"
    return f"SELECT * EXCLUDE ANSWER, {prediction()} AS {spec.PREDICTION} FROM ({answered})"


def prediction() -> str:
    """The prediction in a model's answer; a classifier answers with the number of the class."""
    if spec.KIND == "regression":
        return 'ANSWER:"output_feature_0"::FLOAT'
    numbers = ", ".join(f"{number}, {features.text(name)}" for number, name in enumerate(spec.CLASSES))
    return f'DECODE(ANSWER:"output_feature_0"::INT, {numbers})'


def quarantine_statement(changes: str) -> str:
    """A MERGE after which the quarantine holds exactly those of the changed rows that cannot be scored."""
    values = {name: f"change.{name}" for name in (*spec.FEATURES, *spec.CARRIED, spec.LABEL, ROW_ID, "REASON")}
    values |= {"QUARANTINED_AT": "CURRENT_TIMESTAMP()", "TRACE_ID": "?"}
    return f"""
        MERGE INTO {spec.QUARANTINE} AS quarantine
        USING (
            WITH changed AS ({changes}),
            judged AS (SELECT *, {is_faulty()} AS FAULTY FROM changed)
            SELECT *, {features.fault()} AS REASON FROM judged
            WHERE FAULTY OR {ROW_ID} IN (SELECT {ROW_ID} FROM {spec.QUARANTINE})
        ) AS change
        ON quarantine.{ROW_ID} = change.{ROW_ID}
        WHEN MATCHED AND NOT change.FAULTY THEN DELETE
        WHEN MATCHED THEN UPDATE SET {assignments(values)}
        WHEN NOT MATCHED AND change.FAULTY THEN INSERT ({", ".join(values)}) VALUES ({", ".join(values.values())})"""


def gold_statement(changes: str, scored: str, version: str, leaving: bool) -> str:
    """A MERGE that brings the gold table up to date with the changed rows; without `leaving`, none of them is deleted
    or faulty."""
    copied = (*spec.FEATURES, *spec.CARRIED, spec.LABEL, *STREAM_COLUMNS, spec.PREDICTION)
    values = {name: f"change.{name}" for name in copied}
    values |= {
        "METADATA_UPDATED_AT": "CURRENT_TIMESTAMP()",
        "MODEL_NAME": f"'{spec.MODEL_NAME}'",
        "MODEL_VERSION": features.text(version),
        "SCORED_AT": "CURRENT_TIMESTAMP()",
        "TRACE_ID": "?",
    }
    others = f" UNION ALL SELECT *, NULL, FALSE FROM changed WHERE NOT ({is_scored()})" if leaving else ""
    deletion = "WHEN MATCHED AND NOT change.STAYS THEN DELETE" if leaving else ""
    return f"""
        MERGE INTO {spec.GOLD} AS gold
        USING (
            WITH changed AS ({changes}),
            scored AS ({scored})
            SELECT *, TRUE AS STAYS FROM scored{others}
        ) AS change
        ON gold.{ROW_ID} = change.{ROW_ID}
        {deletion}
        WHEN MATCHED THEN UPDATE SET {assignments(values)}
        WHEN NOT MATCHED AND change.STAYS THEN INSERT ({", ".join(values)}) VALUES ({", ".join(values.values())})"""


def assignments(values: dict[str, str]) -> str:
    """The SET list of an UPDATE."""
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def merged(session: Session, statement: str) -> tuple[int, int, int]:
    """Run a MERGE and say how many rows it has inserted, updated and deleted. The current trace's id is bound, for both
    of its clauses that write one, so that the text is the same each time and need not be compiled anew.
    """
    counts = session.sql(statement, params=[trace_id()] * 2).collect()[0].as_dict()
    inserted, updated, deleted = (counts.get(f"number of rows {done}", 0) for done in MERGED)
    return inserted, updated, deleted


def trace_id() -> str:
    """The current trace's id as the event table writes it."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
