#!/bin/sh
# changelog.sh VERSION [FILE]: Announce a release with its section of the changelog, once.
# FILE is CHANGELOG.md by default, with headings such as "## [1.2.0] - 2026-05-01".
set -eu
version=$1 file=${2:-CHANGELOG.md}

notes=$(awk -v version="$version" '
  /^## / { is_wanted = ($2 == version || $2 == "[" version "]"); next }
  /^\[[^]]*\]: / { next }
  is_wanted { sub(/^### /, ""); print }
' "$file")
if [ -z "$(printf %s "$notes" | tr -d '[:space:]')" ]; then
  echo "$file has no section for $version" >&2
  exit 2
fi
printf 'Version %s is out\n%s\n' "$version" "$notes" |
  outreply posts publish --page linkedin:acme-co --page facebook:acme -F - \
    --key "release $version" --yes
