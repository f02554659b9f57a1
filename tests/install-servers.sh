#!/usr/bin/env bash
# Installs the small servers and clients that the tests start, when they are missing. Their packages would run the
# servers for everybody as well, which nobody asked for.
set -euo pipefail
PATH="$PATH:/usr/sbin"
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
missing=()
for program in ngircd ii prosody; do
    command -v "$program" >/dev/null || missing+=("$program")
done
[ ${#missing[@]} -gt 0 ] || exit 0
$sudo apt-get update -qq >/dev/null
$sudo apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
if [ -d /run/systemd/system ]; then
    for service in "${missing[@]}"; do
        $sudo systemctl disable --quiet --now "$service" 2>/dev/null || true
    done
fi
