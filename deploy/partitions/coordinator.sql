-- Run on the program's own database, as a superuser, after `reupload migrate` and before anything is registered:
--   psql "$DATABASE_URL" -v owner=reupload -v host=… -v port=… -v dbname=… -v user=… -v password=… -f deploy/partitions/coordinator.sql
-- Moves half of the fingerprints and patches, by hash of reference id, to the server of partition.sql. For more servers: more partitions,
-- with a greater modulus. Part 0 stays here.
\set ON_ERROR_STOP on
begin;
do $$ begin
  if exists (select from reference) then
    raise exception 'there are references already: dump them, and partition an empty database';
  end if;
end $$;

create extension if not exists postgres_fdw;
create server part_1 foreign data wrapper postgres_fdw
  options (host :'host', port :'port', dbname :'dbname', fetch_size '10000', async_capable 'true');
create user mapping for :"owner" server part_1 options (user :'user', password :'password');
grant usage on foreign server part_1 to :"owner";

-- What is there becomes part 0. A partitioned table with parts elsewhere can have no unique index and no foreign key: each part has its
-- own key, the numbers are the parent's, and the trigger below does what `on delete cascade` did.
alter table reference_fingerprint rename to reference_fingerprint_0;
alter table reference_fingerprint_0 drop constraint reference_fingerprint_reference_id_fkey, alter column id drop identity;
create table reference_fingerprint (like reference_fingerprint_0 including defaults including constraints) partition by hash (reference_id);
alter table reference_fingerprint alter column id add generated always as identity;
alter table reference_fingerprint attach partition reference_fingerprint_0 for values with (modulus 2, remainder 0);
create foreign table reference_fingerprint_1 partition of reference_fingerprint for values with (modulus 2, remainder 1)
  server part_1 options (table_name 'reference_fingerprint_part');

alter table reference_patch rename to reference_patch_0;
alter table reference_patch_0 drop constraint reference_patch_reference_id_fkey, alter column id drop identity;
create table reference_patch (like reference_patch_0 including defaults including constraints) partition by hash (reference_id);
alter table reference_patch alter column id add generated always as identity;
alter table reference_patch attach partition reference_patch_0 for values with (modulus 2, remainder 0);
create foreign table reference_patch_1 partition of reference_patch for values with (modulus 2, remainder 1)
  server part_1 options (table_name 'reference_patch_part', batch_size '500');

create function delete_hashes_of_reference() returns trigger language plpgsql as $$
begin
  delete from reference_fingerprint where reference_id = old.id;
  delete from reference_patch where reference_id = old.id;
  return null;
end $$;
create trigger delete_hashes_of_reference after delete on reference
  for each row execute function delete_hashes_of_reference();

alter table reference_fingerprint owner to :"owner";
alter table reference_patch owner to :"owner";
alter foreign table reference_fingerprint_1 owner to :"owner";
alter foreign table reference_patch_1 owner to :"owner";
commit;
