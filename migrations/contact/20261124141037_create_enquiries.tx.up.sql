-- What people wrote. The address is in lower case, so that all enquiries of one can be found.
CREATE TABLE contact_enquiries (
    id           {{.UUID}} NOT NULL PRIMARY KEY,
    enquiry_type TEXT NOT NULL CHECK (enquiry_type IN ('demo_request', 'sales_enquiry', 'general', 'support')),
    name         TEXT NOT NULL,
    email        TEXT NOT NULL,
    company      TEXT,
    phone        TEXT,
    message      TEXT NOT NULL,
    created_at   {{.Timestamp}} NOT NULL
);

--bun:split

-- Lists are read, and old enquiries removed, in the order of time.
CREATE INDEX contact_enquiries_created_at_idx ON contact_enquiries (created_at, id);

--bun:split

CREATE INDEX contact_enquiries_email_idx ON contact_enquiries (email);
