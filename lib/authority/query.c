#include "lib/authority/query.h"

#include <string.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/request_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/crypto/random.h"

#define QUERY_VERSION 1

enum err
query_sign(const uint8_t ecosystem[ECOSYSTEM_ID_SIZE], const char *method,
    const char *target, int64_t now, struct signer *signer, struct buf *out,
    struct diag *diag)
{
	uint8_t id[REQUEST_ID_SIZE], kid[COSE_KID_SIZE];
	_cleanup_buf_ struct buf payload = BUF_INIT;
	enum err err;

	if (strlen(method) > QUERY_METHOD_MAX ||
	    strlen(target) > QUERY_TARGET_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL, "query: too long");
	err = random_bytes(id, sizeof(id), diag);
	if (!err)
		err = cose_key_thumbprint(signer_public(signer), kid);
	if (err)
		return err;
	cbor_put_array(&payload, 6);
	cbor_put_uint(&payload, QUERY_VERSION);
	cbor_put_bstr(&payload, bytes_of(ecosystem, ECOSYSTEM_ID_SIZE));
	cbor_put_bstr(&payload, bytes_of(id, sizeof(id)));
	cbor_put_int(&payload, now);
	cbor_put_text(&payload, method);
	cbor_put_text(&payload, target);
	err = buf_err(&payload);
	return err ? err : cose_sign1_sign(out, signer,
	    bytes_of(kid, sizeof(kid)), QUERY_TYP, buf_bytes(&payload),
	    BYTES_NONE, diag);
}

/* Printable ASCII: what else there is, is percent-encoded. */
static void
text_get(struct cbor *cbor, char *out, size_t max)
{
	struct bytes text = cbor_get_tstr(cbor);
	size_t i;

	for (i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
			cbor_fail(cbor, "text");
	if (text.len == 0 || text.len > max)
		cbor_fail(cbor, "text's length");
	if (!cbor_ok(cbor))
		return;
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
}

enum err
query_parse(struct bytes payload, struct bytes *ret_ecosystem,
    struct query *ret_query, struct diag *diag)
{
	struct query query = { .time = 0 };
	struct bytes ecosystem, id;
	uint64_t version;
	struct cbor cbor;

	cbor_open(&cbor, payload);
	version = cbor_get_versioned(&cbor, 6, QUERY_VERSION);
	if (cbor_ok(&cbor) && version != QUERY_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "query: version %llu, this build knows %d",
		    (unsigned long long)version, QUERY_VERSION);
	ecosystem = cbor_get_bstr_sized(&cbor, ECOSYSTEM_ID_SIZE);
	id = cbor_get_bstr_sized(&cbor, REQUEST_ID_SIZE);
	query.time = cbor_get_int(&cbor);
	text_get(&cbor, query.method, QUERY_METHOD_MAX);
	text_get(&cbor, query.target, QUERY_TARGET_MAX);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, "RFC 8949 4.2",
		    "query: %s", cbor.error);
	memcpy(query.id, id.ptr, REQUEST_ID_SIZE);
	*ret_ecosystem = ecosystem;
	*ret_query = query;
	return ERR_OK;
}

enum err
query_verify(struct authority *authority, struct bytes encoded, int64_t now,
    struct query *ret_query, struct diag *diag)
{
	char operator[STORE_NAME_MAX + 1];
	struct cose_sign1 message;
	struct bytes ecosystem;
	struct query query;
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err)
		err = operator_signed(authority, encoded, "query", QUERY_TYP,
		    &message, operator, diag);
	if (!err)
		err = query_parse(message.payload, &ecosystem, &query, diag);
	if (err)
		return err;
	if (!bytes_equal(ecosystem, bytes_of(authority->info.id,
	    ECOSYSTEM_ID_SIZE)))
		return diag_fail(diag, ERR_AUTH, NULL,
		    "query: meant for another ecosystem");
	err = signed_fresh("query", query.time, now, diag);
	if (err)
		return err;
	memcpy(query.operator, operator, sizeof(operator));
	*ret_query = query;
	return ERR_OK;
}
