#!/bin/sh
# A setting of the application, where it runs. Not for secrets: what is set here
# stands in a command line.
#   setting.sh get NAME          its value; nothing when it is not set
#   setting.sh set NAME VALUE    an empty VALUE takes it away
# STRATEGY is git (Heroku), kubernetes or docker.
set -eu
name=${2:?NAME is missing}
file=${CONFIG:-}/.env.production
case ${1-}:${STRATEGY:?STRATEGY is not set} in
  get:git)
    heroku config:get "$name" --app "$HEROKU_APP"
    ;;
  set:git)
    if [ -n "$3" ]; then
      heroku config:set "$name=$3" --app "$HEROKU_APP"
    else
      heroku config:unset "$name" --app "$HEROKU_APP"
    fi
    ;;
  get:kubernetes)
    kubectl set env deployment/lockr --list | sed -n "s/^$name=//p"
    ;;
  set:kubernetes)
    if [ -n "$3" ]; then
      kubectl set env deployment/lockr "$name=$3"
    else
      kubectl set env deployment/lockr "$name-"
    fi
    kubectl rollout status deployment/lockr --timeout="$ROLLOUT_TIMEOUT"
    ;;
  get:docker)
    if [ -e "$file" ]; then sed -n "s/^$name=//p" "$file"; fi
    ;;
  set:docker)
    umask 077
    touch "$file"
    grep -v "^$name=" "$file" > "$file.new" || true
    if [ -n "$3" ]; then printf '%s=%s\n' "$name" "$3" >> "$file.new"; fi
    mv "$file.new" "$file"
    # Where nothing is set there was no file.
    if [ ! -s "$file" ]; then rm "$file"; fi
    # Compose reads the file when it makes the container, so it is made again, of the same image.
    LOCKR_IMAGE=$(docker inspect --format '{{.Config.Image}}' lockr)
    export LOCKR_IMAGE
    docker compose up --detach --force-recreate --no-deps lockr
    ;;
  *)
    echo 'usage: setting.sh get NAME | set NAME VALUE' >&2
    exit 2
    ;;
esac
