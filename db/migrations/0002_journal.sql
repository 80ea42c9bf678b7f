-- How far the journal beside the database has been put into it: the number of
-- the last frame whose rows are here, written with them in one transaction.
-- Frames are numbered on and on, through all journals of a database.

CREATE TABLE journal (
  database_id        VARCHAR NOT NULL,    -- random: a journal names its database
  position           BIGINT NOT NULL
);

INSERT INTO journal VALUES (uuid()::VARCHAR, 0);
