#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um-debug
# @needs faults
# Each allocation of a request fails once. Each time the kernel must do all or
# nothing, and report which: the attachment and all reference counts must be as
# before, or as after the same request without a fault. S6, S16
. "$(dirname "$0")/../lib/testing.sh"
shopt -s extglob

# "entry" uses the arrays "first" and "third", "one" uses "second" and "third". A
# state is the name of the attached program or "none", with ",hold" if it is held,
# and ",bound" if "second" is bound to "entry".
load_programs() {
	local object=chain.bpf.o type=xdp what

	[[ $way != tc* ]] || object=chain.tc.bpf.o type=classifier where=ingress
	[[ $way != tcx* ]] || where=tcx_ingress
	bpftool prog loadall "$objs/$object" "$pins/p" type $type pinmaps "$pins/m"
	objects=()
	for what in map/{first,second,third} prog/{entry,one}; do
		ask ids newest "${what%/*}" "${what#*/}"
		id[${what#*/}]=$answer
		objects+=("${what%/*}" "$answer")
	done
	ask bind "$pins/p/entry" "${id[third]}"
	ask bind "$pins/p/one" "${id[third]}"
}

# observe: sets seen to the state that a fault must not change
observe() {
	says 1 ids slots "${id[third]}"
	ask refs "${objects[@]}"
	# without the ids, which change with each load
	counts=${answer//+([0-9]) refs/refs} link=''
	if [ -e "$pins/link" ]; then
		case $way in
		link) ask link info "$pins/link" ;;
		*) ask hook info "$pins/link" ;;
		esac
		link=$answer
	fi
	ask ids state "$dev" "$where"
	state=$answer
	[[ $counts != *"maps 3 prog"* ]] || state+=,bound
	seen="$state, link: $link, $counts"
}

# sees SEEN...: the state must be one of these
sees() { observe && [[ $seen == "$1" || $seen == "${2:-$1}" ]]; }

# measure STATE: observe, without a fault. By S2, a hold is one user reference
# to each array, in addition to the pin's. A link reports the same program and
# flag.
measure() {
	local entry=0 one=0 bound=0 pinned=0 flags=none word

	[[ $1 != entry,hold* ]] || entry=1 flags=hold
	[[ $1 != one,hold ]] || one=1 flags=hold
	[[ $1 != *,hold,bound ]] || bound=1
	[ ! -e "$pins/m/third" ] || pinned=1
	# Some references are dropped after a grace period.
	ask settle
	observe
	read -r -a word <<<"$counts"
	expect "state, user references and holds" \
		"$1 $((1 + entry)) $((1 + one + bound)) $((pinned + entry + one)) $entry $one" \
		"$state ${word[4]} ${word[9]} ${word[14]} ${word[19]} ${word[26]}"
	[[ -z $link || $1,$link == none,"none flags none prog "* ]] ||
		expect "the link" "$dev flags $flags prog ${id[${1%,hold}]}" "$link"
}

# request_for FROM TO: sets request to the one that leads from FROM to TO
request_for() {
	local prog=$pins/p/${2%,hold} flags=$mode

	[ "$2" != none ] || prog=none
	[[ $2 != *,hold ]] || flags+=,hold
	case $way,$1,$2 in
	link,none,*) request=(link create "$prog" "$flags" "$dev" "$pins/link") ;;
	tcx_link,none,*)
		request=(hook link tcx_ingress "$dev" "$prog" "$flags" "$pins/link")
		;;
	*link,*,none) request=(link detach "$pins/link") ;;
	*link,*) request=(link update "$pins/link" "$prog") ;;
	tcx,none,*) request=(hook attach tcx_ingress "$dev" "$prog" "$flags") ;;
	tcx,*,none) request=(hook detach tcx_ingress "$dev" "$pins/p/${1%,hold}") ;;
	tcx,*)
		request=(hook attach tcx_ingress "$dev" "$prog" "$flags,replace"
			"$pins/p/${1%,hold}")
		;;
	*) request=("$way" "$dev" "$prog" "$flags") ;;
	esac
}

# move FROM TO: without a fault. The pin of a detached link keeps its program.
move() {
	local request

	[ "$1" != none ] || rm -f "$pins/link"
	request_for "$1" "$2"
	[ "$1" = "$2" ] || says ok "${request[@]}"
	[ "$2" != none ] || rm -f "$pins/link"
}

# fail_each FROM TO UNDO...: run the request from state FROM to TO with failures
# of each allocation in turn. UNDO leads back. Ends in state TO.
fail_each() {
	local from=$1 to=$2 before after what fault result n
	shift 2

	measure "$from"
	before=$seen
	says ok "${request[@]}"
	measure "$to"
	after=$seen
	for ((n = 1; n < 1000; n++)); do
		[ "$seen" = "$before" ] || "$@"
		until_true "$from again" sees "$before"
		ask fail $n "${request[@]}"
		read -r fault result <<<"$answer"
		what="$from to $to, fault $n: $result"
		case $result in
		ok*) until_true "$what" sees "$after" ;;
		lost) until_true "$what" sees "$before" "$after" ;;
		*) until_true "$what" sees "$before" ;;
		esac
		[ "$fault" = injected ] || break
	done
	expect "$what" "complete ok" "$fault ${result%% *}"
	# other requests for a link, and for tcx, may need no memory
	[[ $n -gt 1 || ($way == @(link|tcx*) && $from != none) ]] || fail "$what"
	faults=$((faults + n - 1))
}

attachments() {
	local from to nothing

	load_programs
	measure none
	nothing=$seen
	for from in none entry entry,hold; do
		for to in none entry entry,hold one one,hold; do
			# an update of a link cannot change its flag
			case "$way $from $to" in
			*" none none" | *" none one"*) continue ;;
			*"link entry "*,hold | *"link entry,hold "@(entry|one)) continue ;;
			# the same program is rejected
			"tcx entry"?(,hold)" entry"*) continue ;;
			esac
			move none "$from"
			# Between two holds, "third" has no other user
			# reference.
			[[ "$from $to" != *",hold "*,hold ]] || rm "$pins/m/third"
			request_for "$from" "$to"
			fail_each "$from" "$to" move "$to" "$from"
			[ -e "$pins/m/third" ] ||
				bpftool map pin id "${id[third]}" "$pins/m/third"
			move "$to" none
			until_true "nothing again" sees "$nothing"
		done
	done
	measure none
}

# load_again STATE: a binding cannot be undone
load_again() {
	says ok xdp "$dev" none "$mode"
	rm -rf "$pins"/{p,m}
	load_programs
	move none "$1"
	request=(bind "$pins/p/entry" "${id[second]}")
}

binds() {
	local state bound=''

	for state in none entry entry,hold; do
		load_again "$state"
		fail_each "$state" "$state,bound" load_again "$state"
		bound=${bound:-$seen}
		says ok xdp "$dev" none "$mode"
		until_true "bound, and nothing attached" sees "$bound"
	done
}

# each LEAST WAY MODE [DEV COMMAND]: WAY is xdp, tc, link, tcx or tcx_link. At
# least LEAST faults must be injected.
each() {
	local way=$2 mode=$3 dev=${4:-eth0} where=xdp faults=0 debug=/sys/kernel/debug
	local -A id # of programs and arrays, by name

	echo N | tee $debug/fail{slab,_page_alloc}/ignore-gfp-wait \
		$debug/{failslab/cache-filter,fail_page_alloc/ignore-gfp-highmem}
	echo 0 | tee $debug/{failslab,fail_page_alloc}/verbose \
		$debug/fail_page_alloc/min-order
	if [ "$dev" = bond7 ]; then add_bond; else add_pair eth0; fi
	# a qdisc has a list for tcx
	[[ $way == tcx* ]] || tc qdisc add dev "$dev" clsact
	defer rm -rf "$pins"/{p,m,link}
	"${5:-attachments}"
	figure "$faults faults"
	[ $faults -ge "$1" ] || fail "fewer than $1 faults"
	# Both disable themselves if they cannot allocate memory.
	absent 'kmemleak: Kernel memory leak detector disabled' dmesg
	absent 'ODEBUG: Out of memory' dmesg
}

case_xdp_native() { each 100 xdp drv; }
case_xdp_generic() { each 100 xdp skb; }
case_tc() { each 100 tc direct; }
case_link_native() { each 30 link drv; }
case_link_generic() { each 10 link skb; }
case_tcx() { each 3 tcx none; }
case_tcx_link() { each 3 tcx_link none; }
case_bind_map() { each 3 xdp drv eth0 binds; }
# One of two slaves may already have the program
case_bond() { each 100 xdp drv bond7; }

run_cases "$@"
