#!/usr/bin/env bash
# What a user installs, on the oldest Node that package.json allows: packed, without what only tests need.
set -euo pipefail
cd "$(dirname "$0")/.."
project=$PWD
oldest=$(node -p '[...require("./package.json").engines.node.match(/\d+/g), 0, 0].slice(0, 3).join(".")')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

npm pack --silent --pack-destination "$folder"
cd "$folder"
npm init --yes >/dev/null
npm pkg set --json allowScripts.node=true
npm install --loglevel=error --prefer-offline --omit=dev "node@$oldest" ./*.tgz
export PATH="$folder/node_modules/.bin:$PATH"
[ "$(node --version)" = "v$oldest" ]
[ "$(runbook --version)" = "$(node -p 'require(process.argv[1]).version' "$project/package.json")" ]

mkdir runbooks scripts
cat >scripts/count.mjs <<'END'
import { minimist } from 'zx'
export default async ({ folder }) => {
  const { stdout } = await $`ls ${folder}`
  return { node: process.version, lent: minimist === globalThis.minimist, files: stdout.trim().split('\n') }
}
END
cat >runbooks/oldest.yaml <<END
runbook: oldest
title: The oldest Node
version: '1.0'
environments:
  here: {}
phases:
  - id: only
    title: The only phase
    steps:
      - id: put
        run: mkdir data && echo one > data/one
        verify:
          - { check: file-size, with: { file: data/one, at_least: 4 } }
          - { script: { file: scripts/count.mjs, args: { folder: data } }, expect: "files == ['one']" }
        rollback: { run: rm -r data, verify: { run: '! test -e data' } }
      - id: count
        script: { file: scripts/count.mjs, args: { folder: data } }
        effect: none
        expect: [lent, node == 'v$oldest']
END

# What a command printed, for whoever looks why it failed.
does() {
  echo "+ runbook $*"
  runbook "$@" >said 2>&1 || { echo "exit $?"; cat said; exit 1; }
}
says() { grep -q -- "$1" said || { echo "not said: $1"; cat said; exit 1; }; }

does deploy oldest --env here --no-input
test -e data/one
does verify oldest --env here
says '2 of 2 checks hold'
does status && says succeeded
does history oldest --env here && says succeeded
does logs && says 'file-size'
does report && says 'file-size'
does rollback --no-input
test ! -e data
does status && says 'rolled back'
echo "The tool works on Node $oldest."
