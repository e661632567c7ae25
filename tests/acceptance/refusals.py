"""What Snowmelt refuses, each with a statement that shows it. docs/PARITY.md lists these beside what works."""

from __future__ import annotations

from dataclasses import dataclass

UNSUPPORTED = 2


@dataclass(frozen=True)
class Refusal:
    """A feature that is refused by name.

    Attributes:
        feature: what it is called in the table.
        statement: an example; the tables T (with columns N and S) and U, the stage FILES and the task A_TASK exist.
        named: a part of the message, by which the user learns what was refused.
        errno: Snowflake's error number.
    """

    feature: str
    statement: str
    named: str
    errno: int = UNSUPPORTED


PYTHON = "LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'run'"

REFUSALS = (
    Refusal(
        "Dynamic tables", "CREATE DYNAMIC TABLE d TARGET_LAG = '1 minute' WAREHOUSE = w AS SELECT 1", "DYNAMIC TABLE"
    ),
    Refusal(
        "External tables", "CREATE EXTERNAL TABLE e LOCATION = @files FILE_FORMAT = (TYPE = CSV)", "EXTERNAL TABLE"
    ),
    Refusal("Iceberg tables", "CREATE ICEBERG TABLE i (n NUMBER)", "ICEBERG TABLE"),
    Refusal("Hybrid tables", "CREATE HYBRID TABLE h (n NUMBER PRIMARY KEY)", "HYBRID TABLE"),
    Refusal("Materialized views", "CREATE MATERIALIZED VIEW m AS SELECT 1 AS n", "MATERIALIZED VIEW"),
    Refusal("CHECK constraints", "CREATE TABLE c (n NUMBER, CHECK (n > 0))", "CHECK"),
    Refusal(
        "Masking and row access policies", "CREATE MASKING POLICY p AS (v VARCHAR) RETURNS VARCHAR -> v", "MASKING"
    ),
    Refusal("Tags", "CREATE TAG t", "TAG"),
    Refusal("Pipes", "CREATE PIPE p AS COPY INTO t FROM @files", "PIPE"),
    Refusal("Alerts", "CREATE ALERT a SCHEDULE = '1 minute' IF (EXISTS (SELECT 1)) THEN SELECT 1", "ALERT"),
    Refusal("Users and roles", "CREATE ROLE analyst", "ROLE"),
    Refusal("Chains of statements", "SHOW TABLES ->> SELECT * FROM $1", "pipe operator ->>"),
    Refusal("GRANT", "GRANT SELECT ON TABLE t TO ROLE analyst", "GRANT"),
    Refusal("REVOKE", "REVOKE SELECT ON TABLE t FROM ROLE analyst", "REVOKE"),
    Refusal("External stages", "CREATE STAGE s URL = 's3://bucket/path'", "external stage"),
    Refusal("Unloading to a URL", "COPY INTO 's3://bucket/path' FROM t", "s3://"),
    Refusal("Loading from a URL", "COPY INTO t FROM 'azure://account/path'", "azure://"),
    Refusal("Avro, ORC and XML formats", "CREATE FILE FORMAT f TYPE = ORC", "ORC"),
    Refusal("Storage integrations", "CREATE STORAGE INTEGRATION i TYPE = EXTERNAL_STAGE", "STORAGE"),
    Refusal("COPY FILES FROM a query", "COPY FILES INTO @files FROM (SELECT 1)", "COPY FILES"),
    Refusal("XML, Avro and ORC files", "COPY INTO t FROM @files FILE_FORMAT = (TYPE = AVRO)", "AVRO"),
    Refusal("Schema evolution", "CREATE TABLE c (n NUMBER) ENABLE_SCHEMA_EVOLUTION = TRUE", "ENABLE_SCHEMA_EVOLUTION"),
    Refusal("Time travel into the future", "SELECT * FROM t AT (OFFSET => 60)", "future"),
    Refusal("Tasks that run as a user", "ALTER TASK a_task SET EXECUTE AS USER somebody", "EXECUTE AS of a task"),
    Refusal("Parameters for all tasks", "ALTER ACCOUNT SET USER_TASK_TIMEOUT_MS = 5000", "USER_TASK_TIMEOUT_MS"),
    Refusal("EXECUTE TASK ... AWAIT", "EXECUTE TASK a_task AWAIT", "AWAIT"),
    Refusal("Streams on directory tables", "CREATE STREAM s ON STAGE files", "stream on STAGE"),
    Refusal(
        "Notification integrations of tasks",
        "CREATE TASK x SCHEDULE = '1 MINUTE' ERROR_INTEGRATION = i AS SELECT 1",
        "ERROR_INTEGRATION",
    ),
    Refusal("Tags of tasks", "ALTER TASK a_task SET TAG x = 'y'", "TAG"),
    Refusal("Snowflake Scripting: ASYNC", "BEGIN ASYNC (SELECT 1); AWAIT ALL; END", "ASYNC"),
    Refusal(
        "Snowflake Scripting: nested procedures",
        "DECLARE p PROCEDURE () RETURNS INT AS BEGIN RETURN 1; END; BEGIN RETURN 1; END",
        "nested stored procedure",
    ),
    Refusal("EXECUTE IMMEDIATE FROM a template", "EXECUTE IMMEDIATE FROM @st/file.sql USING (a => 1)", "USING"),
    Refusal(
        "Procedures in JavaScript",
        "CREATE PROCEDURE p() RETURNS VARCHAR LANGUAGE JAVASCRIPT AS 'return 1'",
        "JAVASCRIPT",
    ),
    Refusal(
        "Functions in JavaScript", "CREATE FUNCTION f() RETURNS VARCHAR LANGUAGE JAVASCRIPT AS 'return 1'", "JAVASCRIPT"
    ),
    Refusal("Functions in Java", "CREATE FUNCTION f() RETURNS VARCHAR LANGUAGE JAVA AS 'class A {}'", "JAVA"),
    Refusal("Functions in Scala", "CREATE FUNCTION f() RETURNS VARCHAR LANGUAGE SCALA AS 'class A {}'", "SCALA"),
    Refusal(
        "External access of handlers",
        f"CREATE FUNCTION f() RETURNS NUMBER {PYTHON} EXTERNAL_ACCESS_INTEGRATIONS = (i) AS 'x'",
        "EXTERNAL_ACCESS",
    ),
    Refusal(
        "EXECUTE AS RESTRICTED CALLER",
        f"CREATE PROCEDURE p() RETURNS NUMBER {PYTHON} EXECUTE AS RESTRICTED CALLER AS 'x'",
        "RESTRICTED CALLER",
    ),
    Refusal("CALL ... INTO", "CALL p() INTO :x", "INTO"),
    Refusal(
        "MERGE ... WHEN NOT MATCHED BY SOURCE",
        "MERGE INTO t USING u ON t.n = u.n WHEN NOT MATCHED BY SOURCE THEN DELETE",
        "NOT MATCHED BY SOURCE",
    ),
    Refusal("Directory tables", "SELECT * FROM DIRECTORY(@files)", "directory table"),
    Refusal("SELECT ... FOR UPDATE", "SELECT * FROM t FOR UPDATE", "FOR UPDATE"),
    Refusal(
        "MATCH_RECOGNIZE",
        "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY n PATTERN (a) DEFINE a AS n > 1)",
        "MATCH_RECOGNIZE",
    ),
    Refusal("GEOGRAPHY", "CREATE TABLE c (g GEOGRAPHY)", "GEOGRAPHY"),
    Refusal("Structured OBJECT without keys", "SELECT {}::OBJECT()", "OBJECT"),
    Refusal("Moments with a zone in structured types", "SELECT ['2024-01-01']::ARRAY(TIMESTAMP_TZ)", "TIMESTAMP_TZ"),
    Refusal(
        "RENAME FIELDS of a semi-structured OBJECT", "SELECT CAST({'a': 1} AS OBJECT(b NUMBER) RENAME FIELDS)", "RENAME"
    ),
    Refusal("Order of structured values", "SELECT ([1]::ARRAY(NUMBER)) < ([2]::ARRAY(NUMBER))", "order of structured"),
    Refusal(
        "Unknown keys of structured OBJECTs", "SELECT OBJECT_DELETE({'a': 1}::OBJECT(a NUMBER), s) FROM t", "constants"
    ),
    Refusal("Order of structured columns", "SELECT [1]::ARRAY(NUMBER) AS a ORDER BY 1", "order of structured"),
    Refusal("Defaults of structured columns", "CREATE TABLE c (a ARRAY(NUMBER) DEFAULT [])", "default"),
    Refusal(
        "Arguments of structured types",
        "CREATE PROCEDURE p(a ARRAY(NUMBER)) RETURNS NUMBER LANGUAGE SQL AS 'BEGIN RETURN 1; END'",
        "ARRAY",
    ),
    Refusal("TRY_CAST to structured types", "SELECT TRY_CAST('[1]' AS ARRAY(NUMBER))", "ARRAY"),
    Refusal("SHOW ... HISTORY", "SHOW VIEWS HISTORY", "HISTORY"),
    Refusal("SHOW GRANTS", "SHOW GRANTS", "GRANTS"),
    Refusal("CREATE MODEL ... FROM MODEL", "CREATE MODEL m2 FROM MODEL m", "FROM MODEL"),
)
