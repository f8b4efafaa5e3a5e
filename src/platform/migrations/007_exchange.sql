-- Hash lists that known material was imported from. An entry of a list is a reference: `provenance` names the list, `list_entry` the entry.
-- Such references have `looked_back_at` from the start, since a list is looked back for as a whole: past submissions have been
-- searched for all entries up to `looked_back_seq` (a reference's place in commit order).
create table hash_list (
  name text primary key check (name ~ '^[[:graph:]]{1,128}$' and name <> 'own'),
  -- Where fetching goes on: what it means is the source's affair (exchange/ncmec.ts, exchange/stopncii.ts).
  source text check (source in ('ncmec', 'stopncii')),
  source_url text,
  checkpoint jsonb not null default '{}',
  looked_back_seq bigint not null default 0,
  imported_at timestamptz,
  fetched_at timestamptz,
  created_at timestamptz not null default now()
);

-- What the HMA-compatible API lets its callers set and our own console does not know: they say who is told by that API, and change
-- nothing of what a scan finds.
create table hma_bank (
  case_id text primary key references "case" on delete cascade,
  enabled_ratio real not null check (enabled_ratio between 0 and 1)
);

create table hma_content (
  reference_id uuid primary key references reference on delete cascade,
  -- Unix seconds as HMA counts them: 1 is enabled, 0 disabled, otherwise disabled until then.
  disable_until_ts bigint not null default 1,
  note text,
  metadata jsonb
);
