#!/usr/bin/env bash
# What the bench compares the router with: Kamailio and its TLS modules. As root on Debian they are installed where they
# are missing; elsewhere it is said what is missing, and the bench decides whether it can do without.
set -euo pipefail

missing=()
[ -n "$(PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v kamailio)" ] || missing+=(kamailio)
compgen -G '/usr/lib/*/kamailio/modules/tls.so' >/dev/null || missing+=(kamailio-tls-modules)
[ "${#missing[@]}" -gt 0 ] || exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "bench: missing: ${missing[*]} (Debian: sudo apt-get install ${missing[*]}); or ARGS=--without-kamailio" >&2
fi
