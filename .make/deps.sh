#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# deps.sh [GOAL...]: check that everything that the build, the guests and these goals need is installed. Says what is missing
# and why it is needed, and installs it from Debian, as root or with sudo. Quick and silent if nothing is missing.
. "$(dirname "$0")/lib.sh"

# How to find it: a command, a header (as /path under /usr/include), or a file. Package. What it is for.
needs='
gcc                        gcc               the kernel and the tools
/stdio.h                   libc6-dev         the kernel and the tools
flex                       flex              the kernel and iproute2
bison                      bison             the kernel and iproute2
bc                         bc                the kernel
perl                       perl              the kernel and checkpatch
python3                    python3           libbpf
xz                         xz-utils          the kernel source
patch                      patch             the series
pahole                     pahole            the BTF of the kernel
ccache                     ccache            a second build in a tenth of the time
pkg-config                 pkg-config        iproute2
/libelf.h                  libelf-dev        the kernel and libbpf
/zlib.h                    zlib1g-dev        libbpf
/xxhash.h                  libxxhash-dev     the checksums of objtool
/libmnl/libmnl.h           libmnl-dev        iproute2
/sys/capability.h          libcap-dev        iproute2 and bpftool
clang                      clang             the BPF programs of the tests
llvm-strip                 llvm              the BPF programs of bpftool
qemu-system-x86_64         qemu-system-x86   the emulated guest
bwrap                      bubblewrap        the user-mode guest
ping                       iputils-ping      packets in the guest
ethtool                    ethtool           devices in the guest
strace                     strace            loaders that are killed in the guest
/usr/share/keyrings/debian-archive-keyring.gpg  debian-archive-keyring  the sources
'
for goal; do
	case $goal in
	check) needs+="
$(clang -print-resource-dir)/lib/linux/libclang_rt.fuzzer-x86_64.a  libclang-rt-$(clang -dumpversion | sed 's/\..*//')-dev  make check-all
"'
abidiff                    abigail-tools     make check
rst2man                    python3-docutils  make check
groff                      groff-base        make check
jq                         jq                make check
/usr/lib/python3/dist-packages/yaml  python3-yaml  the netlink specs
/bpf/libbpf.h              libbpf-dev        make check-all
go                         golang-go         make check-all
/usr/share/gocode/src/github.com/cilium/ebpf  golang-github-cilium-ebpf-dev  make check-all
/usr/share/gocode/src/github.com/vishvananda/netlink  golang-github-vishvananda-netlink-dev  make check-all
/usr/share/gocode/src/github.com/jsimonetti/rtnetlink  golang-github-jsimonetti-rtnetlink-dev  make check-all
/usr/lib/python3/dist-packages/pyroute2  python3-pyroute2  make check-all
' ;;
	upstream) needs+="
clang-$NEW_LLVM           clang-$NEW_LLVM          the BPF programs of upstream's tests
llvm-strip-$NEW_LLVM      llvm-$NEW_LLVM  the BPF programs of upstream's tests
rsync                      rsync             the build of upstream's tests
openssl                    openssl           the build of upstream's tests
/usr/bin/python3           python3           tc's tests in the guest
" ;;
	lint) needs+="
shellcheck                 shellcheck        make lint
shfmt                      shfmt             make lint
sparse                     sparse            make lint
pyflakes3                  pyflakes3         make lint
clang-$NEW_LLVM           clang-$NEW_LLVM          make lint
" ;;
	docs) needs+='
sphinx-build               python3-sphinx    the documentation of the kernel
/usr/lib/python3/dist-packages/jsonschema  python3-jsonschema  the netlink specs
' ;;
	bench) needs+='
gnuplot                    gnuplot-nox       make bench
' ;;
	pictures) needs+='
dot                        graphviz          make pictures
' ;;
	posting) needs+='
git-send-email             git-email         make posting
/usr/share/perl5/Mail/Address.pm  libmailtools-perl  git-email
' ;;
	deb) needs+="
mmdebstrap                 mmdebstrap        make deb
$([ "$(id -u)" -eq 0 ] || echo 'newuidmap    uidmap            make deb without root')
" ;;
	*) die "deps.sh: unknown goal '$goal'" ;;
	esac
done

has() {
	case $1 in
	git-*) [ -e "$(git --exec-path)/$1" ] ;;
	/usr/*) [ -e "$1" ] ;;
	/*) [ -e "/usr/include$1" ] || [ -e "/usr/include/x86_64-linux-gnu$1" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

[ "$(uname -m)" = x86_64 ] || die "this machine is $(uname -m), and the guest only runs on x86_64."
PATH=$PATH:/usr/sbin:/sbin
packages=() missing=()
while read -r probe package why; do
	if [ -z "$probe" ] || has "$probe"; then continue; fi
	missing+=("$probe") packages+=("$package")
	say "missing: $package, for $why"
done <<<"$needs"

if [ ${#packages[@]} -gt 0 ]; then
	install="apt-get install -y --no-install-recommends ${packages[*]}"
	if ! command -v apt-get >/dev/null; then
		die "apt-get is missing: install the equivalents of ${packages[*]} by hand."
	elif [ "$(id -u)" -eq 0 ]; then
		root=()
	elif sudo -n true 2>/dev/null; then
		root=(sudo -n)
	else
		die "the installation needs root: run 'apt-get update && $install' as root, then try again."
	fi
	log=$build/log/deps.log
	mkdir -p "$build/log"
	# dpkg runs only once at a time
	exec 7>"$build/log/.deps.lock"
	flock 7
	say "installing: ${packages[*]}"
	# shellcheck disable=SC2086 # a command in words
	if ! { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
		"${root[@]}" env DEBIAN_FRONTEND=noninteractive $install; } >"$log" 2>&1 </dev/null; then
		tail -n 5 "$log" | sed 's/^/    /' >&2
		die "the packages could not be installed (build/log/deps.log): run 'apt-get update && $install' as root."
	fi
	hash -r
	for probe in "${missing[@]}"; do
		has "$probe" || die "$probe is still missing after the installation: see build/log/deps.log."
	done
fi

# at_least TOOL VERSION MINIMUM: old tools fail late and with misleading messages.
at_least() {
	[ "$(printf '%s\n' "$3" "$2" | sort -V | head -n 1)" = "$3" ] ||
		die "$1 is version $2, but $3 or newer is required: install the one of Debian 12 or newer."
}
number() { grep -oE '[0-9]+(\.[0-9]+)+' <<<"$1" | head -n 1; }

stamp=$build/state/tools
tools=$(
	stat -L -c '%n %Y %s' "$(command -v gcc)" "$(command -v clang)" "$(command -v pahole)" \
		"$(command -v qemu-system-x86_64)"
	cat "$top/versions.mk"
)
[ "$(cat "$stamp" 2>/dev/null)" != "$tools" ] || exit 0
at_least gcc "$(number "$(gcc -dumpfullversion)")" "$MIN_GCC"
at_least clang "$(number "$(clang --version)")" "$MIN_CLANG"
at_least pahole "$(number "$(pahole --version)")" "$MIN_PAHOLE"
at_least qemu-system-x86_64 "$(number "$(qemu-system-x86_64 --version)")" "$MIN_QEMU"
mkdir -p "$build/state"
echo "$tools" >"$stamp"
