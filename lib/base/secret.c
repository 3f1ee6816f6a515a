#include "lib/base/secret.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Whole pages that hold cap bytes; 0 when that cannot be. */
static size_t
secret_mapped(size_t cap)
{
	size_t page;

	page = (size_t)sysconf(_SC_PAGESIZE);
	if (cap > SIZE_MAX - page)
		return 0;
	return cap == 0 ? page : (cap + page - 1) / page * page;
}

enum err
secret_alloc(struct secret *s, size_t cap)
{
	size_t mapped;
	void *ptr;

	mapped = secret_mapped(cap);
	if (mapped == 0)
		return ERR_NOMEM;
	ptr = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ptr == MAP_FAILED)
		return ERR_NOMEM;
	(void)madvise(ptr, mapped, MADV_DONTDUMP);
	(void)madvise(ptr, mapped, MADV_WIPEONFORK);
	s->locked = mlock(ptr, mapped) == 0;
	s->ptr = ptr;
	s->len = 0;
	s->cap = cap;
	return ERR_OK;
}

enum err
secret_reserve(struct secret *s, size_t cap)
{
	if (s->ptr != NULL && cap <= s->cap) {
		secret_clear(s);
		return ERR_OK;
	}
	secret_release(s);
	return secret_alloc(s, cap);
}

enum err
secret_copy(struct secret *s, struct bytes src)
{
	enum err err;

	err = secret_alloc(s, src.len);
	if (err)
		return err;
	return secret_put(s, src);
}

enum err
secret_put(struct secret *s, struct bytes src)
{
	if (src.len > s->cap - s->len)
		return ERR_LIMIT;
	if (src.len > 0)
		memcpy(s->ptr + s->len, src.ptr, src.len);
	s->len += src.len;
	return ERR_OK;
}

void
secret_clear(struct secret *s)
{
	/* all of the room: callers may have written past len by hand */
	if (s->ptr != NULL)
		wipe(s->ptr, s->cap);
	s->len = 0;
}

void
secret_release(struct secret *s)
{
	if (s->ptr != NULL) {
		wipe(s->ptr, s->cap);
		(void)munmap(s->ptr, secret_mapped(s->cap));
	}
	*s = (struct secret)SECRET_INIT;
}

bool
secret_is_locked(const struct secret *s)
{
	return s->locked;
}

bool
secret_equal(struct bytes a, struct bytes b)
{
	const volatile uint8_t *pa, *pb;
	volatile uint8_t diff;
	size_t i;

	/* lengths are no secret; the time stays that of b all the same */
	diff = a.len != b.len;
	pa = diff ? b.ptr : a.ptr;
	pb = b.ptr;
	for (i = 0; i < b.len; i++)
		diff = (uint8_t)(diff | (pa[i] ^ pb[i]));
	return diff == 0;
}

void
wipe(void *ptr, size_t len)
{
	if (len > 0)
		explicit_bzero(ptr, len);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAK_CHECK_PTRACES 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define LEAK_CHECK_PTRACES 1
#endif

void
process_protect(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
#ifndef LEAK_CHECK_PTRACES
	/* the leak checker of sanitizer builds ptraces its own process */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
