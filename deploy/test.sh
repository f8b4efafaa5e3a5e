#!/bin/sh
# Tries replica/ and partitions/ on this machine: three servers in a temporary folder, removed at the end. Says what it saw, or fails.
# Needs Debian's postgresql (apt-get install postgresql), and this checkout's packages (npm ci). About half a minute.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PG_BIN=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
[ -x "$PG_BIN/pg_basebackup" ] || { echo "PG_BIN: no pg_basebackup there; install Debian's postgresql, or set PG_BIN" >&2; exit 2; }
export PG_BIN
folder=$(mktemp -d /tmp/reupload-deploy.XXXXXX)
chmod 755 "$folder"
# Postgres does not run as root.
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- env PG_BIN="$PG_BIN" "$@"; else "$@"; fi; }
[ "$(id -u)" != 0 ] || chown postgres "$folder"

finish() {
  for name in replica primary part; do
    [ ! -f "$folder/$name/postmaster.pid" ] || as "$PG_BIN/pg_ctl" stop -D "$folder/$name" -m immediate -s || true
  done
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

free_port() { node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }
start() { # name port
  as "$PG_BIN/pg_ctl" start -D "$folder/$1" -l "$folder/$1.log" -w -s \
    -o "-p $2 -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c shared_buffers=64MB -c jit=off" ||
    { tail -n 5 "$folder/$1.log" >&2; exit 1; }
}
create() { # name port
  printf '%s' "$password" > "$folder/password" && chmod 644 "$folder/password"
  as "$PG_BIN/initdb" -D "$folder/$1" -U reupload --pwfile="$folder/password" --auth=scram-sha-256 -E UTF8 --locale=C > "$folder/initdb.log"
  echo "host replication reupload_replica 127.0.0.1/32 scram-sha-256" >> "$folder/$1/pg_hba.conf"
  start "$1" "$2"
}
url() { echo "postgresql://reupload:$password@127.0.0.1:$1/$2"; } # port database
sql() { "$PG_BIN/psql" -q -v ON_ERROR_STOP=1 "$@" > "$folder/psql.log"; }
prove() { (cd "$here/.." && node --import ./test/support/typescript.mjs deploy/prove.ts "$1"); }

password=$(node -e 'console.log(require("crypto").randomBytes(12).toString("hex"))')
primary=$(free_port) replica=$(free_port) part=$(free_port)
create primary "$primary"
echo "$("$PG_BIN/postgres" --version)"

echo "== a read replica"
sql "$(url "$primary" postgres)" -c "create database reupload"
sql "$(url "$primary" reupload)" -v password="'$password'" -f "$here/replica/primary.sql"
as "$here/replica/make-replica.sh" "host=127.0.0.1 port=$primary user=reupload_replica password=$password" "$folder/replica"
start replica "$replica"
PRIMARY_URL=$(url "$primary" reupload) REPLICA_URL=$(url "$replica" reupload) prove replica
as "$PG_BIN/pg_ctl" stop -D "$folder/replica" -m fast -s
sql "$(url "$primary" postgres)" -c "select pg_drop_replication_slot('reupload_replica')"

echo "== fingerprints and patches partitioned by hash of reference id over two servers"
create part "$part"
for name in whole partitioned half; do sql "$(url "$primary" postgres)" -c "create database $name"; done
for name in part half; do sql "$(url "$part" postgres)" -c "create database $name"; done
sql "$(url "$part" part)" -v owner=reupload -f "$here/partitions/partition.sql"
(cd "$here/.." && DATABASE_URL=$(url "$primary" partitioned) REUPLOAD_DATA_DIR=$folder/none \
  node --import ./test/support/typescript.mjs src/main.ts migrate > "$folder/migrate.log")
sql "$(url "$primary" partitioned)" -v owner=reupload -v host=127.0.0.1 -v port="$part" -v dbname=part -v user=reupload \
  -v password="$password" -f "$here/partitions/coordinator.sql"
WHOLE_URL=$(url "$primary" whole) PARTITIONED_URL=$(url "$primary" partitioned) \
  PART_URLS="$(url "$primary" half) $(url "$part" half)" prove partitions
echo "all of it holds"
