#!/bin/sh
# Makes a streaming replica of a whole server: copies it, and leaves a folder that Postgres can be started in.
#   deploy/replica/make-replica.sh 'host=… port=… user=reupload_replica password=…' FOLDER
# Run it as the user Postgres runs as. Needs pg_basebackup of the primary's major version: PG_BIN is its folder.
set -eu
primary=${1:?"first argument: how to reach the primary, as 'host=… port=… user=… password=…'"}
folder=${2:?"second argument: an empty or new folder for the replica's data"}
PG_BIN=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)}
"$PG_BIN/pg_basebackup" -d "$primary" -D "$folder" -S reupload_replica -R -X stream --checkpoint=fast
# A query on the replica may run this long before it is cancelled for changes that wait to be replayed.
echo "max_standby_streaming_delay = '5s'" >> "$folder/postgresql.auto.conf"
echo "hot_standby = on" >> "$folder/postgresql.auto.conf"
