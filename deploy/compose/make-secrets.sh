#!/bin/sh
# Makes secrets/ beside compose.yaml with passwords of its own. Never touches a folder that is there.
set -eu
cd "$(dirname "$0")/../.."
[ ! -e secrets ] || { echo "secrets/ is there already: it is left as it is" >&2; exit 1; }
# Only who made it may look in. The files can be read by the containers' users, whatever their numbers are.
mkdir -m 700 secrets
password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
postgres=$(password)
redis=$(password)
umask 222
printf '%s' "$postgres" >secrets/postgres-password
printf 'postgresql://reupload:%s@postgres:5432/reupload\n' "$postgres" >secrets/database-url
printf 'requirepass %s\n' "$redis" >secrets/redis.conf
printf 'redis://:%s@redis:6379\n' "$redis" >secrets/redis-url
echo "secrets/ is made; keep a copy where the backups are"
