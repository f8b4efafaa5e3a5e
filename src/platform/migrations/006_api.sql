-- Answers of the API to requests that carried an Idempotency-Key, by who asked: the same request again gets the same answer.
-- Without a status the first request is still under way; if it dies, its claim ends at `claimed_until`.
create table idempotency (
  actor text not null,
  key text not null check (key ~ '^[[:graph:]]{1,255}$'),
  request_sha256 bytea not null check (octet_length(request_sha256) = 32),
  claim uuid not null,
  claimed_until timestamptz not null,
  status smallint,
  headers jsonb not null default '{}',
  body text,
  expires_at timestamptz not null,
  primary key (actor, key)
);
create index idempotency_expiry on idempotency (expires_at);

-- Verdicts are listed newest first; `verdict_submission` only finds those of one submission.
create index verdict_newest on verdict (created_at desc, id desc);
create index submission_platform on submission (platform, seq desc);
