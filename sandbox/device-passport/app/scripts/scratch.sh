#!/usr/bin/env bash
# scratch.sh migrations FILE BEFORE | recovery FILE
# Restores a backup into a database of its own, which is removed again.
#   migrations   applies what is pending, takes it back to BEFORE, and compares the schema
#   recovery     measures how long it took, what came back, and how old it is; as JSON
set -euo pipefail
what=$1 file=$2
scratch=scratch_${RUNBOOK_RUN_ID//[^a-z0-9]/_}_$what
schema() { pg_dump --schema-only --no-owner "$scratch" | grep -Ev '^\\(un)?restrict '; }
count() { psql -XAtq --dbname="$scratch" --command="SELECT count(*) FROM $1"; }
began=$(date +%s%N)
trap 'dropdb --if-exists "$scratch"' EXIT
dropdb --if-exists "$scratch" 2> /dev/null
createdb --template=template0 "$scratch"
pg_restore --exit-on-error --no-owner --no-privileges --dbname="$scratch" "$file"
case $what in
  migrations)
    before=$(schema)
    export SCRATCH_DATABASE=$scratch
    pnpm db:migrate
    pnpm --filter @device-passport/api run migration:revert --to "$3"
    [ "$before" = "$(schema)" ] || { echo 'the schema is not what it was' >&2; exit 1; }
    echo 'applied, taken back, and the schema is what it was'
    ;;
  recovery)
    users=$(count users) devices=$(count devices)
    took=$(($(date +%s%N) - began))
    age=$(($(date +%s) - $(stat --format=%Y "$file")))
    printf '{"recovery_s":%d,"age_s":%d,"users":%d,"devices":%d}\n' $((took / 1000000000 + 1)) "$age" "$users" "$devices"
    ;;
esac
