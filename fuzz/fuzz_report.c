/* Reports. A first octet of 0: the rest is a file. Else, so that what is
 * behind the signature is reached: length of the records (2), records,
 * payload, in which 32 octets of 0xaa stand for the records' hash. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/identity/report_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct signer *signer;

static void
file_make(struct bytes in, struct buf *out)
{
	uint8_t hash[SHA256_SIZE], mark[SHA256_SIZE], kid[COSE_KID_SIZE], *at;
	size_t records = in.len < 2 ? 0 : get_be16(in.ptr), offset;
	_cleanup_buf_ struct buf body = BUF_INIT;

	if (in.len < 2 || records > in.len - 2)
		return;
	buf_put(out, REPORT_MAGIC "\0\1\0\0", REPORT_HEAD);
	buf_put(out, in.ptr + 2, records);
	buf_put(&body, in.ptr + 2 + records, in.len - 2 - records);
	if (sha256_once(buf_bytes(out), hash) ||
	    cose_key_thumbprint(signer_public(signer), kid))
		abort();
	memset(mark, 0xaa, sizeof(mark));
	at = memmem(body.ptr, body.len, mark, sizeof(mark));
	if (at != NULL)
		memcpy(at, hash, sizeof(hash));
	offset = out->len;
	if (cose_sign1_sign(out, signer, bytes_of(kid, sizeof(kid)),
	    REPORT_TYP, buf_bytes(&body), BYTES_NONE, NULL))
		abort();
	buf_put_be64(out, offset);
	buf_put_be32(out, (uint32_t)(out->len - offset - 8));
	buf_put(out, REPORT_END_MAGIC, REPORT_MAGIC_SIZE);
}

static enum err
record_look(void *ctx, const struct report *report,
    const struct report_record *record, struct diag *diag)
{
	uint64_t *count = ctx;

	(void)diag;
	if (record->pack >= report->pack_count ||
	    record->position >= report->packs[record->pack].count ||
	    report_record_check(record) != NULL)
		abort();
	(*count)++;
	return ERR_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t ones[KEY_PRIVATE_SIZE] = { [31] = 1 };
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct report_totals sum;
	struct report report;
	uint64_t count = 0;
	static int fd = -1;
	char path[32];

	if (fd < 0) {
		fd = memfd_create("report", 0);
		if (fd < 0 || signer_new(KEY_P256, bytes_of(ones,
		    sizeof(ones)), &signer, NULL))
			abort();
	}
	if (size == 0)
		return 0;
	if (data[0] == 0)
		buf_put(&file, data + 1, size - 1);
	else
		file_make(bytes_of(data + 1, size - 1), &file);
	if (ftruncate(fd, 0) != 0 || pwrite(fd, file.ptr, file.len, 0) !=
	    (ssize_t)file.len)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (report_read(io_posix(), path, signer_public(signer), record_look,
	    &count, &report, &diag) != ERR_OK) {
		if (diag.what[0] == '\0')
			abort();
		return 0;
	}
	report_total(&report, &sum);
	if (count != report.records || count != sum.injected + sum.reworked +
	    sum.scrapped + sum.open)
		abort();
	return 0;
}
