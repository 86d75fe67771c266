-- Mails, from the transaction that caused them until they are delivered. message is
-- sealed, and gone once the mail is sent. attempts tells the leases of a mail apart;
-- leased_until says until when a delivery may be at work on it; panics are the deliveries
-- that broke off by a fault of the program. recipient is a keyed hash of the address, by
-- which the mails of a deleted account are found.
CREATE TABLE platform_mails (
    id           {{.UUID}} NOT NULL PRIMARY KEY,
    purpose      {{.Text}} NOT NULL,
    message_id   {{.Text}} NOT NULL,
    recipient    {{.Bytes}} NOT NULL,
    message      {{.Bytes}},
    state        {{.Text}} NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts     {{.Int}} NOT NULL DEFAULT 0,
    panics       {{.Int}} NOT NULL DEFAULT 0,
    due_at       {{.Timestamp}} NOT NULL,
    leased_until {{.Timestamp}},
    last_error   {{.Text}} NOT NULL DEFAULT '',
    created_at   {{.Timestamp}} NOT NULL,
    done_at      {{.Timestamp}}
);

--bun:split

CREATE INDEX platform_mails_due_at_idx ON platform_mails (due_at) WHERE state = 'waiting';

--bun:split

CREATE INDEX platform_mails_done_at_idx ON platform_mails (done_at) WHERE state <> 'waiting';

--bun:split

CREATE INDEX platform_mails_recipient_idx ON platform_mails (recipient);
