#!/usr/bin/env bash
# What Redis is, as JSON. The password comes from REDISCLI_AUTH, never in the command line.
set -euo pipefail
redis() { redis-cli --tls ${REDIS_CA:+--cacert "$REDIS_CA"} -h "$REDIS_HOST" -p "$REDIS_PORT" --no-auth-warning "$@"; }
pong=$(redis PING)
info=$(redis INFO | tr -d '\r')
fact() { sed -n "s/^$1://p" <<< "$info" | head -n 1; }
# Who knows no password, and who comes without TLS.
stranger=$(env -u REDISCLI_AUTH redis-cli --tls ${REDIS_CA:+--cacert "$REDIS_CA"} -h "$REDIS_HOST" -p "$REDIS_PORT" PING 2>&1 || true)
plain=$(redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" --no-auth-warning PING 2>&1 || true)
save=$(redis CONFIG GET save | tail -n 1)
printf '{"pong":"%s","major":%d,"maxmemory":%d,"policy":"%s","snapshots":%s,"last_snapshot":"%s","append_only":%s,"needs_password":%s,"needs_tls":%s}\n' \
  "$pong" "$(fact redis_version | cut -d. -f1)" "$(fact maxmemory)" "$(fact maxmemory_policy)" \
  "$([ -n "$save" ] && echo true || echo false)" "$(fact rdb_last_bgsave_status)" \
  "$([ "$(fact aof_enabled)" = 1 ] && echo true || echo false)" \
  "$([[ $stranger == *NOAUTH* ]] && echo true || echo false)" \
  "$([[ $plain == PONG ]] && echo false || echo true)"
