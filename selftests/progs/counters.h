/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters of count.h */
#ifndef COUNTERS_H
#define COUNTERS_H

enum counter { ENTERED, MISSED, HIT, DEEP_MISSED, DEEP_HIT, COUNTERS };

#endif
