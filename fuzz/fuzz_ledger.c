/* A station's ledger. A first octet of 0: the rest is a file; else it is one
 * record's CBOR, which must come out of the writer as it went in. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "station/ledger_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum err
hear(void *ctx, const struct ledger_record *record, struct diag *diag)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	(void)ctx;
	(void)diag;
	ledger_put_record(&out, record);
	return buf_err(&out);
}

static void
record_use(struct bytes in)
{
	static const uint8_t version_1[] = { 0x86, LEDGER_IMPORT };
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct ledger_record record;
	const char *reason = NULL;

	if (ledger_parse_record(in, &record, &reason) != ERR_OK) {
		if (reason == NULL)
			abort();
		return;
	}
	ledger_put_record(&out, &record);
	if (memcmp(in.ptr, version_1, sizeof(version_1)) != 0 &&
	    !bytes_equal(buf_bytes(&out), in))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t station[SHA256_SIZE] = { 1, 2, 3 };
	const struct ledger_reader reader = { hear, NULL };
	struct diag diag = DIAG_INIT;
	_cleanup_ledger_ struct ledger *l = NULL;
	static int fd = -1;
	char path[32];

	if (fd < 0)
		fd = memfd_create("ledger", 0);
	if (fd < 0)
		abort();
	if (size == 0)
		return 0;
	if (data[0] != 0) {
		record_use(bytes_of(data + 1, size - 1));
		return 0;
	}
	if (ftruncate(fd, 0) != 0 || pwrite(fd, data + 1, size - 1, 0) !=
	    (ssize_t)(size - 1))
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (ledger_open(io_posix(), path, station, &reader, &l, &diag) !=
	    ERR_OK && diag.what[0] == '\0')
		abort();
	return 0;
}
