#include "lib/authority/server_certificate.h"

#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/outside.h"
#include "lib/base/cbor_write.h"

static enum err
server_record(struct authority *authority, const char *dns_name,
    struct bytes der, int64_t not_after, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t digest[SHA256_SIZE];
	enum err err;

	err = sha256_once(der, digest);
	cbor_put_array(&body, 3);
	cbor_put_text(&body, dns_name);
	cbor_put_bstr(&body, bytes_of(digest, SHA256_SIZE));
	cbor_put_int(&body, not_after);
	if (!err)
		err = buf_err(&body);
	return err ? err : operation_record(authority, OPERATION_SERVER, now,
	    buf_bytes(&body), diag);
}

enum err
authority_server_certificate(struct authority *authority,
    const char *dns_name, const struct public_key *key, int64_t now,
    struct buf *der, int64_t *ret_not_after, struct diag *diag)
{
	_cleanup_buf_ struct buf infra = BUF_INIT, made = BUF_INIT;
	struct outside outside = {
		.name = dns_name, .issuer_label = KEY_INFRA, .subject = key,
		.not_before = now - SERVER_BACK_S,
		.not_after = now - SERVER_BACK_S + SERVER_CERTIFICATE_S,
		.profile = {
			.common_name = dns_name, .subject_alg = KEY_P256,
			.path_len = -1, .key_usage = KU_DIGITAL_SIGNATURE,
			.extended_key_usage = EKU_SERVER_AUTH,
			.with_ski = true, .dns_name = dns_name,
		},
	};
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err)
		err = authority_dns_name_check(dns_name, diag);
	if (!err && key->alg != KEY_P256)
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "server %s: its key must be of P-256", dns_name);
	if (!err)
		err = authority_certificate(authority, KEY_INFRA, &infra,
		    diag);
	if (err)
		return err;
	outside.issuer_der = buf_bytes(&infra);
	err = outside_issue(authority->keystore, &outside, &made, diag);
	if (!err)
		err = server_record(authority, dns_name, buf_bytes(&made),
		    outside.not_after, now, diag);
	if (err)
		return err;
	buf_put_bytes(der, buf_bytes(&made));
	*ret_not_after = outside.not_after;
	return buf_err(der);
}
