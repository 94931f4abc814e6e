/* Kills the daemon at its n-th operation on the journal: CRASH_AT, from 1.
 * CRASH_HOW: "before" it, "after" it, or "torn" in the middle of a write.
 * While the file DISK_FULL is there, the disk is full: of each write to the
 * journal the first half fits. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int count;

static int is_money(int fd)
{
	char name[64], path[PATH_MAX];
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(name, path, sizeof path - 1);
	if (length < 0)
		return 0;
	path[length] = 0;
	return strstr(path, "/etc/tollgate/money") != NULL;
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Whether this operation is the one. */
static int is_it(void)
{
	const char *at = getenv("CRASH_AT");
	return at && __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST) == atoi(at);
}

static int is_how(const char *how)
{
	const char *set = getenv("CRASH_HOW");
	return set && strcmp(set, how) == 0;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define AROUND(condition, call)            \
	int it = (condition) && is_it();   \
	if (it && !is_how("after"))        \
		die();                     \
	__typeof__(call) result = call;    \
	if (it)                            \
		die();                     \
	return result

ssize_t write(int fd, const void *bytes, size_t length)
{
	REAL(write);
	const char *full = getenv("DISK_FULL");
	if (full && is_money(fd) && access(full, F_OK) == 0) {
		if (length < 2) {
			errno = ENOSPC;
			return -1;
		}
		static __thread const void *rest;
		/* A second write goes on where the first one ended. */
		if (bytes == rest) {
			rest = NULL;
			errno = ENOSPC;
			return -1;
		}
		ssize_t half = real(fd, bytes, length / 2);
		rest = (const char *)bytes + half;
		return half;
	}
	int it = is_money(fd) && is_it();
	if (it && is_how("before"))
		die();
	ssize_t result = real(fd, bytes, it && is_how("torn") ? length / 2 : length);
	if (it)
		die();
	return result;
}

int fdatasync(int fd) { REAL(fdatasync); AROUND(is_money(fd), real(fd)); }
int fsync(int fd) { REAL(fsync); AROUND(is_money(fd), real(fd)); }
int ftruncate64(int fd, off64_t length) { REAL(ftruncate64); AROUND(is_money(fd), real(fd, length)); }
int rename(const char *from, const char *to) { REAL(rename); AROUND(strstr(to, "/money/") != NULL, real(from, to)); }
