// SPDX-License-Identifier: GPL-2.0-only
#define VERDICT OLD
#define LEGACY
#include "legacy.h"
#include "pinned.h"
