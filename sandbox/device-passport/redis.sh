#!/bin/sh
# Redis as production has it: TLS only, a password, snapshots and the append-only file,
# a bound on memory. Where the machine has no redis-server, nothing listens here, and
# the API keeps its sessions in its own memory; `ready` says that this is settled.
set -eu
here=$(dirname "$(readlink -f "$0")")
dir=$RUNBOOK_SERVICE_DIR
rm -f "$dir/ready"
if ! command -v redis-server > /dev/null; then
  echo 'no redis-server on this machine: apt-get install -y redis-server' >&2
  : > "$dir/ready"
  exec sleep infinity
fi
"$here/certificate.sh" "$dir"
umask 077
cat > "$dir/redis.conf" << END
bind 127.0.0.1
port 0
tls-port $PORT
tls-cert-file $dir/cert.pem
tls-key-file $dir/key.pem
tls-ca-cert-file $dir/cert.pem
tls-auth-clients no
requirepass $REDIS_PASSWORD
dir $dir
save 900 1 300 10
appendonly yes
maxmemory 256mb
maxmemory-policy allkeys-lru
daemonize no
END
: > "$dir/ready"
exec redis-server "$dir/redis.conf"
