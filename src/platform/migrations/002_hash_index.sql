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

-- Whoever adds fingerprints holds the lock from before their ids are drawn until the commit, so ids grow in commit order as well.
create trigger lock_references before insert on reference_fingerprint
  for each statement execute function lock_references();

-- Multi-index hashing (Norouzi, Punjani, Fleet 2012) as before, in two forms (see hash-index/posting-rows.ts): a row of one posting has
-- the 32 bits of the two bands after the key's, for the pigeonring filter; a packed row has up to 64 postings: `others` are their
-- fingerprints' ids less `fingerprint_id`, bit n of `bits_b` is bit b of the nth one's next band, and `thirds` are the bands after that,
-- less 32,768. A key has any number of rows: hash-index/pack.ts makes them few. Postings of fingerprints that are gone do no harm: a hit
-- is looked up in reference_fingerprint.
create table reference_posting (
  fingerprint_id bigint not null,
  key integer not null,
  bits_0 bigint, bits_1 bigint, bits_2 bigint, bits_3 bigint, bits_4 bigint, bits_5 bigint, bits_6 bigint, bits_7 bigint,
  bits_8 bigint, bits_9 bigint, bits_10 bigint, bits_11 bigint, bits_12 bigint, bits_13 bigint, bits_14 bigint, bits_15 bigint,
  neighbours integer,
  others integer[],
  thirds smallint[],
  check ((neighbours is null) = (others is not null and thirds is not null))
);

insert into reference_posting (fingerprint_id, key, neighbours)
select fingerprint_id, key, neighbours::int from reference_band order by key;

create index reference_posting_key on reference_posting (key);
drop table reference_band;

-- Fingerprints up to this id have postings; later ones, few, are compared one by one. Always one row.
create table posted_until (
  fingerprint_id bigint not null
);
create unique index posted_until_one_row on posted_until ((true));
insert into posted_until select coalesce(max(id), 0) from reference_fingerprint;
