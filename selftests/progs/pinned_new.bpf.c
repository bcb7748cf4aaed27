// SPDX-License-Identifier: GPL-2.0-only
#define VERDICT NEW
#include "arrays.h"
#include "pinned.h"
