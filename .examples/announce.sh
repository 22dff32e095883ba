#!/bin/sh
# announce.sh VERSION NOTES: announces a version once, however often it is run.
# OUTREPLY_API_KEY comes from the environment.
set -eu
version=$1 notes=$2

code=0
posts=$(outreply posts publish --page linkedin:acme-co --page x:bluebird \
  -F "$notes" --key "$version" --yes -q) || code=$?

case $code in
  0) echo "$version is announced." && echo "$posts" ;;
  3) echo "Some pages went without; run it again: what is out stays out." >&2 ;;
  6) echo "A limit is reached; run it again later." >&2 ;;
  7) echo "The network or the server failed; run it again." >&2 ;;
esac
exit "$code"
