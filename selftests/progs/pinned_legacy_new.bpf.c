// SPDX-License-Identifier: GPL-2.0-only
#define VERDICT NEW
#define LEGACY
#include "legacy.h"
#include "pinned.h"
