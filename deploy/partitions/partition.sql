-- Run on the server that holds one part, as a superuser, in a database of its own; `owner` is the role the coordinator comes as:
--   psql "$PART_URL" -v owner=reupload -f deploy/partitions/partition.sql
-- The tables are those of the program's migrations 001, 002 and 010, without identity (the coordinator numbers rows) and without foreign
-- keys (the coordinator has the references).
create table reference_fingerprint_part (
  id bigint primary key,
  reference_id uuid not null,
  algorithm text not null,
  variant text not null,
  at_ms integer not null,
  until_ms integer not null,
  quality smallint not null check (quality between 0 and 100),
  pdq bit(256) not null,
  blockhash bytea check (octet_length(blockhash) = 32)
);
create index on reference_fingerprint_part (reference_id);

create table reference_patch_part (
  id bigint primary key,
  reference_id uuid not null,
  algorithm text not null,
  at_ms integer not null,
  until_ms integer not null,
  x smallint not null,
  y smallint not null,
  side smallint not null,
  hash bytea not null check (octet_length(hash) in (8, 16))
);
create index on reference_patch_part (reference_id, at_ms);
create index on reference_patch_part ((get_byte(hash, 0) * 256 + get_byte(hash, 1)));
create index on reference_patch_part ((get_byte(hash, 2) * 256 + get_byte(hash, 3)));
create index on reference_patch_part ((get_byte(hash, 4) * 256 + get_byte(hash, 5)));
create index on reference_patch_part ((get_byte(hash, 6) * 256 + get_byte(hash, 7)));

alter table reference_fingerprint_part owner to :"owner";
alter table reference_patch_part owner to :"owner";
