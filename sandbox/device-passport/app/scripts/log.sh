#!/bin/sh
# What the API has logged since $SINCE.
set -eu
case $STRATEGY in
  compose)
    API_IMAGE=none WEB_IMAGE=none docker compose -f docker/docker-compose.prod.yml logs --no-log-prefix --since "$SINCE" api
    ;;
  kubernetes) kubectl logs deployment/api --since-time="$SINCE" ;;
esac
