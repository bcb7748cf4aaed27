// SPDX-License-Identifier: GPL-2.0-only
/* What docs/using.md calls x.o and, for tc, tc.o: its sections are those that every
 * library knows
 */
#include "hook.h"

#undef ENTRY
#define ENTRY	TARGET
#include "jump.h"
