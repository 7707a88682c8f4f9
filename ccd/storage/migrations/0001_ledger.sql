-- Facts in the batches they were committed in: one row a commit keeps the cost of a fact low.
-- `entries` is msgpack [[at, fact], …] for the sequence numbers first … last.
CREATE TABLE facts (
    first   INTEGER PRIMARY KEY,
    last    INTEGER NOT NULL CHECK (last >= first),
    at      REAL    NOT NULL,
    entries BLOB    NOT NULL
) STRICT;

-- Ended interactions, one row each; `body` is msgpack of the whole record.
CREATE TABLE records (
    interaction TEXT NOT NULL UNIQUE,
    queue       TEXT NOT NULL,
    channel     TEXT NOT NULL,
    began_at    REAL NOT NULL,
    ended_at    REAL NOT NULL,
    outcome     TEXT NOT NULL,
    body        BLOB NOT NULL
) STRICT;
-- One index only: each further one costs a page a commit, and reports by queue read a span of time anyway.
CREATE INDEX records_by_end ON records (ended_at);

-- States of the engines after the fact `seq`; `packed` 1: `state` is compressed with zlib.
-- `digest` is the SHA-256 of the state before compression.
CREATE TABLE snapshots (
    seq    INTEGER PRIMARY KEY,
    at     REAL    NOT NULL,
    digest BLOB    NOT NULL,
    packed INTEGER NOT NULL,
    state  BLOB    NOT NULL
) STRICT;
