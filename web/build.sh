#!/bin/sh
# Copies the browser files that perfcast embeds from npm into assets/. Without
# npm, or without a network, it says so and leaves the build to go on without.
set -eu
cd "$(dirname "$0")"

files="graphiql/graphiql.min.js graphiql/graphiql.min.css react/umd/react.production.min.js react-dom/umd/react-dom.production.min.js"

stale=
for f in $files; do
  have=assets/$(basename "$f")
  if [ ! -s "$have" ] || [ package-lock.json -nt "$have" ]; then stale=1; fi
done
[ -n "$stale" ] || exit 0

if ! npm ci --ignore-scripts --no-audit --no-fund --silent; then
  echo "npm could not fetch GraphiQL: building without it (its page will say so)" >&2
  exit 0
fi
for f in $files; do
  cp "node_modules/$f" assets/
  touch "assets/$(basename "$f")"
done
rm -rf node_modules # 100 MB of sources that are bundled in those files already
