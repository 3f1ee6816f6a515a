/* Pack files. A first octet of 0: the rest is a file. Else it is the version,
 * and, so that what is behind the signature is reached: lengths of header and
 * chunks (2 each),
 * header's CBOR, chunks, manifest's payload, in which 32 octets of 0xaa stand
 * for the header's hash; it is signed here. Sealed to the key of 2s. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/crypto/cose.h"
#include "lib/identity/pack_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct signer *signer;

static void
file_make(uint8_t version, struct bytes in, struct buf *out)
{
	uint8_t hash[SHA256_SIZE], mark[SHA256_SIZE], kid[COSE_KID_SIZE], *at;
	size_t head = in.len < 4 ? 0 : get_be16(in.ptr), chunks, offset;

	if (in.len < 4 || head > in.len - 4)
		return;
	chunks = get_be16(in.ptr + 2);
	if (chunks > in.len - 4 - head)
		return;
	buf_put(out, PACK_MAGIC, PACK_MAGIC_SIZE);
	buf_put_be16(out, version);
	buf_put_be16(out, 0);
	buf_put_be32(out, (uint32_t)head);
	buf_put(out, in.ptr + 4, head);
	if (sha256_once(buf_bytes(out), hash) ||
	    cose_key_thumbprint(signer_public(signer), kid))
		abort();
	buf_put(out, in.ptr + 4 + head, in.len - 4 - head);
	offset = PACK_HEAD + head + chunks;
	memset(mark, 0xaa, sizeof(mark));
	at = memmem(out->ptr + offset, out->len - offset, mark, sizeof(mark));
	if (at != NULL)
		memcpy(at, hash, sizeof(hash));
	{
		_cleanup_buf_ struct buf body = BUF_INIT;

		buf_put(&body, out->ptr + offset, out->len - offset);
		out->len = offset;
		if (cose_sign1_sign(out, signer, bytes_of(kid, sizeof(kid)),
		    PACK_MANIFEST_TYP, buf_bytes(&body), BYTES_NONE, NULL))
			abort();
	}
	buf_put_be64(out, offset);
	buf_put_be32(out, (uint32_t)(out->len - offset - 8));
	buf_put(out, PACK_END_MAGIC, PACK_MAGIC_SIZE);
}

static void
use(struct pack *pack)
{
	uint8_t private[KEY_PRIVATE_SIZE];
	char code[CLAIM_CODE_SIZE], read[CLAIM_CODE_SIZE];
	uint64_t i, index;
	bool whole;

	memset(private, 2, sizeof(private));
	whole = pack_check(pack, NULL, NULL, NULL) == ERR_OK;
	for (i = 0; i < pack_header(pack)->count && i < 20; i++) {
		_cleanup_secret_ struct secret out = SECRET_INIT;

		if ((pack_open_package(pack, i, bytes_of(private,
		    sizeof(private)), &index, &out, NULL) == ERR_OK) !=
		    (out.ptr != NULL))
			abort();
	}
	if (pack_claim_code(pack, bytes_of(private, sizeof(private)), 7, code,
	    NULL) == ERR_OK && code[0] != '\0' &&
	    (claim_code_read(bytes_text(code), read, NULL) != ERR_OK ||
	    strcmp(code, read) != 0))
		abort();
	if (!whole && pack_check(pack, NULL, NULL, NULL) == ERR_OK)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t ones[KEY_PRIVATE_SIZE] = { [31] = 1 };
	_cleanup_buf_ struct buf file = BUF_INIT;
	_cleanup_pack_ struct pack *pack = NULL;
	struct diag diag = DIAG_INIT;
	static int fd = -1;
	char path[32];

	if (fd < 0) {
		fd = memfd_create("pack", 0);
		if (fd < 0 || signer_new(KEY_P256, bytes_of(ones,
		    sizeof(ones)), &signer, NULL))
			abort();
	}
	if (size == 0)
		return 0;
	if (data[0] == 0)
		buf_put(&file, data + 1, size - 1);
	else
		file_make(data[0], bytes_of(data + 1, size - 1), &file);
	if (ftruncate(fd, 0) != 0 || pwrite(fd, file.ptr, file.len, 0) !=
	    (ssize_t)file.len)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (pack_open(io_posix(), path, signer_public(signer), 1, &pack,
	    &diag) == ERR_OK)
		use(pack);
	else if (diag.what[0] == '\0')
		abort();
	return 0;
}
