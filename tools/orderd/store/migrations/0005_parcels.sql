-- The played courier's own book: another's that happens to live in this file; the engine never reads it.
CREATE TABLE sim_parcels (
    id      TEXT PRIMARY KEY,
    state   TEXT NOT NULL CHECK (state IN ('ACCEPTED', 'IN_TRANSIT', 'DELIVERED')),
    updated BIGINT NOT NULL
);
