#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the library shows and what it calls:
#   check.sh exported NM LIBRARY   every exported symbol starts with spr_
#   check.sh called NM LIBRARY     nothing in it ends the process or writes to its streams
set -eu
what=$1 nm=$2 library=$3

case $what in
exported)
    # Names with two leading underscores belong to the compiler (sanitizers).
    names=$("$nm" -g --defined-only "$library" | awk 'NF == 3 {print $3}' | grep -v '^__' | sort -u)
    wrong=$(printf '%s\n' "$names" | grep -v '^spr_' || true)
    ;;
called)
    names=$("$nm" -u "$library" | awk 'NF == 2 {print $2}' | sed 's/@.*//' | sort -u)
    wrong=$(printf '%s\n' "$names" | grep -E -x \
        '(exit|quick_exit|abort|stdout|stderr|(__)?v?printf(_chk)?|puts|putchar|perror|__assert_fail)' || true)
    ;;
*)
    echo "unknown check: $what" >&2
    exit 2
    ;;
esac

count=$(printf '%s\n' "$names" | grep -c . || true)
if [ "$count" -lt 20 ]; then
    echo "only $count symbols seen in $library: the check itself is broken"
    exit 1
fi
if [ -n "$wrong" ]; then
    echo "$what symbols that should not be there:"
    printf '%s\n' "$wrong"
    exit 1
fi
echo "$count symbols, all as they should be"
