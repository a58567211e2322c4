/**
 * What is said to a shell on another machine. Each program is read whole before it runs; what it works
 * with follows it on the same standard input as fields that end with a NUL, and never becomes code.
 * Every line that is meant for us begins with a nonce that nobody else knows: greetings of the far
 * side are thrown away, and an end that was not announced is no end but a lost connection.
 *
 * Needed there: bash 4.4 or newer, setsid, /proc, and the usual small tools.
 */

/** `look` reads what /proc says of a process; the name in parentheses may hold anything. */
const COMMON = [
  `umask 077; trap : PIPE HUP INT TERM;`,
  `say() { printf '%s %s\\n' "$nonce" "$*"; };`,
  `field() { IFS= read -r -d '' "$1" || exit 0; };`,
  `nap() { local it; read -r -t "$1" it; (( $? > 128 )) || leave; };`,
  `look() { local text=; { IFS= read -r -d '' text < "/proc/$1/stat"; } 2>/dev/null; [[ -n $text ]] || return 1;`,
  `set -- \${text##*) }; state=$1 group=$3 session=$4 since=\${20}; };`,
  `lives() { [[ $boot == "$here" ]] && look "$pid" && [[ $since == "$start" && $state != [ZX] ]]; };`,
  `dead() { ! lives; };`,
  // Of the tree but for its wrapper. A number may be another's once its process is gone.
  `members() { local p held near leader=$pid; found=(); [[ $boot == "$here" ]] || return 0;`,
  `look "$pid" && [[ $since != "$start" ]] && leader=none;`,
  `held=$(grep -lsF -e "$token" /proc/[0-9]*/environ); held=" \${held//[^0-9]/ } ";`,
  // To read what is said of each is slow in a shell: only those are read that it may be.
  `near=$(grep -lsE -e "\\) . [0-9]+ ($leader|[0-9]+ $leader) " /proc/[0-9]*/stat);`,
  `for p in $held \${near//[^0-9]/ }; do`,
  `[[ $p != "$pid" && $p != "$$" && " \${found[*]} " != *" $p "* ]] && look "$p" && [[ $state != [ZX] ]] || continue;`,
  `[[ $group == "$leader" || $session == "$leader" || $held == *" $p "* ]] && found+=("$p"); done; };`,
  `empty() { members; (( \${#found[@]} == 0 )); };`,
  `send() { local p; members; for p in "\${found[@]}"; do kill -s "$1" "$p"; done 2>/dev/null; };`,
  `within() { local n; for (( n = $1 / 20; n > 0; n-- )); do "$2" && return; nap 0.02; done; "$2"; };`,
  `tidy() { rm -rf -- "$1"; rmdir -- "\${1%/*}" && rmdir -- "\${1%/*/*}"; } 2>/dev/null;`,
  // The connection is gone. What nobody comes back for is ended.
  `leave() { if [[ $mode == brief ]]; then send KILL; kill -s KILL "$pid" 2>/dev/null; send KILL; tidy "$dir"; fi; exit 0; };`,
  `over() { say over; exit 0; };`,
  `receipt() { local word a b; began=- code= ended=-; while read -r word a b; do case $word in`,
  `started) began=\${a:-0};; exit) code=$a ended=\${b:--};; never) code=never;; esac; done < "$dir/receipt"; } 2>/dev/null;`,
  `IFS= read -r here < /proc/sys/kernel/random/boot_id;`,
  `mode=keep; field nonce;`,
].join(' ')

/** Passes the output on from so many bytes each until the wrapper has ended, then ends what it left. */
const FOLLOW = [
  `show() { say "$1"; cat <&"$2"; };`,
  `follow() { local n=0; exec 5< "$dir/out" 6< "$dir/err";`,
  `say out; tail -c "+$(( $1 + 1 ))" <&5; say err; tail -c "+$(( $2 + 1 ))" <&6;`,
  `while lives; do [[ -s $dir/out ]] && show out 5; [[ -s $dir/err ]] && show err 6;`,
  `n=$(( n + 1 )); if (( n < 10 )); then nap 0.02; elif (( n < 40 )); then nap 0.1; else nap 0.25; fi; done;`,
  `show out 5; show err 6; receipt; [[ $leaves == yes ]] || leftovers;`,
  `[[ $mode == brief ]] && tidy "$dir"; say end "\${code:-gone}" "$began" "$ended"; over; };`,
  `leftovers() { local p it names=; members; (( \${#found[@]} )) || return 0; within 200 empty && return;`,
  `for p in "\${found[@]}"; do it=process; read -r it < "/proc/$p/comm"; names+="\${names:+, }$it (pid $p)"; done 2>/dev/null;`,
  `send TERM; if within 1000 empty; then say note "left running and ended: $names"; return; fi;`,
  `send KILL; if within 1000 empty; then say note "left running and ended by force: $names";`,
  `else say note "left running and could not be ended: pid \${found[*]}"; fi; };`,
].join(' ')

/**
 * The process that acts, in a session of its own, at a gate: its standard input. It holds nothing of
 * the connection once it has passed; --norc, since bash reads ~/.bashrc where it finds itself below
 * an sshd. The receipt can be made only once: whoever finds the attempt
 * again makes it too, and then it can never begin. What bash resets when it starts is not set here
 * either. For the rest it is as its like in gate.ts.
 */
export const WRAPPER = [
  `trap : HUP INT QUIT TERM;`,
  `while IFS= read -r -d ''; do case $REPLY in eIFS=*|eOPTIND=*|eOPTERR=*) ;; e*) export -- "\${REPLY:1}";; a*) set -- "$@" "\${REPLY:1}";; r) break;; esac; done;`,
  `IFS= read -r && [[ $REPLY == go ]] || exit 0;`,
  `set -C; { exec 3> "$1/receipt"; } 2>/dev/null || exit 0; set +C;`,
  `printf 'started %s\\n' "\${EPOCHREALTIME-}" >&3 || exit 125;`,
  `exec 0< /dev/null >> "$1/out" 2>> "$1/err"; unset REPLY;`,
  `if [[ $2 == script ]]; then ( set -euo pipefail; eval -- "set --; $3" ) 3>&-;`,
  `else ( shift 2; exec -- "$@" ) 3>&-; fi;`,
  `set -- "$1" $?;`,
  `printf 'exit %d %s\\n' "$2" "\${EPOCHREALTIME-}" >&3;`,
  `sync -- "$1/receipt" "$1" 2>/dev/null; exit "$2"`,
].join(' ')

/** Starts the wrapper, lets it go, and follows it. */
export const LAUNCH = [
  COMMON,
  FOLLOW,
  `cannot() { say cannot "$*"; over; };`,
  `pid=0 start=0 boot=none; field dir; field cwd; field name; field mode; field leaves; field token; field wrapper;`,
  `[[ -r /proc/self/stat ]] && command -v setsid >/dev/null || cannot 'the host has no setsid (package util-linux), or no /proc';`,
  `[[ -n \${HOME-} ]] || cannot 'the host knows no home folder';`,
  // Where a link leads to; and nobody there was anywhere else before.
  `{ cd -P -- "$HOME" && cd -P -- "\${cwd:-.}"; } 2>/dev/null || cannot "the working folder $cwd does not exist on the host";`,
  `unset -v OLDPWD;`,
  `dir=$HOME/.cache/runbook/$dir; rm -rf -- "$dir";`,
  // A folder above it may just be removed because it was empty.
  `why=$(mkdir -p -- "$dir" 2>&1 || mkdir -p -- "$dir" 2>&1) || cannot "$why";`,
  `{ : > "$dir/out" && : > "$dir/err"; } 2>/dev/null || cannot "$dir cannot be written to";`,
  `exec 7> >(exec setsid bash --norc -pc "$wrapper" "$name" "$dir"); pid=$!;`,
  `look "$pid" || cannot 'its shell ended at once; bash 4.4 or newer is needed'; start=$since boot=$here;`,
  `while field it; do printf '%s\\0' "$it" >&7; [[ $it == r ]] && break; done;`,
  `say ready "$pid" "$start" "$boot";`,
  `IFS= read -r it && [[ $it == go ]] || leave;`,
  `printf 'go\\n' >&7; exec 7>&-; follow 0 0`,
].join(' ')

/** Also what may never begin any more is found so: by making its receipt in its place. */
export const FIND = [
  COMMON,
  FOLLOW,
  `field dir; dir=$HOME/.cache/runbook/$dir; field pid; field start; field boot; field token; field leaves; field out; field err;`,
  `[[ -d $dir ]] || { say unknown; over; };`,
  `if ( set -C; echo never > "$dir/receipt" ) 2>/dev/null; then lives && kill -s KILL "$pid";`,
  `[[ $boot == "$here" ]] && say never || say unknown; over; fi;`,
  `lives; gone=$?; receipt;`,
  `if [[ $code == never ]]; then say never; over; fi;`,
  `if (( gone )) && [[ -z $code ]]; then [[ $leaves == yes ]] || leftovers; say unknown; over; fi;`,
  `if (( gone )); then say ended; else say running "$began" "\${EPOCHREALTIME-0}"; fi;`,
  `follow "$out" "$err"`,
].join(' ')

/** INT, TERM and KILL to all but the wrapper, which lives to write its receipt. */
export const END = [
  COMMON,
  `field pid; field start; field boot; field token; field interrupt; field terminate; forced=no;`,
  `send INT; within "$interrupt" dead || { send TERM; within "$terminate" dead; } || {`,
  `forced=yes; for n in 1 2 3 4 5; do send KILL; within 200 dead && break; done; };`,
  `say ended "$forced"; over`,
].join(' ')

/** Removes folders. */
export const FORGET = [
  COMMON,
  `while field dir && [[ $dir != . ]]; do tidy "$HOME/.cache/runbook/$dir"; done;`,
  `over`,
].join(' ')
