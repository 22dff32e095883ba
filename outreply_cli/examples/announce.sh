#!/bin/sh
# announce.sh VERSION NOTES: Announce a release once, however often it runs.
# OUTREPLY_API_KEY comes from the environment.
set -eu
version=$1 notes=$2

code=0
posts=$(outreply posts publish --page linkedin:acme-co --page x:bluebird \
  -F "$notes" --key "$version" --yes -q) || code=$?

case $code in
  0) echo "Announced $version:" && echo "$posts" ;;
  3) echo "Some pages failed. Run it again: published posts are not repeated." >&2 ;;
  6) echo "A limit is reached. Run it again later." >&2 ;;
  7) echo "Network or server failure. Run it again." >&2 ;;
esac
exit "$code"
