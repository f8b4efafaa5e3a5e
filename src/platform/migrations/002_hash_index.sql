-- Every change of the set of references, in the order of commits: what a process that keeps its own index follows. `seq` grows in
-- commit order because whoever writes here holds the index lock (7233001, see hash-index/lock.ts) until its commit; the triggers take
-- it themselves, so a case deleted by hand is followed as well. A row says that something about the reference changed, not what.
create table reference_change (
  seq bigint generated always as identity primary key,
  reference_id uuid not null
);

create function lock_references() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7233001);
  return null;
end $$;

create function note_reference_change() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7233001);
  insert into reference_change (reference_id) values (coalesce(new.id, old.id));
  perform pg_notify('reupload_references', '');
  return null;
end $$;

-- Before any row is locked: a transaction that records a verdict holds the lock first and asks for rows then, and so must this.
create trigger lock_references before insert or update of retired_at or delete on reference
  for each statement execute function lock_references();
create trigger lock_references before delete on "case"
  for each statement execute function lock_references();

create trigger note_reference_change after insert or delete on reference
  for each row execute function note_reference_change();
create trigger note_retired_reference after update of retired_at on reference
  for each row when (old.retired_at is distinct from new.retired_at) execute function note_reference_change();

-- Multi-index hashing (Norouzi, Punjani, Fleet 2012) as before, but many postings a row: at 10 million fingerprints it takes a fifth of the
-- space of a row for each, and an insert need not check 960 foreign keys. A posting is the 16 bits of the band after the key's, for the
-- pigeonring filter, times 2^48, plus the fingerprint's id. A key has any number of rows: an insert adds rows of one posting, and
-- hash-index/pack.ts makes them fewer. Postings of fingerprints that are gone do no harm: a hit is looked up in reference_fingerprint.
create table reference_posting (
  key integer not null,
  postings bigint[] not null
);
-- Packed rows stay below the 2 kB from which values are moved out of line, except where this says so.
alter table reference_posting alter column postings set storage external;

insert into reference_posting (key, postings)
select key, array_agg(posting)
from (
  select key, (substring(neighbours from 1 for 16)::int::bigint << 48) | fingerprint_id as posting,
         (row_number() over (partition by key order by fingerprint_id) - 1) / 200 as part
  from reference_band
) banded
group by key, part;

create index reference_posting_key on reference_posting (key);
drop table reference_band;
