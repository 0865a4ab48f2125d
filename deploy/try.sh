#!/usr/bin/env bash
# What cannot be tried without Docker: an empty environment, made by an unprivileged user from a source tree that
# nobody may write, by the Dockerfile's lines; then the server, which must answer.
set -euo pipefail
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'kill "${server:-}" 2> /dev/null || true; chmod -R u+w "$place"; rm -rf "$place"' EXIT
mkdir "$place/source" "$place/opt"
cp -R pyproject.toml constraints.txt README.md LICENSE src "$place/source"
find "$place/source" -name __pycache__ -prune -exec rm -rf {} +
chmod -R a-w "$place/source"
as=(env -i "PATH=$PATH" "HOME=/nonexistent" PYTHONDONTWRITEBYTECODE=1 SAYSO_PORT=0)
if [ "$(id -u)" = 0 ]; then  # root may write anywhere
    chmod 755 "$place"
    chown -R nobody "$place/opt"
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups "${as[@]}")
fi
for python in ${PYTHON:-} "$(python3 -c 'import sys; print(sys.base_prefix)')/bin/python3" /usr/bin/python3; do
    "${as[@]}" "$python" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 11)' 2> /dev/null && break
done
cd "$place/source"
"${as[@]}" "$python" -m venv "$place/opt/sayso"
"${as[@]}" TMPDIR="$place/opt" "$place/opt/sayso/bin/python" -m pip install --quiet --no-cache-dir \
    --constraint constraints.txt '.[formats,redis]'
cd /
"${as[@]}" TMPDIR="$place/source" "$place/opt/sayso/bin/sayso" serve > "$place/said" &
server=$!
for _ in $(seq 100); do grep -q http "$place/said" && break; sleep 0.2; done
address=$(grep -o 'http://[^ ,]*' "$place/said")
"${as[@]}" "$place/opt/sayso/bin/python" - "$address" << 'END'
import json, sys, urllib.request
for path in ("/healthz", "/readyz", "/metrics", "/listen"):
    assert urllib.request.urlopen(sys.argv[1] + path, timeout=30).status == 200, path
print("answers:", json.load(urllib.request.urlopen(sys.argv[1] + "/readyz", timeout=30))["status"])
END
du -sh "$place/opt/sayso" | cut -f1
