/*
 * CRLs for tests, in memory: written by the real writer into a file of the
 * system without a name.
 */
#ifndef IMPRINT_X509_TEST_CRL_MAKE_H
#define IMPRINT_X509_TEST_CRL_MAKE_H

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/x509/crl_read.h"
#include "lib/x509/crl_write.h"
#include "lib/x509/test_make.h"

static inline void
crl_file_open(struct file *file)
{
	char path[64];
	int fd = memfd_create("crl", MFD_CLOEXEC);

	assert_true(fd >= 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(file_open(io_posix(), path, O_RDWR, 0, file, NULL),
	    ERR_OK);
	assert_int_equal(close(fd), 0);
}

static inline struct crl_head
crl_head_of(const struct authority *a, uint64_t number, int64_t from,
    int64_t to)
{
	return (struct crl_head){ .issuer_name = buf_bytes(&a->name),
		.issuer_key_id = bytes_of(a->key_id, KEY_ID_SIZE),
		.number = number, .this_update = from, .next_update = to };
}

/* The CRL of these entries, out holding it alone. head's entries_size is set
 * here. */
static inline void
crl_make(struct crl_head *head, const struct crl_entry *entries, size_t count,
    struct signer *signer, struct buf *out)
{
	_cleanup_crl_writer_ struct crl_writer *w = NULL;
	_cleanup_file_ struct file file = FILE_INIT;
	struct diag diag = DIAG_INIT;
	uint64_t size = 0, held;
	uint8_t *at;
	size_t i;

	head->entries_size = 0;
	for (i = 0; i < count; i++)
		head->entries_size += crl_entry_size(entries[i].serial.len,
		    entries[i].revoked, entries[i].reason);
	crl_file_open(&file);
	if (crl_writer_new(head, signer, &file, &w, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
	for (i = 0; i < count; i++)
		if (crl_writer_add(w, &entries[i], &diag) != ERR_OK)
			fail_msg("%s", diag.what);
	if (crl_writer_end(w, &size, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
	assert_int_equal(file_size(&file, &held, NULL), ERR_OK);
	assert_true(held == size);
	buf_clear(out);
	at = buf_extend(out, (size_t)size);
	assert_non_null(at);
	assert_int_equal(file_read_at(&file, 0, at, (size_t)size, NULL),
	    ERR_OK);
}

static inline struct crl_issuer
crl_issuer_of(const struct authority *a)
{
	struct crl_issuer issuer = { .name = buf_bytes(&a->name),
		.key = a->key };

	memcpy(issuer.key_id, a->key_id, KEY_ID_SIZE);
	return issuer;
}

#endif
