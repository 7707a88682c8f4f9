"""Databases as services: SQLite files, and a PostgreSQL that the test starts for itself on loopback."""

import asyncio
import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccd.channels.secrets import Secrets
from ccd.model.commands import AskOutside
from ccd.model.facts import AnyFact, OutsideAnswered
from ccd.model.settings import OutsideSettings, Secret
from ccd.outside.channel import OutsideChannel
from tests.peers.missing import lacking
from tests.peers.ports import free_port

SELECT = "SELECT name, tier, NULL AS gone, 3 AS n FROM customers WHERE phone = :number -- not :this"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n"


async def asked(timeout_s: float, questions: list[dict[str, str]], **settings: Any) -> list[OutsideAnswered]:
    """What comes of these questions, in the order of the questions."""
    service = OutsideSettings(name="db", kind="sql", timeout_s=timeout_s, **settings)
    channel = OutsideChannel({"db": service}, Secrets(), "ccd/test")
    found: dict[str, OutsideAnswered] = {}
    whole = asyncio.Event()

    def post(fact: AnyFact) -> None:
        assert isinstance(fact, OutsideAnswered)
        found[fact.ask] = fact
        if len(found) == len(questions):
            whole.set()

    await channel.start(post)
    for number, values in enumerate(questions):
        channel.perform(AskOutside(f"outside:1.a{number}", "1", "db", values, timeout_s))
    async with asyncio.timeout(30.0):
        await whole.wait()
    await channel.stop()
    return [found[f"1.a{number}"] for number in range(len(questions))]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a b?.sqlite"
    made = sqlite3.connect(path)
    made.executescript(
        "CREATE TABLE customers (phone TEXT, name TEXT, tier TEXT);"
        "INSERT INTO customers VALUES ('+331', 'Anna', 'gold'), ('+332', 'Bert', ''), ('x', X'ff00', 'y');"
    )
    made.close()
    return path


async def test_the_first_row_is_the_answer(database: Path) -> None:
    questions = [{"number": "+331"}, {"number": "+339"}, {"number": "+332"}, {"number": "' OR 1=1 --"}]
    facts = await asked(15.0, questions, database=str(database), select=SELECT, cache_s=9.0)
    assert [fact.ok for fact in facts] == [True] * 4
    assert facts[0].values == {"name": "Anna", "tier": "gold", "n": "3"}
    assert facts[1].values == {} and facts[3].values == {}
    assert facts[2].values == {"name": "Bert", "n": "3"}


async def test_take_names_columns(database: Path) -> None:
    (fact,) = await asked(
        15.0, [{"number": "+331"}], database=str(database), select=SELECT, take={"customer_name": "name"}
    )
    assert fact.values == {"customer_name": "Anna"}


async def test_a_query_that_never_ends_is_interrupted(database: Path) -> None:
    facts = await asked(0.3, [{}, {}], database=str(database), select=ENDLESS, most=1)
    assert [fact.ok for fact in facts] == [False, False]
    assert all("too long" in fact.note or "no answer within" in fact.note for fact in facts)


@pytest.mark.parametrize(
    "select",
    [
        "DELETE FROM customers",
        "ATTACH 'other.sqlite' AS o",
        "PRAGMA query_only = 0",
        "WITH x AS (SELECT 1) INSERT INTO customers SELECT 1, 2, 3 FROM x",
        "SELECT load_extension('x')",
    ],
)
async def test_nothing_but_reading_is_possible(database: Path, select: str) -> None:
    before = database.read_bytes()  # noqa: ASYNC240
    (fact,) = await asked(15.0, [{}], database=str(database), select=select)
    assert not fact.ok and "failed" in fact.note
    assert database.read_bytes() == before  # noqa: ASYNC240
    assert not (database.parent / "other.sqlite").exists()


async def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite"
    (fact,) = await asked(15.0, [{"number": "1"}], database=str(path), select=SELECT)
    assert not fact.ok and not path.exists()


async def test_a_missing_value_and_a_file_that_is_no_database(database: Path, tmp_path: Path) -> None:
    (fact,) = await asked(15.0, [{}], database=str(database), select=SELECT)
    assert not fact.ok
    other = tmp_path / "text"
    other.write_text("hello " * 1000)
    (fact,) = await asked(15.0, [{"number": "1"}], database=str(other), select=SELECT)
    assert not fact.ok and "not a database" in fact.note


# -- PostgreSQL --------------------------------------------------------------------------------------


def _program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """A server of its own, as a user of its own where we are root; its DSN."""
    pytest.importorskip("psycopg")
    initdb, postgres = _program("initdb"), _program("postgres")
    if initdb is None or postgres is None:
        lacking("PostgreSQL is not installed: apt-get install postgresql")
    user: dict[str, Any] = {}
    name = pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() == 0:
        try:
            known = pwd.getpwnam("postgres")
        except KeyError:
            lacking("PostgreSQL does not run as root, and there is no user postgres")
        user, name = {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": []}, "postgres"
    folder = Path(tempfile.mkdtemp(prefix="ccd-pg-"))
    if user:
        os.chown(folder, user["user"], user["group"])
    data = str(folder / "data")
    port = free_port()
    made = [initdb, "-D", data, "-A", "trust", "-U", name, "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder, **user)
    command = [postgres, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **user)
    dsn = f"host=127.0.0.1 port={port} user={name} dbname=postgres"
    try:
        _fill(dsn)
        yield dsn
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.log").unlink()


def _fill(dsn: str) -> None:
    import time

    import psycopg

    for attempt in range(200):
        try:
            with psycopg.connect(dsn, autocommit=True) as database:
                database.execute("CREATE TABLE customers (phone text, name text, tier text)")
                database.execute("INSERT INTO customers VALUES ('+331', 'Anna', 'gold')")
            return
        except psycopg.OperationalError:
            if attempt == 199:
                raise
            time.sleep(0.1)


PG_SELECT = "SELECT name, tier, 'a%b:c' AS odd, '3'::int AS n FROM customers WHERE phone = :number"


async def test_postgresql_answers(postgresql: str) -> None:
    questions = [{"number": "+331"}, {"number": "+339"}, {"number": "'; DROP TABLE customers"}]
    facts = await asked(15.0, questions, dsn=Secret(postgresql), select=PG_SELECT)
    assert [fact.ok for fact in facts] == [True] * 3, facts
    assert facts[0].values == {"name": "Anna", "tier": "gold", "odd": "a%b:c", "n": "3"}
    assert facts[1].values == facts[2].values == {}


async def test_postgresql_is_only_read_and_interrupted(postgresql: str) -> None:
    evil = "WITH x AS (DELETE FROM customers RETURNING name) SELECT name FROM x"
    (fact,) = await asked(15.0, [{}], dsn=Secret(postgresql), select=evil)
    assert not fact.ok and "ReadOnlySqlTransaction" in fact.note
    (fact,) = await asked(0.5, [{}], dsn=Secret(postgresql), select="SELECT pg_sleep(30) AS s")
    assert not fact.ok and ("too long" in fact.note or "no answer within" in fact.note)


async def test_a_postgresql_that_is_not_there_tells_no_password() -> None:
    dsn = "host=127.0.0.1 port=9 user=x password=hunter2 dbname=x"
    (fact,) = await asked(3.0, [{"number": "1"}], dsn=Secret(dsn), select=PG_SELECT)
    assert not fact.ok and "hunter2" not in str(fact)
