#!/bin/sh
# Puts a file in its place so that it can be taken back exactly: install-file.sh put SOURCE DEST | back DEST
exec "$(dirname "$0")/../../../shared/build/install-file.sh" "$@"
