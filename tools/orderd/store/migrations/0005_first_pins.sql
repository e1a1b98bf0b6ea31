-- The first PIN of a key that was produced (R170-R176): under seal until its holder has been told, then gone.
CREATE TABLE first_pins (
    order_id   TEXT PRIMARY KEY REFERENCES orders (id),
    token      TEXT NOT NULL,
    pin_sealed TEXT NOT NULL,            -- "" once it was delivered
    way        TEXT NOT NULL DEFAULT '', -- how it came: TRANSFER, SMS, MAIL
    state      TEXT NOT NULL CHECK (state IN ('DRAWN', 'ON_KEY', 'TOLD'))
);
