#!/usr/bin/env bash
# Podwall as one of the measured peers: plain HTTP on PLAIN, mTLS on TLS, WORKERS threads, everything forwarded to
# BACKEND, inspection enforcing, counters and record on. CERTS holds server.crt, server.key and ca.crt. Foreground. PODWALL
# names another build of the program.
set -eu
[ $# = 5 ] || { echo "usage: $0 PLAIN TLS WORKERS BACKEND CERTS" >&2; exit 2; }
cd "$(dirname "$0")/../.."
program=${PODWALL:-target/release/podwall}
[ -n "${PODWALL:-}" ] || [ -x "$program" ] || cargo build --release
export PODWALL_LISTENERS_0_LISTEN=$1 PODWALL_LISTENERS_1_LISTEN=$2 PODWALL_WORKERS=$3 PODWALL_CERTS=$5
export PODWALL_LISTENERS_0_UPSTREAM=$4 PODWALL_LISTENERS_1_UPSTREAM=$4 PODWALL_ADMIN_LISTEN=127.0.0.1:0
exec "$program" run --config deploy/examples/inspect-only.yaml
