#!/bin/sh
# Writes the bindings of all worlds of ../../../../wit into this directory, or into the one that is
# given. Needs wit-bindgen 0.63.0 (`cargo install wit-bindgen-cli@0.63.0`) and gofmt on the path.
#
# The worlds share one set of types, so that the code above them is written once. The package that
# the bindings need comes from the same crate as the generator; it is kept beside them, so that a
# plugin's module needs nothing but this one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for world in transform keyed aggregate scalar; do
    wit-bindgen go "$here/../../../../wit" --world "$world" --quiet \
        --pkg-name millrace/internal/wit --out-dir "$work/$world" >/dev/null
    mkdir -p "$out/$world"
    sed -i 's,go.bytecodealliance.org/pkg/wit/,millrace/internal/wit/,' \
        $(find "$work/$world" -name '*.go')
    gofmt -w "$work/$world"
    mv "$work/$world/exports/wit_exports/wit_exports.go" "$out/$world/wit_exports.go"
    cp -R "$work/$world/imports" "$out/"
done
