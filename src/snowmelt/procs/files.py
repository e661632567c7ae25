"""PUT and GET from within a procedure.

In a stored procedure Snowpark does not send PUT and GET as SQL but asks the connector for the file operation itself,
through two interfaces that the platform implements (`direct_file_operation_utils` in the connector). The connector's
own implementation knows uploads of ``file://`` names only; these are the platform's, for this platform.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from snowflake.connector import SnowflakeConnection
from snowflake.connector.constants import CMD_TYPE_UPLOAD
from snowflake.connector.direct_file_operation_utils import FileOperationParserBase, StreamDownloaderBase


def install(connection: SnowflakeConnection) -> None:
    """Let `connection` use these implementations."""
    connection._file_operation_parser = ProcedureFiles(connection)  # type: ignore[assignment]
    connection._stream_downloader = StageStreams(connection)  # type: ignore[assignment]


class ProcedureFiles(FileOperationParserBase):
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
            places = f"{_file(local_file_name or '')} {_quoted(stage_location)}"
            statement = "PUT"
        else:
            places = f"{_quoted(stage_location)} {_file(target_directory or '.')}"
            statement = "GET"
        given = " ".join(f"{name}={_value(value)}" for name, value in (options or {}).items())
        with self._connection.cursor() as cursor:
            answer: dict[str, Any] = cursor._execute_helper(f"{statement} {places} {given}", is_internal=True)
            if not answer.get("success"):
                # Raises in the same way as for a statement of the user's own.
                cursor.execute(f"{statement} {places} {given}")
            return answer


class StageStreams(StreamDownloaderBase):
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
        path = Path(data["stageInfo"]["location"]) / data["src_locations"][0]
        return gzip.open(path, "rb") if decompress else path.open("rb")  # type: ignore[return-value]


def _file(name: str) -> str:
    # write_pandas hands over a name that is quoted already.
    return _quoted(name if name.startswith(("file://", "'file://")) else f"file://{name}")


def _quoted(text: str) -> str:
    if text[:1] == text[-1:] == "'" and len(text) > 1:
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _value(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else str(value)
