#!/bin/sh
# What the application logged, a line each, from where it runs; or from LOG_FILE, where
# one is named that all of it goes to.
#   log.sh [SINCE]    ends with 126 where lines since then (2025-12-12T09:00:00Z) are gone
# STRATEGY is git (Heroku), kubernetes or docker.
set -eu
if [ -n "${LOG_FILE:-}" ]; then
  cat "$LOG_FILE"
  exit
fi
case ${STRATEGY:?STRATEGY is not set} in
  git)
    # Heroku keeps 1,500 lines, its router's among them, and puts a time and a source
    # before each.
    lines=$(heroku logs --app "$HEROKU_APP" --num 1500)
    printf '%s\n' "$lines" | awk -v since="${1:-}" '
      NR == 1 { first = substr($1, 1, 19) }
      sub(/^[^ ]+ app\[[^ ]+\]: /, "") { print }
      END {
        if (NR < 1500 || since == "" || first <= substr(since, 1, 19)) exit
        print "Heroku keeps this log since " first " only: have a drain write it, and name log_file" > "/dev/stderr"
        exit 126
      }'
    ;;
  kubernetes)
    # Of every pod; without --tail a selector shows ten lines of each.
    kubectl logs --selector app=lockr --tail=-1
    ;;
  docker)
    docker logs lockr 2>&1
    ;;
esac
