#include "lib/identity/test_pack.h"

static const uint32_t three[] = { 3, 1, 4, 0 };

static void
on_progress(void *ctx, uint64_t done)
{
	uint64_t *seen = ctx;

	assert_true(done > *seen);
	*seen = done;
}

static void
test_round_trip(void **state)
{
	static const enum key_alg algs[] = { KEY_X25519, KEY_P256 };
	size_t a, i;

	(void)state;
	for (a = 0; a < COUNT(algs); a++) {
		_cleanup_pack_world_ struct pack_world w;
		_cleanup_pack_ struct pack *pack = NULL;
		const struct pack_header *header;
		uint64_t seen = 0;

		pack_make(&w, algs[a], 1, three);
		assert_int_equal(open_it(&w, &pack), ERR_OK);
		header = pack_header(pack);
		assert_memory_equal(&header->binding, &w.header.binding,
		    sizeof(header->binding));
		assert_int_equal(header->number, 2);
		assert_int_equal(header->order_number, 9);
		assert_int_equal(header->count, 8);
		assert_int_equal(header->recipient_alg, algs[a]);
		assert_true(bytes_equal(header->ecosystem,
		    w.header.ecosystem));
		assert_true(bytes_equal(header->product_name,
		    bytes_text("camera")));
		assert_int_equal(header->cert_count, 2);
		assert_true(bytes_equal(header->certs[1],
		    bytes_text("second")));
		assert_int_equal(pack_chunk_count(pack), 3);
		for (i = 0; i < 3; i++) {
			const struct pack_chunk *c = pack_chunk_at(pack, i);

			assert_int_equal(c->count, three[i]);
			assert_int_equal(c->first, 1000 * i + 7);
			assert_memory_equal(c->hash,
			    w.manifest.chunks[i].hash, SHA256_SIZE);
		}
		assert_int_equal(pack_check(pack, on_progress, &seen, NULL),
		    ERR_OK);
		assert_int_equal(seen, 8);
		assert_int_equal(use_all(&w), ERR_OK);
	}
}

/* Every package, in an order that changes chunk each time. */
static void
test_random_access(void **state)
{
	static const struct {
		uint64_t position, index;
	} table[] = {
		{ 7, 2010 },
		{ 0, 7 },
		{ 3, 1007 },
		{ 4, 2007 },
		{ 2, 9 },
		{ 5, 2008 },
		{ 1, 8 },
		{ 6, 2009 },
		{ 0, 7 },
	};
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_pack_ struct pack *pack = NULL;
	size_t i;

	(void)state;
	pack_make(&w, KEY_X25519, 1, three);
	assert_int_equal(open_it(&w, &pack), ERR_OK);
	for (i = 0; i < COUNT(table); i++) {
		_cleanup_secret_ struct secret out = SECRET_INIT;
		uint64_t index = 0;

		assert_int_equal(pack_open_package(pack, table[i].position,
		    bytes_of(w.private, KEY_PRIVATE_SIZE), &index, &out,
		    NULL), ERR_OK);
		assert_int_equal(index, table[i].index);
	}
	assert_int_equal(open_package(&w, pack, 8), ERR_NOTFOUND);
	assert_int_equal(open_package(&w, pack, UINT64_MAX), ERR_NOTFOUND);
}

/* Which key was asked with before makes no difference. */
static void
test_wrong_recipient(void **state)
{
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_pack_ struct pack *pack = NULL;
	uint8_t right[KEY_PRIVATE_SIZE], wrong[KEY_PRIVATE_SIZE];
	struct public_key other;
	size_t i;

	(void)state;
	pack_make(&w, KEY_X25519, 1, three);
	memcpy(right, w.private, sizeof(right));
	key_make(KEY_X25519, &other, wrong, NULL);
	assert_int_equal(open_it(&w, &pack), ERR_OK);
	for (i = 0; i < 6; i++) {
		memcpy(w.private, i % 2 == 0 ? wrong : right, sizeof(right));
		assert_int_equal(open_package(&w, pack, 0), i % 2 == 0 ?
		    ERR_AUTH : ERR_OK);
	}
}

/* Cut off anywhere it is no pack; what is left may look unfinished. */
static void
test_truncated(void **state)
{
	_cleanup_pack_world_ struct pack_world w;
	size_t len;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	for (len = 0; len < w.file.len; len++) {
		_cleanup_pack_ struct pack *pack = NULL;
		enum err err;

		write_file(&w, bytes_of(w.file.ptr, len));
		err = open_it(&w, &pack);
		if (len >= w.header_len + PACK_TRAILER)
			assert_int_equal(err, ERR_STATE);
		else
			assert_int_not_equal(err, ERR_OK);
	}
	write_file(&w, buf_bytes(&w.file));
	assert_int_equal(use_all(&w), ERR_OK);
}

static void
test_appended(void **state)
{
	_cleanup_pack_world_ struct pack_world w;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	buf_put_u8(&w.file, 0);
	write_file(&w, buf_bytes(&w.file));
	assert_int_equal(use_all(&w), ERR_STATE);
	/* the trailer once more: the manifest does not end there */
	w.file.len--;
	buf_put(&w.file, w.file.ptr + w.file.len - PACK_TRAILER,
	    PACK_TRAILER);
	write_file(&w, buf_bytes(&w.file));
	assert_int_equal(use_all(&w), ERR_SYNTAX);
}

/* No octet of a pack can be altered and nobody notices. */
static void
test_every_octet(void **state)
{
	_cleanup_pack_world_ struct pack_world w;
	uint8_t octet;
	size_t i;
	int fd;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	fd = open(w.path, O_WRONLY);
	assert_true(fd >= 0);
	for (i = 0; i < w.file.len; i++) {
		octet = (uint8_t)(w.file.ptr[i] ^ (1 << i % 8));
		assert_int_equal(pwrite(fd, &octet, 1, (off_t)i), 1);
		if (use_all(&w) == ERR_OK)
			fail_msg("octet %zu of %zu: accepted", i, w.file.len);
		assert_int_equal(pwrite(fd, w.file.ptr + i, 1, (off_t)i), 1);
	}
	assert_int_equal(close(fd), 0);
	assert_int_equal(use_all(&w), ERR_OK);
}

/* The same for chunks, without pack_check(): it is noticed, or the package
 * is the one that was sealed (open_package() looks). */
static void
test_unchecked(void **state)
{
	_cleanup_pack_world_ struct pack_world w;
	uint8_t octet;
	size_t i;
	int fd;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	fd = open(w.path, O_WRONLY);
	assert_true(fd >= 0);
	for (i = w.header_len; i < w.manifest_at; i++) {
		_cleanup_pack_ struct pack *pack = NULL;
		enum err err;

		octet = (uint8_t)(w.file.ptr[i] ^ 0x80);
		assert_int_equal(pwrite(fd, &octet, 1, (off_t)i), 1);
		assert_int_equal(open_it(&w, &pack), ERR_OK);
		err = open_package(&w, pack, 0);
		assert_true(err == ERR_OK || err == ERR_AUTH ||
		    err == ERR_CORRUPT);
		assert_int_equal(pack_check(pack, NULL, NULL, NULL),
		    ERR_CORRUPT);
		assert_int_equal(pwrite(fd, w.file.ptr + i, 1, (off_t)i), 1);
	}
	assert_int_equal(close(fd), 0);
}

static void
test_foreign_signer(void **state)
{
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_pack_ struct pack *pack = NULL;
	struct public_key both[2];

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	assert_int_equal(open_as(&w, &w.foreign_key, &pack), ERR_AUTH);
	assert_int_equal(pack_open(io_posix(), w.path, both, 0, &pack, NULL),
	    ERR_AUTH);
	both[0] = w.foreign_key;
	both[1] = w.signer_key;
	assert_int_equal(pack_open(io_posix(), w.path, both, 2, &pack, NULL),
	    ERR_OK);
}

/* Both are good packs by the same signer; mixed they are none. */
static void
test_mixed(void **state)
{
	_cleanup_pack_world_ struct pack_world a, b;
	_cleanup_buf_ struct buf mixed = BUF_INIT;
	size_t len;

	(void)state;
	pack_make(&a, KEY_X25519, 1, small);
	pack_make(&b, KEY_X25519, 2, small);
	signer_free(&b.signer);
	b.signer = a.signer;
	b.signer_key = a.signer_key;
	b.file.len = b.manifest_at;
	put_manifest(&b);
	a.signer = NULL;		/* b's now */
	write_file(&b, buf_bytes(&b.file));
	assert_int_equal(use_all(&b), ERR_OK);
	assert_int_equal(a.header_len, b.header_len);
	/* a's header before b's chunks and manifest */
	buf_put_bytes(&mixed, buf_bytes(&b.file));
	memcpy(mixed.ptr, a.file.ptr, a.header_len);
	write_file(&b, buf_bytes(&mixed));
	assert_int_equal(use_all(&b), ERR_SYNTAX);
	/* a's first chunk in b */
	memcpy(mixed.ptr, b.file.ptr, b.header_len);
	len = (size_t)b.manifest.chunks[0].length;
	assert_int_equal(a.manifest.chunks[0].length, len);
	memcpy(mixed.ptr + b.header_len, a.file.ptr + a.header_len, len);
	write_file(&b, buf_bytes(&mixed));
	assert_int_equal(use_all(&b), ERR_CORRUPT);
}

static void
test_chunks_swapped(void **state)
{
	static const uint32_t counts[] = { 2, 2, 0 };
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_pack_ struct pack *pack = NULL;
	_cleanup_buf_ struct buf swapped = BUF_INIT;
	size_t at, len;

	(void)state;
	pack_make(&w, KEY_X25519, 1, counts);
	at = w.header_len;
	len = (size_t)w.manifest.chunks[1].length;
	buf_put(&swapped, w.file.ptr, at);
	buf_put(&swapped, w.file.ptr + w.manifest.chunks[1].offset, len);
	buf_put(&swapped, w.file.ptr + at,
	    (size_t)w.manifest.chunks[0].length);
	buf_put(&swapped, w.file.ptr + w.manifest_at,
	    w.file.len - w.manifest_at);
	write_file(&w, buf_bytes(&swapped));
	assert_int_equal(open_it(&w, &pack), ERR_OK);
	assert_int_equal(pack_check(pack, NULL, NULL, NULL), ERR_CORRUPT);
	assert_int_equal(open_package(&w, pack, 0), ERR_CORRUPT);
}

/* Put the manifest of m after the chunks, signed well. */
static void
rewrite(struct pack_world *w, const struct manifest *m, uint64_t offset)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t kid[COSE_KID_SIZE];
	size_t i, start;

	cbor_put_array(&body, 7);
	cbor_put_uint(&body, m->version);
	cbor_put_bstr(&body, bytes_of(m->pack, PACKAGE_ID_SIZE));
	cbor_put_bstr(&body, bytes_of(m->order, PACKAGE_ID_SIZE));
	cbor_put_uint(&body, m->number);
	cbor_put_uint(&body, m->count);
	cbor_put_bstr(&body, bytes_of(m->header_hash, SHA256_SIZE));
	cbor_put_array(&body, m->chunk_count);
	for (i = 0; i < m->chunk_count; i++) {
		cbor_put_array(&body, 5);
		cbor_put_uint(&body, m->chunks[i].offset);
		cbor_put_uint(&body, m->chunks[i].length);
		cbor_put_uint(&body, m->chunks[i].first);
		cbor_put_uint(&body, m->chunks[i].count);
		cbor_put_bstr(&body, bytes_of(m->chunks[i].hash,
		    SHA256_SIZE));
	}
	assert_int_equal(cose_key_thumbprint(&w->signer_key, kid), ERR_OK);
	w->file.len = offset;
	start = w->file.len;
	assert_int_equal(cose_sign1_sign(&w->file, w->signer, bytes_of(kid,
	    sizeof(kid)), m->typ, buf_bytes(&body), BYTES_NONE, NULL),
	    ERR_OK);
	buf_put_be64(&w->file, offset);
	buf_put_be32(&w->file, (uint32_t)(w->file.len - start - 8));
	buf_put(&w->file, PACK_END_MAGIC, PACK_MAGIC_SIZE);
	write_file(w, buf_bytes(&w->file));
}

/* Well signed, but not of this file: each number that can be wrong. */
enum lie {
	LIE_NONE, LIE_VERSION, LIE_NUMBER, LIE_COUNT, LIE_PACK, LIE_ORDER,
	LIE_HASH, LIE_TYP, LIE_OFFSET, LIE_GAP, LIE_LENGTH, LIE_LENGTH_HUGE,
	LIE_SHORT, LIE_COUNT_0, LIE_COUNT_2, LIE_COUNT_32, LIE_COUNT_4097,
	LIE_NO_CHUNKS, LIE_ONE_CHUNK, LIE_MORE_CHUNKS
};

static void
manifest_lie(struct manifest *m, enum lie lie)
{
	switch (lie) {
	case LIE_NONE:
		break;
	case LIE_VERSION:
		m->version++;
		break;
	case LIE_NUMBER:
		m->number += UINT64_C(1) << 32;
		break;
	case LIE_COUNT:
		m->count++;
		break;
	case LIE_PACK:
		m->pack[0] ^= 1;
		break;
	case LIE_ORDER:
		m->order[0] ^= 1;
		break;
	case LIE_HASH:
		m->header_hash[0] ^= 1;
		break;
	case LIE_TYP:
		m->typ = "application/imprint-request+cose";
		break;
	case LIE_OFFSET:
		m->chunks[0].offset--;
		break;
	case LIE_GAP:
		m->chunks[1].offset++;
		break;
	case LIE_LENGTH:
		m->chunks[1].length++;
		break;
	case LIE_LENGTH_HUGE:
		m->chunks[0].length = UINT64_MAX - 10;
		break;
	case LIE_SHORT:
		m->chunks[0].length = PACK_CHUNK_HEAD;
		m->chunks[1].offset = m->chunks[0].offset + PACK_CHUNK_HEAD;
		break;
	case LIE_COUNT_0:
		m->chunks[0].count = 0;
		m->chunks[1].count = 2;
		break;
	case LIE_COUNT_2:
		m->chunks[0].count = 2;
		break;
	case LIE_COUNT_32:
		m->chunks[0].count += UINT64_C(1) << 32;
		break;
	case LIE_COUNT_4097:
		m->chunks[0].count = PACK_CHUNK_MAX + 1;
		break;
	case LIE_NO_CHUNKS:
		m->chunk_count = 0;
		break;
	case LIE_ONE_CHUNK:
		m->chunk_count = 1;
		break;
	case LIE_MORE_CHUNKS:
		m->chunks[2] = m->chunks[1];
		m->chunk_count = 3;
		break;
	}
}

static void
test_signed_lies(void **state)
{
	_cleanup_pack_world_ struct pack_world w;
	struct manifest m;
	enum lie lie;
	enum err want;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	for (lie = LIE_NONE; lie <= LIE_MORE_CHUNKS; lie++) {
		m = w.manifest;
		manifest_lie(&m, lie);
		rewrite(&w, &m, w.manifest_at);
		want = lie == LIE_NONE ? ERR_OK : lie == LIE_TYP ? ERR_AUTH :
		    ERR_SYNTAX;
		if (use_all(&w) != want)
			fail_msg("lie %d", (int)lie);
	}
}

/* A manifest that begins within the header, and a chunk so long that its end
 * comes around to there. */
static void
test_manifest_in_header(void **state)
{
	_cleanup_pack_world_ struct pack_world w;
	struct manifest m;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	w.header.certs[1] = bytes_text("second\xd2\x84");	/* COSE_Sign1 */
	buf_clear(&w.file);
	assert_int_equal(pack_put_header(&w.file, &w.header), ERR_OK);
	m = w.manifest;
	assert_int_equal(sha256_once(buf_bytes(&w.file), m.header_hash),
	    ERR_OK);
	m.chunk_count = 1;
	m.chunks[0].offset = w.file.len;
	m.chunks[0].length = (uint64_t)0 - 2;
	m.chunks[0].count = 2;
	rewrite(&w, &m, w.file.len - 2);
	assert_int_equal(use_all(&w), ERR_SYNTAX);
}

/* Fields of the file's head and end, in place of what is there. */
static void
test_heads(void **state)
{
	static const struct {
		long at;
		uint8_t octet;
		enum err err;
	} table[] = {
		{ 0, 'X', ERR_SYNTAX },
		{ 7, 0, ERR_SYNTAX },
		{ 8, 1, ERR_VERSION },
		{ 9, 0, ERR_VERSION },
		{ 9, 4, ERR_VERSION },
		{ 9, 3, ERR_SYNTAX },
		{ 9, 2, ERR_SYNTAX },		/* asks for nothing */
		{ 10, 1, ERR_SYNTAX },
		{ 11, 1, ERR_SYNTAX },
		{ 12, 1, ERR_SYNTAX },		/* 16 MB of header */
		{ 13, 1, ERR_SYNTAX },		/* 64 KB and some */
		{ 14, 0xff, ERR_CORRUPT },	/* beyond the end */
		{ -1, 'X', ERR_STATE },
		{ -8, 'X', ERR_STATE },
		{ -9, 0, ERR_SYNTAX },		/* manifest's length */
		{ -12, 0xff, ERR_SYNTAX },
		{ -13, 0, ERR_SYNTAX },		/* its offset */
		{ -20, 0xff, ERR_SYNTAX },
	};
	_cleanup_pack_world_ struct pack_world w;
	size_t i, at;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	for (i = 0; i < COUNT(table); i++) {
		_cleanup_pack_ struct pack *pack = NULL;
		uint8_t before;
		enum err err;

		at = table[i].at >= 0 ? (size_t)table[i].at :
		    w.file.len - (size_t)-table[i].at;
		before = w.file.ptr[at];
		assert_int_not_equal(before, table[i].octet);
		w.file.ptr[at] = table[i].octet;
		write_file(&w, buf_bytes(&w.file));
		err = open_it(&w, &pack);
		if (err != table[i].err)
			fail_msg("%ld: %s", table[i].at, err_name(err));
		w.file.ptr[at] = before;
	}
}

static void
test_missing(void **state)
{
	struct pack *pack = NULL;

	(void)state;
	assert_int_equal(pack_open(io_posix(), "/dev/shm/imprint-none", NULL,
	    0, &pack, NULL), ERR_NOTFOUND);
	assert_null(pack);
}

/* A pack that comes in parts: both ends say where the rest is; chunks are
 * held against what was signed one by one. */
static void
test_parts(void **state)
{
	_cleanup_buf_ struct buf holes = BUF_INIT;
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_pack_ struct pack *pack = NULL;
	struct pack_ends ends = { 0, 0 };
	const struct pack_chunk *c;
	uint8_t *trailer, *head;
	bool good = false;
	uint64_t size;
	size_t i;

	(void)state;
	pack_make(&w, KEY_X25519, 1, three);
	size = w.file.len;
	buf_put_bytes(&holes, buf_bytes(&w.file));
	head = holes.ptr;
	trailer = holes.ptr + size - PACK_TRAILER_SIZE;
	assert_int_equal(pack_ends(head, trailer, size, &ends, NULL), ERR_OK);
	assert_int_equal(ends.header_end, w.header_len);
	assert_int_equal(ends.manifest, w.manifest_at);
	assert_int_equal(pack_ends(head, trailer, size + 1, &ends, NULL),
	    ERR_SYNTAX);
	assert_int_equal(pack_ends(head, trailer, w.manifest_at - 1, &ends,
	    NULL), ERR_SYNTAX);
	head[12] ^= 1;		/* a header of 16 MiB more */
	assert_int_equal(pack_ends(head, trailer, size, &ends, NULL),
	    ERR_SYNTAX);
	head[12] ^= 1;
	trailer[8] ^= 0x80;	/* a manifest of 2 GiB more */
	assert_int_equal(pack_ends(head, trailer, size, &ends, NULL),
	    ERR_SYNTAX);
	trailer[8] ^= 0x80;
	trailer[19] ^= 1;
	assert_int_equal(pack_ends(head, trailer, size, &ends, NULL),
	    ERR_STATE);
	trailer[19] ^= 1;
	head[0] ^= 1;
	assert_int_equal(pack_ends(head, trailer, size, &ends, NULL),
	    ERR_SYNTAX);
	head[0] ^= 1;
	/* all but the first chunk and the ends */
	memset(holes.ptr + w.manifest.chunks[1].offset, 0, w.manifest_at -
	    w.manifest.chunks[1].offset);
	write_file(&w, buf_bytes(&holes));
	assert_int_equal(open_it(&w, &pack), ERR_OK);
	for (i = 0; i < pack_chunk_count(pack); i++) {
		assert_int_equal(pack_check_chunk(pack, i, &good, NULL),
		    ERR_OK);
		assert_int_equal(good, i == 0);
	}
	write_file(&w, buf_bytes(&w.file));
	for (i = 0; i < pack_chunk_count(pack); i++) {
		assert_int_equal(pack_check_chunk(pack, i, &good, NULL),
		    ERR_OK);
		assert_true(good);
	}
	c = pack_chunk_at(pack, 2);
	write_file(&w, bytes_of(w.file.ptr, c->offset + c->length - 1));
	assert_int_equal(pack_check_chunk(pack, 2, &good, NULL),
	    ERR_CORRUPT);
}

/* Header and manifest alone tell what was signed, and who else's lie is. */
static void
test_ends(void **state)
{
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_pack_ struct pack *pack = NULL, *whole = NULL;
	_cleanup_buf_ struct buf head = BUF_INIT, tail = BUF_INIT;
	struct pack_octets ends;
	struct diag diag = DIAG_INIT;
	size_t i;

	(void)state;
	pack_make(&w, KEY_X25519, 1, three);
	write_file(&w, buf_bytes(&w.file));
	assert_int_equal(open_it(&w, &whole), ERR_OK);
	buf_put(&head, w.file.ptr, w.header_len);
	buf_put(&tail, w.file.ptr + w.manifest_at, w.file.len -
	    w.manifest_at);
	ends = (struct pack_octets){ buf_bytes(&head), buf_bytes(&tail),
		w.file.len };
	assert_int_equal(pack_open_ends("x", &ends, &w.signer_key,
	    1, &pack, NULL), ERR_OK);
	assert_int_equal(pack_chunk_count(pack), pack_chunk_count(whole));
	assert_int_equal(pack_header(pack)->order_number,
	    pack_header(whole)->order_number);
	pack_close(&pack);
	/* of another size than the signed chunks fill */
	ends.size++;
	assert_int_equal(pack_open_ends("x", &ends, &w.signer_key,
	    1, &pack, &diag), ERR_SYNTAX);
	ends.size = UINT64_C(1) << 42;
	put_be64(tail.ptr + tail.len - PACK_TRAILER_SIZE, ends.size -
	    tail.len);
	assert_int_equal(pack_open_ends("x", &ends, &w.signer_key,
	    1, &pack, &diag), ERR_SYNTAX);
	put_be64(tail.ptr + tail.len - PACK_TRAILER_SIZE, w.manifest_at);
	ends.size = w.file.len;
	assert_int_equal(pack_open_ends("x", &ends, NULL, 0, &pack, &diag),
	    ERR_AUTH);
	for (i = 0; i < 2; i++) {	/* an octet less of either */
		ends.head.len -= i == 0;
		ends.tail.len -= i;
		ends.tail.ptr += i;
		assert_int_equal(pack_open_ends("x", &ends,
		    &w.signer_key, 1, &pack, &diag), ERR_SYNTAX);
		ends.head.len = head.len;
	}
	ends.tail = buf_bytes(&tail);
	tail.ptr[tail.len / 2] ^= 1;
	assert_int_not_equal(pack_open_ends("x", &ends,
	    &w.signer_key, 1, &pack, &diag), ERR_OK);
	tail.ptr[tail.len / 2] ^= 1;
	assert_int_equal(pack_open_ends("x", &ends, &w.signer_key,
	    1, &pack, NULL), ERR_OK);
}

/* What the writer is given may be too much for it. */
static void
test_header_limits(void **state)
{
	struct pack_header header = { .recipient_alg = KEY_X25519 };
	static uint8_t large[PACK_HEADER_MAX];
	_cleanup_buf_ struct buf out = BUF_INIT;

	(void)state;
	header.ecosystem = bytes_of(large, PACKAGE_ID_SIZE);
	header.product_name = bytes_text("p");
	header.certs[0] = bytes_of(large, sizeof(large) - 200);
	header.cert_count = 1;
	assert_int_equal(pack_put_header(&out, &header), ERR_OK);
	header.certs[0].len = sizeof(large);
	assert_int_equal(pack_put_header(&out, &header), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_random_access),
		cmocka_unit_test(test_wrong_recipient),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_appended),
		cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_unchecked),
		cmocka_unit_test(test_foreign_signer),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_chunks_swapped),
		cmocka_unit_test(test_signed_lies),
		cmocka_unit_test(test_manifest_in_header),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_header_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
