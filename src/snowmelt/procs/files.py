"""PUT and GET from within a procedure.

In a stored procedure Snowpark does not send PUT and GET as SQL but asks the connector for the file operation itself,
through two interfaces that the platform implements (`direct_file_operation_utils` in the connector), and through a
cursor method that only the platform's cursors have. The connector's own implementation knows uploads of ``file://``
names only; these are the platform's, for this platform.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

from snowflake.connector import SnowflakeConnection
from snowflake.connector.connection import CursorCls
from snowflake.connector.constants import CMD_TYPE_UPLOAD
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.direct_file_operation_utils import FileOperationParser, StreamDownloader


class ProcedureCursor(SnowflakeCursor):
    """A cursor with what Snowpark expects of one in a procedure beyond the connector's own."""

    def upload_stream(self, stream: IO[bytes], location: str) -> None:
        """Put a stream's content into the staged file `location`, as it is."""
        self._upload_stream(stream, location, {"auto_compress": False, "overwrite": True})


class ProcedureConnection(SnowflakeConnection):
    """A genuine connection whose file operations are this platform's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._file_operation_parser = ProcedureFiles(self)
        self._stream_downloader = StageStreams(self)

    def cursor(self, cursor_class: type[CursorCls] | None = None) -> CursorCls:
        """A cursor of this platform, unless another class is asked for."""
        return super().cursor(cursor_class or cast(type[CursorCls], ProcedureCursor))


class ProcedureFiles(FileOperationParser):
    """Asks the server what a PUT or GET means; the connector then copies the files."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self._connection = connection

    def parse_file_operation(
        self,
        stage_location: str,
        local_file_name: str | None,
        target_directory: str | None,
        command_type: str,
        options: Mapping[str, Any] | None,
        has_source_from_stream: Any = False,
    ) -> dict[str, Any]:
        """The server's answer to the statement.

        Raises:
            ProgrammingError: the server refuses it.
        """
        if command_type == CMD_TYPE_UPLOAD:
            if has_source_from_stream:
                # The stream becomes the file that the location's last part names.
                stage_location, local_file_name = os.path.split(stage_location)
            places = f"{_file(local_file_name or '')} {_stage(stage_location)}"
            statement = "PUT"
        else:
            target = Path(_unquoted(target_directory or ".").removeprefix("file://"))
            # Handlers name directories that are not there yet, which Snowflake's sandbox allows.
            target.mkdir(parents=True, exist_ok=True)
            places = f"{_stage(stage_location)} {_file(str(target))}"
            statement = "GET"
        given = " ".join(f"{name}={_value(value)}" for name, value in (options or {}).items())
        with self._connection.cursor() as cursor:
            answer: dict[str, Any] = cursor._execute_helper(f"{statement} {places} {given}", is_internal=True)
            if not answer.get("success"):
                # Raises in the same way as for a statement of the user's own.
                cursor.execute(f"{statement} {places} {given}")
            return answer


class StageStreams(StreamDownloader):
    """Opens a staged file, which lies on this machine."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self._connection = connection

    def download_as_stream(self, ret: dict[str, Any], decompress: bool = False) -> IO[bytes]:
        """The one file that the answer to a GET names.

        Raises:
            FileNotFoundError: it names none or several.
        """
        data = ret["data"]
        if len(data["src_locations"]) != 1:
            raise FileNotFoundError(f"{len(data['src_locations'])} files at this location; one is needed")
        path: Path = Path(data["stageInfo"]["location"]) / data["src_locations"][0]
        if decompress:
            return cast(IO[bytes], gzip.open(path, "rb"))
        return path.open("rb")


def _file(name: str) -> str:
    # write_pandas hands over a name that is quoted already.
    return _quoted(name if name.startswith(("file://", "'file://")) else f"file://{name}")


def _stage(location: str) -> str:
    """Snowpark allows stages without their ``@``."""
    plain = _unquoted(location)
    return _quoted(plain if plain.startswith(("@", "snow://")) else f"@{plain}")


def _unquoted(text: str) -> str:
    """`text` without blanks and single quotes around it."""
    return text.strip().strip("'")


def _quoted(text: str) -> str:
    if text[:1] == text[-1:] == "'" and len(text) > 1:
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _value(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else str(value)
