// SPDX-License-Identifier: GPL-2.0-only
#define VERDICT OLD
#include "arrays.h"
#include "pinned.h"
