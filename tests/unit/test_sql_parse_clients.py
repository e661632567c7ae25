"""The statements that the genuine clients send, as their templates write them."""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import FLOAT, NUMBER, VARCHAR
from snowmelt.catalog.names import Name
from snowmelt.catalog.objects import Argument, Durability
from snowmelt.sql.cursor import Outside
from snowmelt.sql.parse import parse_one
from snowmelt.sql.statements import (
    AlterModel,
    AlterTable,
    Call,
    CopyIntoLocation,
    CopyIntoTable,
    CreateFileFormat,
    CreateModel,
    CreateRoutine,
    CreateStage,
    CreateTable,
    CreateView,
    Drop,
    Get,
    Insert,
    ListFiles,
    Put,
    Query,
    SetComment,
    Show,
    Truncate,
)

WRITE_PANDAS = "/* Python:snowflake.connector.pandas_tools.write_pandas() */"
BINDS = Outside(binds={"1": '"DB"."SC"."t"', "2": "DB.SC.OTHER"})
BOUND = Name("t", "SC", "DB")


def test_write_pandas_creates_a_stage_whose_name_is_bound() -> None:
    text = f"CREATE SCOPED TEMPORARY STAGE {WRITE_PANDAS} identifier(?) FILE_FORMAT=(TYPE=PARQUET COMPRESSION=auto)"
    statement = parse_one(text, BINDS)
    assert isinstance(statement, CreateStage)
    assert statement.name == BOUND
    assert statement.durability is Durability.TEMPORARY
    assert statement.file_format == {"TYPE": "PARQUET", "COMPRESSION": "AUTO"}


def test_write_pandas_creates_a_file_format() -> None:
    text = f"CREATE TEMP FILE FORMAT identifier(?) {WRITE_PANDAS} TYPE=PARQUET COMPRESSION=auto USE_LOGICAL_TYPE = TRUE"
    statement = parse_one(text, BINDS)
    assert isinstance(statement, CreateFileFormat)
    assert statement.options == {"TYPE": "PARQUET", "COMPRESSION": "AUTO", "USE_LOGICAL_TYPE": True}


def test_write_pandas_infers_a_schema_with_numbered_binds() -> None:
    statement = parse_one("SELECT COLUMN_NAME, TYPE FROM table(infer_schema(location=>?, file_format=>?))")
    assert isinstance(statement, Query)
    assert [node.name for node in statement.tree.find_all(exp.Placeholder)] == ["1", "2"]


def test_write_pandas_creates_truncates_renames_and_drops_tables() -> None:
    created = parse_one(f'CREATE  TABLE IF NOT EXISTS identifier(?) ("A" REAL, "b" TEXT)  {WRITE_PANDAS} ', BINDS)
    assert isinstance(created, CreateTable)
    assert created.if_not_exists
    assert [(column.name, column.type) for column in created.columns] == [("A", FLOAT), ("b", VARCHAR)]
    assert parse_one(f"TRUNCATE TABLE identifier(?) {WRITE_PANDAS}", BINDS) == Truncate(
        text="TRUNCATE TABLE identifier(?)", target=BOUND
    )
    renamed = parse_one(f"ALTER TABLE identifier(?) RENAME TO identifier(?) {WRITE_PANDAS}", BINDS)
    assert isinstance(renamed, AlterTable)
    assert (renamed.name, renamed.action, renamed.value) == (BOUND, "RENAME", Name("OTHER", "SC", "DB"))
    dropped = parse_one(f"DROP TABLE IF EXISTS identifier(?) {WRITE_PANDAS}", BINDS)
    assert isinstance(dropped, Drop)
    assert (dropped.kind, dropped.name, dropped.if_exists) == ("TABLE", BOUND, True)


def test_write_pandas_copies_from_a_stage() -> None:
    outside = Outside(binds={"1": '"T"', "2": "abort_statement"})
    statement = parse_one(
        f'COPY INTO identifier(?) {WRITE_PANDAS} ("A","b") '
        """FROM (SELECT $1:"A"::NUMBER(38, 0),$1:"b"::TEXT FROM '@"DB"."SC"."ST"') """
        "FILE_FORMAT=(TYPE=PARQUET USE_VECTORIZED_SCANNER=False COMPRESSION=auto BINARY_AS_TEXT=FALSE "
        "USE_LOGICAL_TYPE = TRUE) PURGE=TRUE ON_ERROR=?",
        outside,
    )
    assert isinstance(statement, CopyIntoTable)
    assert (statement.target, statement.columns) == (Name("T"), ("A", "b"))
    assert statement.location == '@"DB"."SC"."ST"'
    assert isinstance(statement.select, exp.Select)
    assert statement.options["ON_ERROR"] == "ABORT_STATEMENT"
    assert statement.options["FILE_FORMAT"]["BINARY_AS_TEXT"] is False


def test_put_takes_a_bound_target() -> None:
    statement = parse_one("PUT 'file:///tmp/abc/file0.txt' ? PARALLEL=4", Outside(binds={"1": "@ST"}))
    assert statement == Put(
        text="PUT 'file:///tmp/abc/file0.txt' ? PARALLEL=4",
        source="file:///tmp/abc/file0.txt",
        target="@ST",
        options={"PARALLEL": 4},
    )


def test_snowpark_moves_files() -> None:
    put = parse_one(
        """PUT 'file:///tmp/x y.zip' '@"DB"."SC".ST/a' PARALLEL = 4 AUTO_COMPRESS = FALSE """
        "SOURCE_COMPRESSION = AUTO_DETECT OVERWRITE = TRUE"
    )
    assert isinstance(put, Put)
    assert (put.source, put.target) == ("file:///tmp/x y.zip", '@"DB"."SC".ST/a')
    assert put.options["AUTO_COMPRESS"] is False
    unquoted = parse_one("PUT file:///tmp/a-b.csv @~/x-y/z AUTO_COMPRESS=FALSE")
    assert isinstance(unquoted, Put)
    assert (unquoted.source, unquoted.target) == ("file:///tmp/a-b.csv", "@~/x-y/z")
    get = parse_one(" GET  '@db.sc.st/x/MANIFEST.yml' 'file:///tmp/d'  PARALLEL  =  10 ")
    assert isinstance(get, Get)
    assert (get.source, get.target, get.options) == ("@db.sc.st/x/MANIFEST.yml", "file:///tmp/d", {"PARALLEL": 10})
    listed = parse_one(" LIST @db.sc.st/x PATTERN = '.*csv' ")
    assert isinstance(listed, ListFiles)
    assert (listed.location, listed.pattern) == ("@db.sc.st/x", ".*csv")


def test_snowpark_creates_tables_and_views() -> None:
    table = parse_one(
        ' CREATE  OR  REPLACE  SCOPED TEMPORARY  TABLE T If  NOT  EXISTS ("A" BIGINT NOT NULL, "b" STRING(16777216))'
    )
    assert isinstance(table, CreateTable)
    assert (table.or_replace, table.if_not_exists, table.durability) == (True, True, Durability.TEMPORARY)
    assert (table.columns[0].type, table.columns[0].nullable) == (NUMBER, False)
    view = parse_one(" CREATE  OR  REPLACE  TEMPORARY  VIEW V AS  SELECT  *  FROM ( SELECT 1 AS A)")
    assert isinstance(view, CreateView)
    assert view.durability is Durability.TEMPORARY


def test_snowpark_inserts_binds() -> None:
    statement = parse_one(" INSERT  INTO T(A, B) VALUES (?, ?)")
    assert isinstance(statement, Insert)
    assert statement.columns == ("A", "B")
    assert isinstance(statement.source, exp.Values)
    assert [node.name for node in statement.source.find_all(exp.Placeholder)] == ["1", "2"]


def test_snowpark_unloads_a_query() -> None:
    statement = parse_one(
        " COPY  INTO '@st/x' FROM ( SELECT 1) FILE_FORMAT  =  ( TYPE  = csv COMPRESSION = 'none') HEADER  = True"
    )
    assert isinstance(statement, CopyIntoLocation)
    assert statement.location == "@st/x"
    assert statement.options == {"FILE_FORMAT": {"TYPE": "CSV", "COMPRESSION": "NONE"}, "HEADER": True}


def test_snowpark_creates_a_procedure() -> None:
    statement = parse_one(
        """
CREATE OR REPLACE
TEMPORARY  PROCEDURE  "DB"."SC".SNOWPARK_TEMP_PROCEDURE_X(arg1 STRING,"arg2" BIGINT DEFAULT 1 :: INT)

RETURNS STRING
LANGUAGE PYTHON
STRICT
VOLATILE
RUNTIME_VERSION=3.10
IMPORTS=('@"DB"."SC".ST/a.zip','@x/y.py')

PACKAGES=('cloudpickle==3.1.1','snowflake-snowpark-python')

HANDLER='compute'
EXECUTE AS CALLER

AS $$
import x  # it's "quoted"; yes
$$
"""
    )
    assert isinstance(statement, CreateRoutine)
    assert statement.arguments == (Argument("ARG1", VARCHAR), Argument("arg2", NUMBER, "1 :: INT"))
    assert statement.imports == ('@"DB"."SC".ST/a.zip', "@x/y.py")
    assert statement.packages == ("cloudpickle==3.1.1", "snowflake-snowpark-python")
    assert statement.body == """\nimport x  # it's "quoted"; yes\n"""
    assert (statement.runtime_version, statement.handler) == ("3.10", "compute")
    assert statement.caller_rights and statement.strict
    assert statement.durability is Durability.TEMPORARY


def test_snowpark_calls_an_anonymous_procedure() -> None:
    statement = parse_one(
        "\nWITH P AS PROCEDURE (A INT)\nRETURNS TABLE (X INT, Y VARCHAR)\nLANGUAGE PYTHON \nRUNTIME_VERSION=3.11\n"
        "PACKAGES=('a')\nHANDLER='h'\n\nAS $$\ndef h(session, a): ...\n$$\n\nCALL P(1 :: INT)"
    )
    assert isinstance(statement, Call)
    assert statement.procedure is not None
    assert statement.procedure.returns_table == (("X", NUMBER), ("Y", VARCHAR))
    assert statement.procedure.caller_rights
    assert len(statement.arguments) == 1


def test_registry_makes_models() -> None:
    created = parse_one('CREATE MODEL DB.SC.M WITH VERSION "V1.0" FROM @DB.SC.STG/model')
    assert isinstance(created, CreateModel)
    assert (created.name, created.version, created.source) == (Name("M", "SC", "DB"), "V1.0", "@DB.SC.STG/model")
    copied = parse_one("CREATE MODEL DB.SC.M WITH VERSION V2 FROM MODEL DB.SC.N VERSION V1")
    assert isinstance(copied, CreateModel)
    assert (copied.source, copied.from_model, copied.from_version) == (None, Name("N", "SC", "DB"), "V1")


def test_registry_alters_models() -> None:
    def action(text: str) -> tuple[str, object]:
        statement = parse_one(text)
        assert isinstance(statement, AlterModel)
        return statement.action, statement.value

    assert action("""ALTER MODEL DB.SC.M ADD VERSION V2 FROM '@DB.SC."stg"/model'""") == (
        "ADD VERSION",
        ("V2", '@DB.SC."stg"/model'),
    )
    assert action("""ALTER MODEL M MODIFY VERSION V1 SET METADATA=$${"metrics": {"it's": 1}}$$""") == (
        "MODIFY VERSION",
        ("V1", {"METADATA": """{"metrics": {"it's": 1}}"""}),
    )
    assert action('ALTER MODEL M SET DEFAULT_VERSION = "V1.0"') == ("SET DEFAULT_VERSION", "V1.0")
    assert action("ALTER MODEL M VERSION V1 SET ALIAS = good") == ("VERSION SET ALIAS", ("V1", "GOOD"))
    assert action("ALTER MODEL M VERSION V1 UNSET ALIAS") == ("VERSION UNSET ALIAS", "V1")
    assert action("ALTER MODEL M DROP VERSION V1") == ("DROP VERSION", "V1")
    assert action("ALTER MODEL M RENAME TO DB.SC.N") == ("RENAME", Name("N", "SC", "DB"))


def test_registry_shows_and_comments() -> None:
    assert parse_one("SHOW VERSIONS LIKE 'V1' IN MODEL DB.SC.M") == Show(
        text="SHOW VERSIONS LIKE 'V1' IN MODEL DB.SC.M",
        kind="VERSIONS",
        like="V1",
        scope="MODEL",
        scope_name=Name("M", "SC", "DB"),
    )
    functions = parse_one("SHOW FUNCTIONS IN MODEL DB.SC.M VERSION V1")
    assert isinstance(functions, Show)
    assert (functions.scope, functions.scope_version) == ("MODEL", "V1")
    parameters = parse_one("SHOW PARAMETERS LIKE 'QUOTED_IDENTIFIERS_IGNORE_CASE' IN SESSION")
    assert isinstance(parameters, Show)
    assert (parameters.kind, parameters.scope) == ("PARAMETERS", "SESSION")
    comment = parse_one("COMMENT ON MODEL DB.SC.M IS $$it's$$")
    assert isinstance(comment, SetComment)
    assert comment.comment == "it's"
