// SPDX-License-Identifier: GPL-2.0-only
/* tcx.o of docs/using.md */
#define TC
#include "count.h"

#undef ENTRY
#undef TARGET
#define ENTRY	"tcx/ingress"
#define TARGET	"tcx/ingress"
#include "jump.h"
