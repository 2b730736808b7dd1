#!/usr/bin/env bash
# Packs a millrace binary with its licence and documents: dist.sh BINARY FOLDER. The same binary gives the same bytes.
set -euo pipefail
binary=$1
folder=$2
cd "$(dirname "$0")/.."
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
kind=$(rustc -vV | sed -n 's/^host: //p')
name="millrace-$version-$kind"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/$name" "$folder"
install -m 755 "$binary" "$work/$name/millrace"
install -m 644 LICENSE README.md CHANGELOG.md "$work/$name/"
tar --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" --create "$name" |
  gzip --no-name --best >"$folder/$name.tar.gz"
echo "$folder/$name.tar.gz"
