-- Run once on the primary, as a superuser:
--   psql "$PRIMARY_URL" -v password="'…'" -f deploy/replica/primary.sql
-- and allow the replica's address in pg_hba.conf:  host replication reupload_replica <address>/32 scram-sha-256
create role reupload_replica with replication login password :password;
-- The primary keeps what the replica has not read yet, but no more than this, so that a dead replica cannot fill its disk.
alter system set max_slot_wal_keep_size = '20GB';
select pg_reload_conf();
select pg_create_physical_replication_slot('reupload_replica');
