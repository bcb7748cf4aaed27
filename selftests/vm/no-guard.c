// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loaded into um-debug before libc: threads without a guard page.
 *
 * KASAN saves a stack trace when a CPU that is being started frees memory. At
 * that time the CPU runs on the stack of its host thread, and user-mode Linux
 * reads up to the next multiple of THREAD_SIZE, which can be beyond the end of
 * that stack. The guard page of the previously started thread would be there,
 * and the access would kill the kernel. Without guard pages, the stack of that
 * thread is there.
 */
#include <pthread.h>

static void __attribute__((constructor)) remove_guard(void)
{
	pthread_attr_t attr;

	if (pthread_getattr_default_np(&attr))
		return;
	pthread_attr_setguardsize(&attr, 0);
	pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
}
