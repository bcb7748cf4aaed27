// SPDX-License-Identifier: GPL-2.0-only
/* x.o and, for tc, tc.o of docs/using.md, with section names that every library
 * knows
 */
#include "hook.h"

#undef ENTRY
#define ENTRY	TARGET
#include "jump.h"
