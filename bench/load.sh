#!/bin/sh
# load.sh PROGRAM: starts the program on a database of its own, fills it with
# 100,000 predictions, and measures it at 64 connections.
set -e
dir=$(mktemp -d)
trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$dir"' EXIT
"$1" --predictive-only --predictive-port 0 --db-path "$dir/load.duckdb" >"$dir/out" 2>&1 &
pid=$!
until grep -q Ready "$dir/out"; do
	kill -0 $pid || { cat "$dir/out"; exit 1; }
	sleep 0.1
done
url=$(sed -n 's/.*Predictive API *\(http:\/\/[^\/ ]*\).*/\1/p' "$dir/out")
${GO:-go} run ./bench/load -url "$url" -pid $pid -rows "${ROWS:-100000}" -connections "${CONNECTIONS:-64}" -duration "${DURATION:-10s}"
