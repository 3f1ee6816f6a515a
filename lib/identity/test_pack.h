/* A pack for tests, written by hand where the library's writer would not. */
#ifndef IMPRINT_IDENTITY_TEST_PACK_H
#define IMPRINT_IDENTITY_TEST_PACK_H

#include "lib/identity/test_make.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cbor_write.h"
#include "lib/identity/pack_internal.h"

#define CHUNKS_MAX	8

static const uint8_t private_key[KEY_PRIVATE_SIZE] = { 0xa0 };

/* What a manifest says of a pack, for a writer that can be made to lie. */
struct manifest {
	uint64_t	version, number, count;
	uint8_t		pack[PACKAGE_ID_SIZE], order[PACKAGE_ID_SIZE];
	uint8_t		header_hash[SHA256_SIZE];
	const char	*typ;
	struct {
		uint64_t offset, length, first, count;
		uint8_t hash[SHA256_SIZE];
	} chunks[CHUNKS_MAX];
	size_t		chunk_count;
};

struct pack_world {
	char			 path[64];
	struct public_key	 recipient, signer_key, foreign_key;
	uint8_t			 private[KEY_PRIVATE_SIZE];
	struct signer		*signer, *foreign;
	struct pack_header	 header;
	struct buf		 file;		/* all of a good pack */
	size_t			 header_len, manifest_at;
	struct manifest		 manifest;
};

#define _cleanup_pack_world_ __attribute__((cleanup(pack_world_release)))

static inline void
pack_world_release(struct pack_world *w)
{
	signer_free(&w->signer);
	signer_free(&w->foreign);
	buf_release(&w->file);
	(void)unlink(w->path);
}

static inline void
write_file(const struct pack_world *w, struct bytes content)
{
	int fd = open(w->path, O_WRONLY | O_TRUNC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.ptr, content.len), content.len);
	assert_int_equal(close(fd), 0);
}

static inline void
put_chunk(struct pack_world *w, uint32_t number, uint32_t count)
{
	_cleanup_sealer_ struct package_sealer *sealer = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_buf_ struct buf chunk = BUF_INIT;
	struct package_key key = { 3, KEY_X25519, bytes_of(private_key,
	    KEY_PRIVATE_SIZE) };
	uint8_t enc[HPKE_ENC_MAX], commitment[SHA256_SIZE] = { 0 };
	uint64_t first = 1000 * (uint64_t)number + 7;
	size_t enc_len = 0, at = w->manifest.chunk_count;
	char document[32];
	uint32_t i;

	assert_int_equal(package_sealer_new(&sealer, NULL), ERR_OK);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(package_sealer_begin(sealer, &w->header.binding,
	    &w->recipient, enc, &enc_len, NULL), ERR_OK);
	assert_int_equal(pack_chunk_begin(&chunk, number, first, count,
	    bytes_of(enc, enc_len)), ERR_OK);
	for (i = 0; i < count; i++) {
		commitment[0] = (uint8_t)i;
		(void)snprintf(document, sizeof(document), "document %u",
		    (unsigned)(first + i));
		pack_chunk_mark(&chunk, enc_len, i, commitment);
		assert_int_equal(package_seal(sealer, first + i, commitment,
		    bytes_text(document), &key, 1, &chunk, NULL), ERR_OK);
	}
	w->manifest.chunks[at].offset = w->file.len;
	w->manifest.chunks[at].first = first;
	w->manifest.chunks[at].count = count;
	assert_int_equal(pack_chunk_end(&chunk, enc_len, sha256,
	    w->manifest.chunks[at].hash), ERR_OK);
	w->manifest.chunks[at].length = chunk.len;
	w->manifest.chunk_count++;
	buf_put_bytes(&w->file, buf_bytes(&chunk));
}

/* By the library's own writer. */
static inline void
put_manifest(struct pack_world *w)
{
	struct pack_chunk chunks[CHUNKS_MAX];
	uint8_t kid[COSE_KID_SIZE];
	size_t i;

	for (i = 0; i < w->manifest.chunk_count; i++) {
		chunks[i] = (struct pack_chunk){
		    .offset = w->manifest.chunks[i].offset,
		    .length = w->manifest.chunks[i].length,
		    .first = w->manifest.chunks[i].first,
		    .count = (uint32_t)w->manifest.chunks[i].count };
		memcpy(chunks[i].hash, w->manifest.chunks[i].hash,
		    SHA256_SIZE);
	}
	assert_int_equal(cose_key_thumbprint(&w->signer_key, kid), ERR_OK);
	w->manifest_at = w->file.len;
	assert_int_equal(pack_put_manifest(&w->file, w->file.len, &w->header,
	    w->manifest.header_hash, chunks, w->manifest.chunk_count,
	    w->signer, bytes_of(kid, sizeof(kid)), NULL), ERR_OK);
}

static inline void
header_fill(struct pack_world *w, enum key_alg alg, uint8_t id)
{
	static const uint8_t ecosystem[PACKAGE_ID_SIZE] = { 6 };
	struct pack_header *header = &w->header;

	memset(header->binding.pack, id, PACKAGE_ID_SIZE);
	memset(header->binding.order, 2, PACKAGE_ID_SIZE);
	memset(header->binding.product, 3, SHA256_SIZE);
	memset(header->binding.recipient, 4, SHA256_SIZE);
	header->number = 2;
	header->order_number = 9;
	header->recipient_alg = alg;
	header->ecosystem = bytes_of(ecosystem, sizeof(ecosystem));
	header->product_name = bytes_text("camera");
	header->certs[0] = bytes_text("first certificate");
	header->certs[1] = bytes_text("second");
	header->cert_count = 2;
}

/* counts ends with 0. */
static inline void
pack_make(struct pack_world *w, enum key_alg alg, uint8_t id,
    const uint32_t *counts)
{
	struct manifest *m = &w->manifest;
	uint32_t number;
	int fd;

	*w = (struct pack_world){ .path = "/dev/shm/imprint-pack-XXXXXX",
	    .file = BUF_INIT };
	fd = mkstemp(w->path);
	assert_true(fd >= 0 && close(fd) == 0);
	key_make(alg, &w->recipient, w->private, NULL);
	key_make(KEY_P256, &w->signer_key, NULL, &w->signer);
	key_make(KEY_P256, &w->foreign_key, NULL, &w->foreign);
	header_fill(w, alg, id);
	for (number = 0; counts[number] > 0; number++)
		w->header.count += counts[number];
	assert_int_equal(pack_put_header(&w->file, &w->header), ERR_OK);
	w->header_len = w->file.len;
	assert_int_equal(sha256_once(buf_bytes(&w->file), m->header_hash),
	    ERR_OK);
	for (number = 0; counts[number] > 0; number++)
		put_chunk(w, number, counts[number]);
	m->version = 1;
	m->number = w->header.number;
	m->count = w->header.count;
	m->typ = PACK_MANIFEST_TYP;
	memcpy(m->pack, w->header.binding.pack, PACKAGE_ID_SIZE);
	memcpy(m->order, w->header.binding.order, PACKAGE_ID_SIZE);
	put_manifest(w);
	write_file(w, buf_bytes(&w->file));
}

static inline enum err
open_as(const struct pack_world *w, const struct public_key *key,
    struct pack **ret_pack)
{
	struct diag diag = DIAG_INIT;
	enum err err;

	err = pack_open(io_posix(), w->path, key, 1, ret_pack, &diag);
	assert_true((*ret_pack == NULL) == (err != ERR_OK));
	assert_true((diag.what[0] == '\0') == (err == ERR_OK));
	return err;
}

static inline enum err
open_it(const struct pack_world *w, struct pack **ret_pack)
{
	return open_as(w, &w->signer_key, ret_pack);
}

static inline enum err
open_package(const struct pack_world *w, struct pack *pack, uint64_t position)
{
	_cleanup_secret_ struct secret out = SECRET_INIT;
	uint64_t index = 0;
	char document[32];
	struct cbor cbor;
	enum err err;

	err = pack_open_package(pack, position, bytes_of(w->private,
	    KEY_PRIVATE_SIZE), &index, &out, NULL);
	if (err)
		return err;
	/* what is accepted is right */
	cbor_open(&cbor, secret_bytes(&out));
	cbor_get_array_sized(&cbor, 5);
	cbor_skip(&cbor);
	cbor_skip(&cbor);
	(void)snprintf(document, sizeof(document), "document %u",
	    (unsigned)index);
	assert_true(bytes_equal(cbor_get_bstr(&cbor), bytes_text(document)));
	cbor_skip(&cbor);
	cbor_get_array_sized(&cbor, w->header.cert_count);
	assert_true(bytes_equal(cbor_get_bstr(&cbor), w->header.certs[0]));
	return ERR_OK;
}

/* The first error of opening the pack, checking it, opening each package. */
static inline enum err
use_all(const struct pack_world *w)
{
	_cleanup_pack_ struct pack *pack = NULL;
	struct diag diag = DIAG_INIT;
	uint64_t i;
	enum err err;

	err = open_it(w, &pack);
	if (err)
		return err;
	err = pack_check(pack, NULL, NULL, &diag);
	assert_true((diag.what[0] == '\0') == (err == ERR_OK));
	for (i = 0; i < pack_header(pack)->count && !err; i++)
		err = open_package(w, pack, i);
	return err;
}

static const uint32_t small[] = { 1, 1, 0 };

#endif
