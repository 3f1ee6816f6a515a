/*
 * A tar archive (POSIX.1-2017, pax: ustar) with a file for each part: keys as
 * PKCS#8, certificates, the document, all binary. Times are 0, owners nobody:
 * the same package gives the same octets.
 */
#include <stdio.h>

#include "lib/identity/form_internal.h"

#define BLOCK		512
#define MODE		0600
#define SUM_AT		148

/* The header of a file; content and padding follow. */
static void
header_put(struct buf *out, const char *name, size_t size)
{
	char block[BLOCK] = "";
	unsigned sum = 0;
	size_t i;

	(void)snprintf(block, 100, "%s", name);
	(void)snprintf(block + 100, 8, "%07o", MODE);
	(void)snprintf(block + 108, 8, "%07o", 0);	/* uid */
	(void)snprintf(block + 116, 8, "%07o", 0);	/* gid */
	/* far below 4 GB: a part of a package */
	(void)snprintf(block + 124, 12, "%011o", (unsigned)size);
	(void)snprintf(block + 136, 12, "%011o", 0);	/* mtime */
	memset(block + SUM_AT, ' ', 8);
	block[156] = '0';				/* a file */
	memcpy(block + 257, "ustar\0" "00", 8);
	for (i = 0; i < BLOCK; i++)
		sum += (uint8_t)block[i];
	(void)snprintf(block + SUM_AT, 8, "%06o", sum);
	buf_put(out, block, BLOCK);
}

static void
pad(struct buf *out, size_t size)
{
	static const uint8_t zero[BLOCK];

	if (size % BLOCK != 0)
		buf_put(out, zero, BLOCK - size % BLOCK);
}

static void
file_put(struct buf *out, const char *name, struct bytes content)
{
	if (content.len == 0)
		return;
	header_put(out, name, content.len);
	buf_put_bytes(out, content);
	pad(out, content.len);
}

static enum err
key_put(struct buf *out, const struct package_key *key, struct diag *diag)
{
	_cleanup_secret_ struct secret room = SECRET_INIT;
	struct buf der;
	char name[24];
	enum err err;

	err = secret_alloc(&room, 2 * KEY_PRIVATE_MAX);
	if (err)
		return err;
	der = (struct buf){ .ptr = room.ptr, .cap = room.cap,
	    .limit = room.cap };
	err = package_put_pkcs8(&der, key, diag);
	if (err)
		return err;
	(void)snprintf(name, sizeof(name), "slot-%u.key", key->slot);
	file_put(out, name, buf_bytes(&der));
	return ERR_OK;
}

static enum err
der_put(const struct package_plain *p, struct bytes layout, struct buf *out,
    struct diag *diag)
{
	static const char *const names[] = FORM_CHAIN_NAMES;
	enum err err = ERR_OK;
	char name[24];
	size_t i;

	(void)layout;
	for (i = 0; i < p->key_count && !err; i++)
		err = key_put(out, &p->keys[i], diag);
	for (i = 0; i < p->document.key_count; i++) {
		(void)snprintf(name, sizeof(name), "slot-%u.cer",
		    p->document.keys[i].slot);
		file_put(out, name, p->document.keys[i].certificate);
	}
	for (i = 0; i < p->chain_count; i++) {
		(void)snprintf(name, sizeof(name), "%s.cer", names[i]);
		file_put(out, name, p->chain[i]);
	}
	file_put(out, "document.cbor", p->encoded);
	/* two blocks of zeros end it */
	pad(out, 1);
	buf_put_u8(out, 0);
	pad(out, 1);
	buf_put_u8(out, 0);
	return err;
}

const struct package_form form_der = {
	.name = "der", .what = "a tar archive with a DER file for each part",
	.put = der_put
};
