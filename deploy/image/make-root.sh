#!/bin/sh
# make-root.sh FOLDER PROGRAM… [-- LIBRARY…]: fills FOLDER with the root of an image in which these programs run and nothing else does: each
# where it is here, with the libraries that it and the further ones (a package's *.node files) are loaded with. No shell, no package manager.
# Of Debian's packages that the files are from, it keeps the licence and the entry that vulnerability scanners read. Needs Debian with merged /usr.
set -eu
[ $# -ge 2 ] || { echo "usage: make-root.sh FOLDER PROGRAM… [-- LIBRARY…]" >&2; exit 2; }
root=$1
shift
mkdir -p "$root"
[ -z "$(ls -A "$root")" ] || { echo "make-root.sh: $root is not empty" >&2; exit 1; }
# Of these, some are there for what is mounted on them.
for folder in usr/bin usr/lib usr/lib64 etc/ssl/certs tmp var/lib/dpkg/status.d usr/share/doc dev proc sys run/secrets media; do mkdir -p "$root/$folder"; done
chmod 1777 "$root/tmp"
for folder in bin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done

list=$(mktemp)
trap 'rm -f "$list" "$list".*' EXIT

# Adds the libraries of a file to the list, by the names that the loader looks for them. A file that is linked with none has none.
libraries_of() {
  ldd "$1" >"$list.ldd" 2>/dev/null || return 0
  if grep 'not found' "$list.ldd" >&2; then
    echo "make-root.sh: $1 needs a library that is not here" >&2
    exit 1
  fi
  sed -n 's/^.* => \(\/[^ ]*\) (0x.*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (0x.*/\1/p' "$list.ldd" >>"$list"
}

programs=yes
for name in "$@"; do
  if [ "$name" = -- ]; then programs=no; continue; fi
  path=$(command -v -- "$name") || { echo "make-root.sh: there is no $name" >&2; exit 1; }
  if [ $programs = yes ]; then echo "$path" >>"$list"; fi
  libraries_of "$path"
done
# What lies beside a package's own libraries comes with the package.
sed 's|^/\(bin\|lib\|lib64\)/|/usr/\1/|' "$list" | grep -v '/node_modules/' | sort -u >"$list.files"

: >"$list.packages"
while IFS= read -r path; do
  mkdir -p "$root$(dirname "$path")"
  # By its content: a link, through Debian's alternatives too, becomes the file.
  cp -L "$path" "$root$path"
  real=$(readlink -f "$path")
  dpkg-query -S "$real" "${real#/usr}" "$path" 2>/dev/null | sed -n 's/^\([^:, ]*\).*/\1/p' | head -n 1 >>"$list.packages"
done <"$list.files"

# What programs look up: who they are, names, certificates, and what system this is.
cp -L /etc/os-release "$root/etc/os-release"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/:/nonexistent\nreupload:x:1000:1000:reupload:/tmp:/nonexistent\n' >"$root/etc/passwd"
printf 'root:x:0:\nreupload:x:1000:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
echo ca-certificates >>"$list.packages"

sort -u "$list.packages" | while IFS= read -r package; do
  dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
  if [ -f "/usr/share/doc/$package/copyright" ]; then
    mkdir -p "$root/usr/share/doc/$package"
    cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
  fi
done
