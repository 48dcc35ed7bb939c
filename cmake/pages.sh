#!/bin/sh
# pages.sh VIGIL DIR: the manual pages and the completion for bash, by the program itself from its table of options.
set -eu
vigil=$1 to=$2
mkdir -p "$to/man1" "$to/completions"
"$vigil" --completion >"$to/completions/vigil"
"$vigil" --manual >"$to/man1/vigil.1"
for command in $(sed -n 's/.* commands="\(.*\) help --help.*/\1/p' "$to/completions/vigil"); do
  "$vigil" "$command" --manual >"$to/man1/vigil-$command.1"
done
