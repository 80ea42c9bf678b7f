#!/bin/sh
# env.sh PYTHON: make the environment of the client tests, .venv at the top of
# the repository, once for each state of requirements.txt. Where that cannot be
# done it says what is missing, and the tests that need it are skipped.
cd "$(dirname "$0")/../.." || exit 1
want=$(cksum test/python/requirements.txt)
[ "$(cat .venv/made-from 2>/dev/null)" = "$want" ] && exit 0
rm -rf .venv
if ! "$1" -m venv .venv; then
	echo "Python's venv module is missing (Debian: python3-venv): its clients are not tested"
elif ! .venv/bin/pip install --quiet --disable-pip-version-check -r test/python/requirements.txt; then
	echo "the packages of test/python/requirements.txt could not be installed: Python's clients are not tested"
	rm -rf .venv
else
	echo "$want" >.venv/made-from
fi
