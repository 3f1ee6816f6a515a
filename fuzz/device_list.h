/*
 * What the fuzz targets of lib/devices share: octets read as a list in one
 * format. Whatever they are, a refusal says why, and what is taken is the
 * same list when it is read in its canonical form.
 */
#ifndef IMPRINT_FUZZ_DEVICE_LIST_H
#define IMPRINT_FUZZ_DEVICE_LIST_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/devices/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A maker whose private key is 1. */
static const char maker_hex[] =
	    "3082010b3081b1a003020102020101300a06082a8648ce3d040302300e310c30"
	    "0a06035504030c036f6e653020170d3230303130313030303030305a180f3930"
	    "3030303130313030303030305a300e310c300a06035504030c036f6e65305930"
	    "1306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247"
	    "f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b"
	    "8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5300a06082a8648ce"
	    "3d04030203490030460221009a7d82f1fb1c64357a17ec304a0b6ce4ad933078"
	    "498072acb134633d941a1f82022100cf20f830dff67a87af927aed34eb11304f"
	    "57aba2547c4ed29c12667b4f4605b9";
static const uint8_t maker_key[KEY_PRIVATE_SIZE] = { [31] = 1 };

static inline struct bytes
maker_cert(void)
{
	static uint8_t der[sizeof(maker_hex) / 2];
	size_t len = 0;

	if (hex_decode(maker_hex, der, sizeof(der), &len) != ERR_OK)
		abort();
	return bytes_of(der, len);
}

static inline enum err
octets_put(void *ctx, struct bytes octets)
{
	buf_put_bytes(ctx, octets);
	return ERR_OK;
}

static inline enum err
list_read(const char *format_name, struct bytes octets,
    enum device_list_kind kind, struct buf *out)
{
	static const unsigned slots[] = { 0, 1 };
	const struct device_list_signer maker = { "one", maker_cert() };
	const struct device_list_sink sink = { .put = octets_put,
		.ctx = out };
	struct device_list_input input = { .kind = kind, .slots = slots,
		.slot_count = 1, .signers = &maker, .signer_count = 1,
		.now = 1790000000 };
	_cleanup_list_writer_ struct device_list_writer *w = NULL;
	const struct device_list_format *format = NULL;
	struct file file = { .io = io_posix(), .fd = -1, .path = NULL };
	struct diag diag = DIAG_INIT;
	uint8_t hash[SHA256_SIZE];
	uint64_t count;
	enum err err;

	file.fd = memfd_create("list", 0);
	if (file.fd < 0 || write(file.fd, octets.ptr, octets.len) !=
	    (ssize_t)octets.len)
		abort();
	input.file = &file;
	err = device_list_format_find(format_name, &file, &format, &diag);
	if (!err)
		err = device_list_writer_new("f", format->place_word, &sink,
		    &w, &diag);
	if (!err)
		err = format->read(&input, w, &diag);
	if (!err)
		err = device_list_end(w, &count, hash, &diag);
	(void)close(file.fd);
	if ((err != ERR_OK) != (diag.what[0] != '\0'))
		abort();
	return err;
}

static inline void
list_fuzz(const char *format, struct bytes octets)
{
	enum device_list_kind kind;

	for (kind = DEVICE_LIST_CHIPS; kind <= DEVICE_LIST_KEYS; kind++) {
		_cleanup_buf_ struct buf list = BUF_INIT, again = BUF_INIT;

		if (list_read(format, octets, kind, &list) != ERR_OK)
			continue;
		if (list_read("list", buf_bytes(&list), kind, &again) !=
		    ERR_OK || again.len == 0)
			abort();
	}
}

#endif
