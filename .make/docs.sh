#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# docs.sh: report new findings, compared with the base, of the kernel's documentation tools: Sphinx on Documentation/bpf,
# kernel-doc on each file that the series changes. Validate the netlink specs that it changes, and compile the C code that is
# generated from them. Quick if the tree has not changed.
. "$(dirname "$0")/lib.sh"

src=$build/src
out=$build/docs
specs=Documentation/netlink/specs
ynl=tools/net/ynl
stamp=$build/state/docs
inputs=$(cat "$build/state/linux" "$build/state/linux-patched" "${BASH_SOURCE[0]}" | sha256sum)
[ "$(cat "$stamp" 2>/dev/null)" != "$inputs" ] || exit 0

"$top/.make/deps.sh" docs
bad=0
export PYTHONDONTWRITEBYTECODE=1
mapfile -t changed < <(git -C "$src/linux-patched" diff --name-only base)

# sphinx TREE: its warnings, without line numbers and paths
sphinx() {
	local log=$build/log/docs-$1.log

	rm -rf "${out:?}/$1"
	mkdir -p "$out/$1" "$build/log"
	make -C "$src/$1" SPHINXDIRS=bpf BUILDDIR="$out/$1" htmldocs >"$log" 2>&1 ||
		{
			tail -n 20 "$log" >&2
			die "the documentation of build/src/$1 does not build (build/log/docs-$1.log)."
		}
	[ -s "$out/$1/bpf/maps.html" ] || die "Sphinx did not write bpf/maps.html (build/log/docs-$1.log)."
	{ grep -E 'WARNING|ERROR|CRITICAL' "$log" || :; } | sed -E 's#^[^ ]*/(Documentation/)#\1#; s#:[0-9]+##' | sort -u
}

kernel_doc() {
	local file

	for file in "${changed[@]}"; do
		case $file in
		*.[ch])
			[ ! -e "$src/$1/$file" ] ||
				(cd "$src/$1" && tools/docs/kernel-doc -Wall -none "$file" 2>&1) | sed -E 's#:[0-9]+#:#'
			;;
		esac
	done | sort -u
}

# news WHAT COMMAND: the lines that COMMAND prints only for the patched tree
news() {
	local what=$1 new
	shift

	"$@" linux >"$out/$1.base"
	"$@" linux-patched >"$out/$1.patched"
	new=$(comm -13 "$out/$1.base" "$out/$1.patched")
	[ -z "$new" ] || {
		say "$what:" "$new"
		bad=1
	}
}

# The spec matches its schema, and the C code that is generated from it compiles.
check_spec() {
	local name made gen tree=$src/linux-patched

	name=$(basename "$1" .yaml)
	python3 "$tree/$ynl/pyynl/cli.py" --spec "$tree/$1" --validate || {
		say "$1 is not valid"
		bad=1
	}
	made=$out/$name-user
	gen=(python3 "$tree/$ynl/pyynl/ynl_gen_c.py" --mode user --spec "$tree/$1")
	"${gen[@]}" --header -o "$made.h"
	"${gen[@]}" --source -o "$made.c"
	make -s -f - UAPI_PATH="$tree/include/uapi/" "$made.o" <<-EOF ||
		include $tree/$ynl/Makefile.deps
		$made.o: $made.c; gcc -O1 -Wall -Werror -I$tree/$ynl/lib -idirafter \$(UAPI_PATH) \$(CFLAGS_$name) -c -o \$@ \$<
	EOF
		{
			say "the C code generated from $1 does not compile"
			bad=1
		}
}

mkdir -p "$out"
news "Sphinx warns of" sphinx
news "kernel-doc warns of" kernel_doc
for file in "${changed[@]}"; do
	[[ $file != "$specs"/*.yaml ]] || check_spec "$file"
done
[ $bad = 0 ] || die "the documentation has findings."
echo "$inputs" >"$stamp"
