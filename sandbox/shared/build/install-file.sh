#!/bin/sh
# Puts a file in its place so that it can be taken back exactly.
#   install-file.sh put SOURCE DEST    SOURCE may be - for standard input
#   install-file.sh back DEST
# What was there is kept first, under a name that carries the run; where nothing
# was, a mark says so. Without either, `put` did nothing, and `back` does nothing.
set -eu
run=${RUNBOOK_RUN_ID:?RUNBOOK_RUN_ID is not set}
umask 077
case ${1-}:$# in
  put:3)
    source=$2 dest=$3
    mkdir -p "$(dirname "$dest")"
    if [ "$source" = - ]; then cat > "$dest.new-$run"; else cp "$source" "$dest.new-$run"; fi
    if [ ! -e "$dest.before-$run" ] && [ ! -e "$dest.absent-$run" ]; then
      if [ -e "$dest" ]; then
        cp -p "$dest" "$dest.keep-$run"
        mv "$dest.keep-$run" "$dest.before-$run"
      else
        : > "$dest.absent-$run"
      fi
    fi
    mv "$dest.new-$run" "$dest"
    ;;
  back:2)
    dest=$2
    rm -f "$dest.new-$run" "$dest.keep-$run"
    if [ -e "$dest.before-$run" ]; then mv "$dest.before-$run" "$dest"; fi
    if [ -e "$dest.absent-$run" ]; then rm -f "$dest"; rm -f "$dest.absent-$run"; fi
    ;;
  *)
    echo 'usage: install-file.sh put SOURCE DEST | back DEST' >&2
    exit 2
    ;;
esac
