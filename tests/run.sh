#!/usr/bin/env bash
# All of Podwall's tests, from a fresh machine with a Rust toolchain. Installs the real programs that the tests talk to
# (Debian packages when run as root, Python packages in tests/.venv), then checks format, lints, documentation and
# behaviour. A test whose program is missing says so on a line of its own that begins with SKIPPED.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

say "programs that the tests talk to"
packages=(ca-certificates nginx-light nghttp2-client apache2 caddy curl wrk openssl python3 python3-venv iproute2 nftables sqlmap postgresql mariadb-server mariadb-client sysbench
    bind9-dnsutils openssh-server msmtp-mta dnsmasq-base unbound dnsperf iodine dns2tcp musl-tools
    redis-server redis-tools socat netcat-openbsd httptunnel)
command -v node >/dev/null || packages+=(nodejs npm)
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    missing=()
    for package in "${packages[@]}"; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    if dpkg -s nginx >/dev/null 2>&1; then missing=("${missing[@]/nginx-light/}"); fi
    read -ra missing <<<"${missing[*]:-}"
    if [ "${#missing[@]}" -gt 0 ]; then
        apt-get update -qq
        # Installed to be run by the tests, not to be started as services.
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
        rm -f /usr/sbin/policy-rc.d
    fi
else
    echo "not root, or no apt-get: the tests use what is installed of: ${packages[*]}"
fi
if [ ! -x tests/.venv/bin/python ]; then
    python3 -m venv tests/.venv
fi
tests/.venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt
if command -v npm >/dev/null; then
    npm ci --prefix tests --silent --ignore-scripts --no-audit --no-fund
fi

say "format"
cargo fmt --check
cargo fmt --check --manifest-path tests/drivers/Cargo.toml

say "lints, with and without the sidecar"
cargo clippy --quiet --all-targets -- -D warnings
cargo clippy --quiet --all-targets --no-default-features -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps

say "tests of the parts, without the sidecar"
cargo test --quiet --no-default-features

say "the program as it is shipped"
cargo build --quiet --release

say "Rust peers: what Rust programs talk with"
cargo build --quiet --manifest-path tests/drivers/Cargo.toml --target-dir target

say "real clients and real upstreams"
tests/.venv/bin/python tests/clients.py target/release/podwall
tests/.venv/bin/python tests/http2.py target/release/podwall
tests/.venv/bin/python tests/websocket.py target/release/podwall
tests/.venv/bin/python tests/floods.py target/release/podwall --seconds 1
tests/.venv/bin/python tests/outbound.py target/release/podwall
tests/.venv/bin/python tests/forwarded.py target/release/podwall
tests/.venv/bin/python tests/bodies.py target/release/podwall
tests/.venv/bin/python tests/rates.py target/release/podwall

say "one verdict, whatever carries the message"
tests/.venv/bin/python tests/frontdoor.py target/release/podwall

say "backends that act on what they have"
tests/.venv/bin/python tests/prefixes.py target/release/podwall

say "real neighbours: Envoy, Caddy, tonic, grpc-js"
tests/.venv/bin/python tests/neighbours.py target/release/podwall target/debug/tonic

say "real databases"
tests/.venv/bin/python tests/databases.py target/release/podwall
tests/.venv/bin/python tests/mysql.py target/release/podwall
tests/.venv/bin/python tests/correlation.py target/release/podwall

say "a real Redis"
tests/.venv/bin/python tests/caches.py target/release/podwall

say "reverse shells over raw TCP"
tests/.venv/bin/python tests/shells.py target/release/podwall

say "what real servers act on"
tests/.venv/bin/python tests/spellings.py target/release/podwall
tests/.venv/bin/python tests/spellings_fuzz.py target/release/podwall --count 1000

say "sqlmap against an application that can be injected"
tests/.venv/bin/python tests/sqlmap.py target/release/podwall

say "real resolvers, hostile answers, real tunnels"
tests/.venv/bin/python tests/dns.py target/release/podwall

say "what may leave a pod"
tests/.venv/bin/python tests/egress.py target/release/podwall

say "what is granted and misused"
tests/.venv/bin/python tests/leaving.py target/release/podwall

say "the demonstration"
cargo run --quiet --release -- demo

say "all tests"
cargo test
