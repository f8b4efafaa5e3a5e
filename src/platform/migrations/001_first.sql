-- A case is what a caseworker works on. Deleting one takes its references and fingerprints along.
create table "case" (
  id text primary key check (id ~ '^[[:graph:]]{1,128}$'),
  title text not null default '',
  class text not null default 'other' check (class in ('baseline', 'national', 'other')),
  legal_basis text not null default '',
  retain_until timestamptz,
  -- Counts every upload recognised as this case's material; the next one is number upload_count + 1.
  upload_count integer not null default 0,
  closed_at timestamptz,
  created_at timestamptz not null default now()
);

-- One piece of known material. Only what is needed to recognise it; never the media.
-- `seq` grows in commit order (writers hold the index lock): a scan knows by it what its lookup could not have seen.
create table reference (
  id uuid primary key,
  seq bigint generated always as identity unique,
  case_id text not null references "case" on delete cascade,
  label text not null,
  kind text not null check (kind in ('image', 'video')),
  sha256 bytea not null check (octet_length(sha256) = 32),
  duration_ms bigint not null check (duration_ms >= 0),
  algorithm text not null,
  fingerprint_count integer not null check (fingerprint_count > 0),
  provenance text not null,
  retired_at timestamptz,
  -- Null until past submissions have been searched for it. Until then its views are kept, so that another process can
  -- finish the search: for each fingerprint in order of id, eight times 32 bytes PDQ.
  looked_back_at timestamptz,
  look_back_views bytea,
  created_at timestamptz not null default now()
);
create index reference_case on reference (case_id);
create index reference_sha256 on reference (sha256);
create unique index reference_once_per_case on reference (case_id, sha256, algorithm) where retired_at is null;
create index reference_to_look_back on reference (seq) where looked_back_at is null and retired_at is null;

create table reference_fingerprint (
  id bigint generated always as identity primary key,
  reference_id uuid not null references reference on delete cascade,
  algorithm text not null,
  variant text not null,
  at_ms integer not null,
  until_ms integer not null,
  quality smallint not null check (quality between 0 and 100),
  pdq bit(256) not null,
  -- Of stills only: the frames of a video confirm each other.
  blockhash bytea check (octet_length(blockhash) = 32)
);
create index reference_fingerprint_reference on reference_fingerprint (reference_id);

-- Multi-index hashing (Norouzi, Punjani, Fleet 2012): 16 bands of 16 bits, one row a band.
-- key = band * 65536 + band value; neighbours = the 32 bits of the next two bands, for the pigeonring filter.
create table reference_band (
  key integer not null,
  neighbours bit(32) not null,
  fingerprint_id bigint not null references reference_fingerprint on delete cascade
);
create index reference_band_key on reference_band (key) include (neighbours, fingerprint_id);
create index reference_band_fingerprint on reference_band (fingerprint_id);

-- Parts of pictures that are found again in crops and insets. Place and size in 1/4096 of the picture's longer side.
-- Candidates share one of eight bands of 16 bits with a patch of the query (locality-sensitive hashing).
create table reference_patch (
  id bigint generated always as identity primary key,
  reference_id uuid not null references reference on delete cascade,
  algorithm text not null,
  at_ms integer not null,
  until_ms integer not null,
  x smallint not null,
  y smallint not null,
  side smallint not null,
  hash bytea not null check (octet_length(hash) = 16)
);
create index reference_patch_reference on reference_patch (reference_id, at_ms);
create index reference_patch_band_0 on reference_patch ((get_byte(hash, 0) * 256 + get_byte(hash, 1)));
create index reference_patch_band_1 on reference_patch ((get_byte(hash, 2) * 256 + get_byte(hash, 3)));
create index reference_patch_band_2 on reference_patch ((get_byte(hash, 4) * 256 + get_byte(hash, 5)));
create index reference_patch_band_3 on reference_patch ((get_byte(hash, 6) * 256 + get_byte(hash, 7)));
create index reference_patch_band_4 on reference_patch ((get_byte(hash, 8) * 256 + get_byte(hash, 9)));
create index reference_patch_band_5 on reference_patch ((get_byte(hash, 10) * 256 + get_byte(hash, 11)));
create index reference_patch_band_6 on reference_patch ((get_byte(hash, 12) * 256 + get_byte(hash, 13)));
create index reference_patch_band_7 on reference_patch ((get_byte(hash, 14) * 256 + get_byte(hash, 15)));

-- One piece of media that somebody asked us to check, once. `content_sha256` is of the job's meaning:
-- the same id with other content is refused.
create table submission (
  id text primary key,
  seq bigint generated always as identity unique,
  content_sha256 bytea not null,
  content jsonb not null,
  platform text,
  page_url text,
  media_url text,
  uploader_id text,
  uploader_url text,
  reported_at timestamptz,
  media_sha256 bytea,
  kind text check (kind in ('image', 'video')),
  duration_ms bigint,
  received_at timestamptz not null default now(),
  scanned_at timestamptz
);
create index submission_received on submission (received_at);
create index submission_uploader on submission (platform, uploader_id) where uploader_id is not null;

-- What look-back compares new references with: one row a submission, hashes packed end to end.
-- Read in order of submission, never searched, so it carries no index on its hashes.
create table submission_fingerprint (
  submission_id text primary key references submission on delete cascade,
  algorithm text not null,
  variants text[] not null,
  at_ms integer[] not null,
  until_ms integer[] not null,
  quality smallint[] not null,
  pdq bytea not null,
  blockhash bytea not null,
  -- Patch sets, packed as pack-patches.ts says; empty when there are none.
  patches bytea not null default '',
  expires_at timestamptz not null
);
create index submission_fingerprint_expiry on submission_fingerprint (expires_at);

-- The numbers behind every version of the policy that has decided something.
create table policy (
  version text primary key,
  content jsonb not null,
  first_used_at timestamptz not null default now()
);

-- One verdict by the scan, and at most one more for every reference that look-back found in it.
create table verdict (
  id uuid primary key,
  submission_id text not null references submission on delete cascade,
  origin text not null check (origin in ('scan', 'look-back')),
  reference_id uuid references reference on delete cascade,
  kind text not null check (kind in ('clear', 'review', 'match', 'unscannable')),
  reasons text[] not null,
  policy_version text not null references policy,
  tool_version text not null,
  created_at timestamptz not null default now(),
  check ((origin = 'look-back') = (reference_id is not null))
);
create unique index verdict_one_scan on verdict (submission_id) where origin = 'scan';
create unique index verdict_one_look_back on verdict (submission_id, reference_id) where origin = 'look-back';

create table match (
  id uuid primary key,
  verdict_id uuid not null references verdict on delete cascade,
  reference_id uuid not null references reference on delete cascade,
  case_id text not null references "case" on delete cascade,
  verdict text not null check (verdict in ('match', 'review')),
  confidence real not null,
  transform jsonb not null,
  segments jsonb not null,
  frames_agreeing integer not null,
  -- Null when only parts of pictures agree.
  median_distance_bits real,
  coverage_of_reference real not null,
  coverage_of_submission real not null
);
create index match_verdict on match (verdict_id);
create index match_case on match (case_id);

-- The nth upload of a case's material. One row a case and submission, whichever verdict found it first.
create table reupload (
  case_id text not null references "case" on delete cascade,
  submission_id text not null references submission on delete cascade,
  number integer not null,
  primary key (case_id, submission_id),
  unique (case_id, number)
);

create table alert (
  id uuid primary key,
  seq bigint generated always as identity unique,
  verdict_id uuid not null unique references verdict on delete cascade,
  submission_id text not null references submission on delete cascade,
  kind text not null check (kind in ('match', 'review', 'unscannable', 'look-back')),
  state text not null default 'open' check (state in ('open', 'confirmed', 'dismissed', 'escalated')),
  created_at timestamptz not null default now()
);
create index alert_submission on alert (submission_id);
create index alert_open on alert (created_at) where state = 'open';

create table alert_event (
  id bigint generated always as identity primary key,
  alert_id uuid not null references alert on delete cascade,
  actor text not null,
  act text not null,
  detail jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create index alert_event_alert on alert_event (alert_id);

-- One request a submission; asked again with the next attempt number until it is confirmed removed.
create table takedown (
  id uuid primary key,
  submission_id text not null unique references submission on delete cascade,
  case_id text not null references "case" on delete cascade,
  state text not null default 'queued' check (state in ('queued', 'sent', 'acknowledged', 'removed', 'rejected', 'expired')),
  attempt integer not null default 1,
  request jsonb not null,
  deadline_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index takedown_open on takedown (deadline_at) where state in ('queued', 'sent', 'acknowledged');

-- What must reach a queue. Written in the transaction that decides it, emptied by the relay.
create table outbox (
  id bigint generated always as identity primary key,
  queue text not null,
  name text not null,
  job_id text not null unique,
  payload jsonb not null,
  created_at timestamptz not null default now(),
  delivered_at timestamptz
);
create index outbox_waiting on outbox (id) where delivered_at is null;

-- Jobs that trying again cannot help: kept with the reason until a person has looked.
create table parked_job (
  id bigint generated always as identity primary key,
  queue text not null,
  job_id text not null,
  submission_id text,
  field text,
  reason text not null,
  payload jsonb not null,
  parked_at timestamptz not null default now(),
  unique (queue, job_id)
);

create table audit_log (
  id bigint generated always as identity primary key,
  actor text not null,
  act text not null,
  subject text not null,
  detail jsonb not null default '{}',
  created_at timestamptz not null default now()
);
