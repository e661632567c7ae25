"""The composition root: the one file that knows every room and puts the process together."""

from __future__ import annotations

import dataclasses
import itertools
import json
import logging
import os
import secrets
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from snowmelt.base.clock import Clock, SystemClock
from snowmelt.base.errors import SqlError
from snowmelt.base.request import Request
from snowmelt.base.result import Result
from snowmelt.base.settings import Settings
from snowmelt.catalog.catalog import Catalog, Change, Scope
from snowmelt.catalog.names import FullName, parse_name
from snowmelt.catalog.objects import Table, Task, TaskStatus
from snowmelt.models.inference import Inference
from snowmelt.procs.pool import WorkerPool
from snowmelt.session.core import Core
from snowmelt.session.deadlines import Deadlines
from snowmelt.session.event_sink import EventSink
from snowmelt.session.keys import TokenRefused, public_key, verify
from snowmelt.session.logins import LoginGuard, incorrect
from snowmelt.session.model_methods import WorkerMethods
from snowmelt.session.parameters import DEFAULTS, checked
from snowmelt.session.planner import SessionPlanner
from snowmelt.session.pruning import Janitor
from snowmelt.session.services import Services
from snowmelt.session.session import Session
from snowmelt.session.task_conditions import StreamSources
from snowmelt.session.task_store import StoredRuns
from snowmelt.session.tokens import TokenStore
from snowmelt.sql.parse import parse_expression
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.storage.engine import Engine
from snowmelt.storage.opening import Store, open_store
from snowmelt.storage.stages import StageFiles
from snowmelt.tasks.host import Cancellation
from snowmelt.tasks.runs import TaskRun
from snowmelt.tasks.scheduler import RunOutcome, Scheduler

log = logging.getLogger("snowmelt")

_KEPT_FAILURES = 1_000

_VALIDATE = "CLIENT_VALIDATE_DEFAULT_PARAMETERS"
"""With it a login says that a database or schema which does not exist is an error (`validate_default_parameters`)."""


class Runtime:
    """A running Snowmelt, without its network side.

    Attributes:
        settings: as given, the password filled in.
        services: what sessions work with.
        tokens: session tokens, for the server.
        guard: what slows wrong logins; those who wait do so by the machine's clock.
    """

    def __init__(self, settings: Settings, clock: Clock, store: Store) -> None:
        self._store = store
        self._completing = threading.Thread(target=self._complete, name="completing")
        root = store.directory.root
        self.settings = dataclasses.replace(settings, password=settings.password or _kept_password(root))
        self.clock = clock
        self.stages = StageFiles(store.directory.stages)
        self.engine = Engine(store, clock)
        self.tokens: TokenStore[Session] = TokenStore(clock, busy=lambda session: session.busy)
        self.guard = LoginGuard(SystemClock())
        self._numbers = itertools.count(1)
        self.events = EventSink(self._event_table, self.engine)
        pool = WorkerPool(root / "scratch", limit=settings.workers, on_telemetry=self.events.receive)
        self._triggering = StreamSources(self.engine)
        self.scheduler = Scheduler(self, StoredRuns(self.engine), clock, settings.trigger_interval)
        self.services = Services(
            settings=self.settings,
            clock=clock,
            engine=self.engine,
            stages=self.stages,
            pool=pool,
            inference=Inference(self.stages.root, WorkerMethods(pool)),
            tokens=self.tokens,
            tasks=self.scheduler,
            deadlines=Deadlines(clock),
            next_session=lambda: next(self._numbers),
        )
        self.services.account.update(self._account_parameters())
        self.services.user_keys.update(self._user_keys())
        self.engine.on_commit = self.scheduler.notify
        self.janitor = Janitor(self.services)

    @classmethod
    def open(cls, settings: Settings, clock: Clock | None = None, store: Future[Store] | None = None) -> Runtime:
        """Open (or make) the data directory.

        Args:
            store: that of `settings`, where somebody has begun to open it.

        Raises:
            SqlError: the directory is in use by another process.
        """
        opened = open_store(settings.data, settings.memory_mb) if store is None else store.result()
        return cls(settings, clock or SystemClock(), opened)

    def start(self, address: tuple[str, int]) -> None:
        """Begin running tasks; `address` is where the server listens, for workers that connect back."""
        self.services.address = address
        self.services.pool.warm()
        self.scheduler.start()
        self._completing.start()

    def _complete(self) -> None:
        try:
            self._store.complete()
        except Exception:
            # The first session tries it again, and its user hears of it.
            log.exception("the store could not be completed")
        else:
            self.janitor.start()

    @property
    def password(self) -> str:
        """The administrator's password for this run."""
        return self.settings.password or ""

    def close(self, grace: float = 10.0) -> None:
        """Stop tasks (running ones have `grace` seconds), workers and storage."""
        if self._completing.ident is not None:
            self._completing.join()
        self.janitor.stop()
        self.scheduler.stop(grace)
        self.services.deadlines.close()
        self.services.pool.close()
        self.engine.close()
        self._store.directory.leave()

    # --- what the server asks ----------------------------------------------------------------------------------------

    def login(
        self,
        user: str,
        password: str | None,
        *,
        token: str | None = None,
        role: str | None = None,
        database: str | None = None,
        schema: str | None = None,
        warehouse: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Session:
        """A new session for a user who has the password, or a token signed with a private key.

        Raises:
            SqlError: 390100 for a wrong user or password, 390144 for a wrong token.
        """
        if token is not None:
            self._check_token(user, token)
        else:
            right = secrets.compare_digest((password or "").encode(), self.password.encode())
            if user.upper() != self.settings.user.upper() or not right:
                raise incorrect()
        return self.open_session(
            user.upper(), role=role, database=database, schema=schema, warehouse=warehouse, parameters=parameters
        )

    def _check_token(self, user: str, token: str) -> None:
        now = self.clock.now()
        try:
            if user.upper() != self.settings.user.upper():
                raise TokenRefused("USER_NOT_FOUND")
            verify(token, user, [public_key(text) for text in self.services.user_keys.values()], now)
        except TokenRefused as refused:
            incident, failures = str(uuid.uuid4()), self.services.login_failures
            failures[incident] = {"username": user, "errorCode": str(refused), "timestamp": str(int(now.timestamp()))}
            while len(failures) > _KEPT_FAILURES:
                failures.popitem(last=False)
            log.warning("login %s by key pair refused: %s", incident, refused)
            raise SqlError(f"JWT token is invalid. [{incident}]", 390144, "08001") from refused

    def open_session(
        self,
        user: str,
        *,
        role: str | None = None,
        database: str | None = None,
        schema: str | None = None,
        warehouse: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Session:
        """A session without a login, for the process itself and for tests."""
        self._store.complete()
        core = Core(self.services, self.services.next_session(), self.engine.connect())
        session = Session(
            self.services, core, user=user, role=(role or "ACCOUNTADMIN").upper(), warehouse=warehouse or "COMPUTE_WH"
        )
        try:
            for name, value in (parameters or {}).items():
                if name.upper() in DEFAULTS:
                    core.parameters[name.upper()] = checked(name.upper(), value)
            strict = str((parameters or {}).get(_VALIDATE, "")).lower() == "true"
            self._enter(session, database, schema, strict=strict)
        except SqlError:
            session.close()
            raise
        return session

    def _enter(self, session: Session, database: str | None, schema: str | None, *, strict: bool) -> None:
        """Make database and schema of a login current where they exist. As Snowflake does, pass over those that do not
        without complaint, unless the client wants to hear of it.

        Raises:
            SqlError: 390201 when `strict` and one is missing.
        """
        catalog = self.engine.catalog
        if database is None:
            return
        name = parse_name(database).name
        if ("DATABASE", name) in catalog.entities:
            session.database = name
            wanted = parse_name(schema).name if schema else "PUBLIC"
            session.schema = wanted if ("SCHEMA", name, wanted) in catalog.entities else None
        for kind, given, found in (("database", database, session.database), ("schema", schema, session.schema)):
            if strict and given and found is None:
                raise SqlError(f"The requested {kind} does not exist or not authorized.", 390201, "08004")

    def result(self, query_id: str) -> Result | None:
        """A kept result."""
        return self.services.results.get(query_id)

    # --- what the scheduler asks -------------------------------------------------------------------------------------

    def tasks(self) -> Mapping[FullName, Task]:
        """All tasks by name."""
        return {task.full_name: task for task in self.engine.catalog.all(Task)}

    def _task_session(self, task: Task) -> Session:
        full = task.full_name
        session = self.open_session("SYSTEM", role=task.owner, warehouse=task.warehouse, parameters=task.parameters)
        session.database, session.schema = full.database, full.schema
        return session

    def sources(self, task: Task) -> frozenset[int] | None:
        """Ids of the tables behind the streams that a task's condition asks about."""
        return self._triggering.sources(task)

    def condition(self, task: Task, when: str, run: TaskRun | None) -> bool:
        """Whether a WHEN condition holds now."""
        session = self._task_session(task)
        session.task_run = run
        try:
            planner = SessionPlanner(session, Request(when, str(uuid.uuid4())))
            text = rewrite(parse_expression(when), planner)
            return session.holds(text, planner)
        finally:
            session.close()

    def run(self, task: Task, run: TaskRun, cancel: Cancellation) -> RunOutcome:
        """Run a task's body in a session of its own."""
        session = self._task_session(task)
        session.task_run = run
        query_id = run.query_id or str(uuid.uuid4())
        done = threading.Event()

        def abort() -> None:
            # The statement may not have begun yet.
            while not session.cancel(query_id) and not done.wait(0.01):
                pass

        try:
            with cancel.calling(abort):
                session.execute(Request(task.body, query_id))
            if session.core.transaction is not None:
                # The end of the session rolls it back: such a run must not look like one that went well.
                raise SqlError("Transaction started in task is incomplete and it was rolled back.", 90232, "25000")
            return RunOutcome(query_id=query_id, return_value=session.return_value)
        finally:
            done.set()
            session.close()

    def suspend(self, task: FullName, reason: str) -> None:
        """Suspend a task after too many failures."""

        def build(catalog: Catalog) -> Change:
            found = next((each for each in catalog.all(Task) if each.full_name == task), None)
            if found is None:
                return Change()
            moment = self.clock.now()
            suspended = dataclasses.replace(found, state=TaskStatus.SUSPENDED, last_suspended_on=moment)
            return Change(put=(dataclasses.replace(suspended, suspended_reason=reason),))

        connection = self.engine.connect()
        try:
            self.engine.change(connection, build, lambda connection: None)
        finally:
            connection.close()

    # --- account -----------------------------------------------------------------------------------------------------

    def _account_parameters(self) -> dict[str, Any]:
        connection = self.engine.connect()
        try:
            rows = connection.run("SELECT name, value FROM snowmelt.parameters")
        finally:
            connection.close()
        return {name: json.loads(value) for name, value in rows}

    def _user_keys(self) -> dict[str, str]:
        """The user's public keys: those kept, and the one of the settings, which goes first.

        Raises:
            SqlError: the settings' one is none.
        """
        connection = self.engine.connect()
        try:
            found = dict(connection.run("SELECT property, public_key FROM snowmelt.user_keys"))
        finally:
            connection.close()
        given = self.settings.rsa_public_key
        if given is not None:
            public_key(given)
            found["RSA_PUBLIC_KEY"] = given
        return found

    def _event_table(self, database: str | None) -> Table | None:
        """The active event table for what lies in a database: its own or the account's, if it still exists.

        Source: docs.snowflake.com/en/developer-guide/logging-tracing/event-table-setting-up
        """
        catalog = self.engine.catalog
        holder = None if database is None else catalog.find_database(database)
        full = None if holder is None else holder.event_table
        text = self.services.account.get("EVENT_TABLE")
        if full is None and text:
            name = parse_name(str(text))
            full = Scope(None, None).full(name)
        found = None if full is None else catalog.relation(full)
        return found if isinstance(found, Table) and found.is_event else None


def _kept_password(root: Path) -> str:
    """The password of a data directory, made at the first start and readable by its owner only."""
    path = root / "password"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(18))
    return path.read_text().strip()
