#include "lib/x509/crl_write.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/x509/certificate_internal.h"
#include "lib/x509/der.h"

#define BLOCK_SIZE	65536
#define REASON_SIZE	14
#define ENTRY_MAX	(2 + 2 + SERIAL_MAX + DER_TIME_MAX + REASON_SIZE)
#define TIME_2050	INT64_C(2524608000)	/* 2050-01-01T00:00:00Z */
#define SIGN_TRIES	64
#define BIT_STRING_HEAD	3	/* tag, length, unused bits */
#define DAY_S		86400
/* Reasons of a full CRL, as bits: all but removeFromCRL (8). */
#define REASONS		0x067fU

struct crl_writer {
	struct signer	*signer;
	struct file	*file;
	struct sha256	*sha256;
	struct buf	 tail;		/* what follows the entries */
	size_t		 head_size;	/* of the outermost SEQUENCE */
	size_t		 tbs_size;
	uint64_t	 entries_left;	/* octets announced, not yet taken */
	uint64_t	 written;	/* octets of the file so far */
	int64_t		 time;		/* what time_der holds; < 0: nothing */
	uint8_t		 time_der[DER_TIME_MAX];
	size_t		 time_len;
	uint8_t		 digest[SHA256_SIZE];	/* what is signed */
	size_t		 used;		/* of the block */
	uint8_t		 block[BLOCK_SIZE];
};

/* reasonCode, 5.3.1: SEQUENCE { SEQUENCE { 2.5.29.21, OCTET STRING {
 * ENUMERATED } } }, its value the last octet. */
static const uint8_t reason_code[REASON_SIZE - 1] = { DER_SEQUENCE, 0x0c,
	DER_SEQUENCE, 0x0a, DER_OID, 0x03, 0x55, 0x1d, 0x15,
	DER_OCTET_STRING, 0x03, DER_ENUMERATED, 0x01 };
static const uint8_t aki_oid[] = { 0x55, 0x1d, 0x23 };
static const uint8_t crl_number_oid[] = { 0x55, 0x1d, 0x14 };

size_t
crl_entry_size(size_t serial_len, int64_t revoked, enum crl_reason reason)
{
	return 2 + 2 + serial_len + (revoked >= TIME_2050 ? 17 : 15) +
	    (reason == CRL_UNSPECIFIED ? 0 : REASON_SIZE);
}

/* One Extension, not critical; value is the extnValue's content. */
static void
put_extension(struct buf *b, struct bytes oid, struct bytes value)
{
	size_t start = b->len;

	der_put_oid(b, oid);
	der_put(b, DER_OCTET_STRING, value);
	der_wrap(b, DER_SEQUENCE, start);
}

/* crlExtensions, 5.2. */
static enum err
tail_make(const struct crl_head *head, struct buf *out)
{
	_cleanup_buf_ struct buf value = BUF_INIT;

	der_put(&value, DER_CONTEXT(0), head->issuer_key_id);
	der_wrap(&value, DER_SEQUENCE, 0);
	put_extension(out, bytes_of(aki_oid, sizeof(aki_oid)),
	    buf_bytes(&value));
	buf_clear(&value);
	der_put_uint(&value, head->number);
	put_extension(out, bytes_of(crl_number_oid, sizeof(crl_number_oid)),
	    buf_bytes(&value));
	der_wrap(out, DER_SEQUENCE, 0);
	der_wrap(out, DER_CONTEXT_CONSTRUCTED(0), 0);
	return value.err ? value.err : buf_err(out);
}

/* TBSCertList up to the first entry, 5.1.2. */
static enum err
start_make(struct crl_writer *w, const struct crl_head *head,
    struct buf *out)
{
	_cleanup_buf_ struct buf tbs = BUF_INIT;
	size_t entries = (size_t)head->entries_size;

	der_put_uint(out, 1);	/* version 2 */
	buf_put(out, signature_alg, sizeof(signature_alg));
	buf_put_bytes(out, head->issuer_name);
	der_put_time(out, head->this_update);
	der_put_time(out, head->next_update);
	/* 5.1.2.6: absent when nothing is revoked */
	if (entries > 0)
		der_put_head(out, DER_SEQUENCE, entries);
	der_put_head(&tbs, DER_SEQUENCE, out->len + entries + w->tail.len);
	w->tbs_size = tbs.len + out->len + entries + w->tail.len;
	buf_insert(out, 0, buf_bytes(&tbs));
	return tbs.err ? tbs.err : buf_err(out);
}

static enum err
head_check(const struct crl_head *head, const struct signer *signer,
    struct diag *diag)
{
	if (signer_alg(signer) != KEY_P256)
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 5280 5.1.1.2",
		    "CRL: signed with P-256 only, not %s",
		    key_alg_name(signer_alg(signer)));
	if (head->this_update < 0 || head->next_update > TIME_MAX_S ||
	    head->this_update >= head->next_update)
		return diag_fail(diag, ERR_INVALID, "RFC 5280 5.1.2.5",
		    "CRL: nextUpdate is not after thisUpdate, or out of"
		    " range");
	if (head->issuer_key_id.len != KEY_ID_SIZE)
		return diag_fail(diag, ERR_INVALID, "RFC 5280 5.2.1",
		    "CRL: issuer's key identifier has %zu octets, not %d",
		    head->issuer_key_id.len, KEY_ID_SIZE);
	if (head->entries_size > CRL_SIZE_MAX - BLOCK_SIZE / 2)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "CRL: entries of %ju octets are too much for one CRL",
		    (uintmax_t)head->entries_size);
	return ERR_OK;
}

static size_t
outer_len(const struct crl_writer *w, size_t sig_len)
{
	return w->tbs_size + sizeof(signature_alg) + BIT_STRING_HEAD +
	    sig_len;
}

static enum err
writer_start(struct crl_writer *w, const struct crl_head *head,
    struct diag *diag)
{
	_cleanup_buf_ struct buf start = BUF_INIT;
	enum err err;

	err = tail_make(head, &w->tail);
	if (!err)
		err = start_make(w, head, &start);
	/* a page of names at most: the block takes it without asking */
	if (!err && start.len > BLOCK_SIZE / 4)
		err = ERR_LIMIT;
	if (err)
		return diag_fail(diag, err, NULL,
		    "CRL: the issuer's name cannot be encoded");
	err = sha256_new(&w->sha256, diag);
	if (!err)
		err = sha256_begin(w->sha256);
	if (err)
		return err;
	/* half of all DER signatures of P-256 have 71 octets */
	w->head_size = der_head_size(outer_len(w, ECDSA_DER_MAX - 1));
	w->written = w->head_size;
	w->entries_left = head->entries_size;
	memcpy(w->block, start.ptr, start.len);
	w->used = start.len;
	return ERR_OK;
}

enum err
crl_writer_new(const struct crl_head *head, struct signer *signer,
    struct file *file, struct crl_writer **ret_writer, struct diag *diag)
{
	_cleanup_crl_writer_ struct crl_writer *w = NULL;
	enum err err;

	err = head_check(head, signer, diag);
	if (err)
		return err;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return diag_nomem(diag);
	w->signer = signer;
	w->file = file;
	w->tail = (struct buf)BUF_INIT;
	w->time = -1;
	err = writer_start(w, head, diag);
	if (err)
		return err;
	*ret_writer = w;
	w = NULL;	/* transferred */
	return ERR_OK;
}

void
crl_writer_free(struct crl_writer **writer)
{
	struct crl_writer *w = *writer;

	if (w == NULL)
		return;
	sha256_free(&w->sha256);
	buf_release(&w->tail);
	free(w);
	*writer = NULL;
}

static enum err
block_flush(struct crl_writer *w, struct diag *diag)
{
	struct bytes block = bytes_of(w->block, w->used);
	enum err err;

	err = sha256_update(w->sha256, block);
	if (err)
		return diag_fail(diag, err, NULL, "CRL: cannot be hashed");
	err = file_write_at(w->file, w->written, block, diag);
	if (err)
		return err;
	w->written += w->used;
	w->used = 0;
	return ERR_OK;
}

static void
put_two_digits(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)('0' + value / 10);
	at[1] = (uint8_t)('0' + value % 10);
}

/* Entries come in runs of one moment, or of one day: then six digits do. */
static bool
time_set(struct crl_writer *w, int64_t t)
{
	unsigned second = (unsigned)(t % DAY_S);
	uint8_t *digits;

	if (t == w->time)
		return w->time_len > 0;
	if (t >= 0 && w->time >= 0 && t / DAY_S == w->time / DAY_S) {
		digits = w->time_der + w->time_len - 7;
		put_two_digits(digits, second / 3600);
		put_two_digits(digits + 2, second / 60 % 60);
		put_two_digits(digits + 4, second % 60);
	} else {
		w->time_len = der_time(t, w->time_der);
	}
	w->time = w->time_len == 0 ? -1 : t;
	return w->time_len > 0;
}

static enum err
entry_check(struct crl_writer *w, const struct crl_entry *e,
    struct diag *diag)
{
	if (!serial_is_valid(e->serial))
		return diag_fail(diag, ERR_INVALID, "RFC 5280 4.1.2.2",
		    "CRL: entry: serial number is not positive, shortest and"
		    " of at most %d octets", SERIAL_MAX);
	if ((unsigned)e->reason > CRL_AA_COMPROMISE ||
	    (REASONS >> e->reason & 1) == 0)
		return diag_fail(diag, ERR_INVALID, "RFC 5280 5.3.1",
		    "CRL: entry: reason %d is not one of a full CRL",
		    (int)e->reason);
	if (!time_set(w, e->revoked))
		return diag_fail(diag, ERR_INVALID, "RFC 5280 5.1.2.6",
		    "CRL: entry: revocation time is out of range");
	return ERR_OK;
}

enum err
crl_writer_add(struct crl_writer *w, const struct crl_entry *e,
    struct diag *diag)
{
	size_t size;
	uint8_t *at;
	enum err err;

	err = entry_check(w, e, diag);
	if (err)
		return err;
	size = crl_entry_size(e->serial.len, e->revoked, e->reason);
	if (size > w->entries_left)
		return diag_fail(diag, ERR_INTERNAL, NULL,
		    "CRL: entries take more octets than announced");
	if (BLOCK_SIZE - w->used < ENTRY_MAX) {
		err = block_flush(w, diag);
		if (err)
			return err;
	}
	at = w->block + w->used;
	/* all lengths are below 128: one octet each */
	at[0] = DER_SEQUENCE;
	at[1] = (uint8_t)(size - 2);
	at[2] = DER_INTEGER;
	at[3] = (uint8_t)e->serial.len;
	memcpy(at + 4, e->serial.ptr, e->serial.len);
	at += 4 + e->serial.len;
	/* as many octets for every time: the block has room for the most */
	memcpy(at, w->time_der, sizeof(w->time_der));
	at += w->time_len;
	if (e->reason != CRL_UNSPECIFIED) {
		memcpy(at, reason_code, sizeof(reason_code));
		at[sizeof(reason_code)] = (uint8_t)e->reason;
	}
	w->used += size;
	w->entries_left -= size;
	return ERR_OK;
}

/*
 * The outermost length was reserved before the signature's was known: where
 * one octet more or less would change the size of the head, sign again.
 */
static enum err
sign(struct crl_writer *w, uint8_t ret_der[ECDSA_DER_MAX], size_t *ret_len,
    struct diag *diag)
{
	uint8_t sig[SIGNATURE_SIZE];
	size_t tries;
	enum err err;

	err = sha256_end(w->sha256, w->digest);
	for (tries = 0; !err && tries < SIGN_TRIES; tries++) {
		err = signer_sign_digest(w->signer, w->digest, sig);
		if (err)
			break;
		*ret_len = ecdsa_to_der(sig, ret_der);
		if (der_head_size(outer_len(w, *ret_len)) == w->head_size)
			return ERR_OK;
	}
	return diag_fail(diag, err ? err : ERR_CRYPTO, NULL,
	    "CRL: cannot be signed");
}

/* signatureAlgorithm, signatureValue and, at offset 0, the outermost head. */
static enum err
signature_write(struct crl_writer *w, struct bytes sig, struct diag *diag)
{
	_cleanup_buf_ struct buf end = BUF_INIT, head = BUF_INIT;
	enum err err;

	buf_put(&end, signature_alg, sizeof(signature_alg));
	der_put_bit_string(&end, sig);
	der_put_head(&head, DER_SEQUENCE, outer_len(w, sig.len));
	err = buf_err(&end);
	if (!err)
		err = buf_err(&head);
	if (err)
		return diag_nomem(diag);
	err = file_write_at(w->file, w->written, buf_bytes(&end), diag);
	if (!err)
		err = file_write_at(w->file, 0, buf_bytes(&head), diag);
	if (!err)
		w->written += end.len;
	return err;
}

enum err
crl_writer_end(struct crl_writer *w, uint64_t *ret_size, struct diag *diag)
{
	uint8_t sig[ECDSA_DER_MAX];
	size_t len;
	enum err err;

	if (w->entries_left != 0)
		return diag_fail(diag, ERR_INTERNAL, NULL,
		    "CRL: entries take %ju octets less than announced",
		    (uintmax_t)w->entries_left);
	err = block_flush(w, diag);
	if (err)
		return err;
	memcpy(w->block, w->tail.ptr, w->tail.len);
	w->used = w->tail.len;
	err = block_flush(w, diag);
	if (!err)
		err = sign(w, sig, &len, diag);
	if (!err)
		err = signature_write(w, bytes_of(sig, len), diag);
	if (err)
		return err;
	*ret_size = w->written;
	return ERR_OK;
}

void
crl_writer_digest(const struct crl_writer *w, uint8_t ret_digest[SHA256_SIZE])
{
	memcpy(ret_digest, w->digest, SHA256_SIZE);
}
