#include "station/station.h"

#include "lib/x509/x509_read.h"

/* Certificates in turn out of what pem_get_all() appends. */
static bool
certificate_next(struct bytes *rest, struct bytes *ret_der)
{
	size_t len;

	if (rest->len < 4)
		return false;
	len = get_be32(rest->ptr);
	*ret_der = bytes_of(rest->ptr + 4, len);
	*rest = bytes_of(rest->ptr + 4 + len, rest->len - 4 - len);
	return true;
}

static enum err
authorities_add(struct x509_trust *trust, struct bytes list,
    struct diag *diag)
{
	struct diag no_root = DIAG_INIT;
	struct x509_info info;
	struct bytes der;
	enum err err;

	while (certificate_next(&list, &der)) {
		err = x509_read(der, &info, diag);
		if (err)
			return err;
		if (!info.ca)
			continue;
		no_root = (struct diag)DIAG_INIT;
		err = x509_trust_add_root(trust, der, &no_root);
		if (err == ERR_INVALID)
			err = x509_trust_add_intermediate(trust, der, diag);
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err
signers_find(struct x509_trust *trust, struct bytes list,
    struct public_key keys[STATION_SIGNERS_MAX], size_t *count,
    struct diag *diag)
{
	enum x509_verdict verdict;
	struct x509_info info;
	struct bytes der;
	enum err err;

	while (certificate_next(&list, &der)) {
		err = x509_read(der, &info, diag);
		if (err)
			return err;
		if (info.ca ||
		    (info.extended_key_usage & EKU_DOCUMENT_SIGNING) == 0)
			continue;
		err = x509_verify(trust, der, info.not_before,
		    EKU_DOCUMENT_SIGNING, &verdict, NULL, 0, diag);
		if (err)
			return err;
		if (verdict != X509_ACCEPT)
			continue;
		if (*count == STATION_SIGNERS_MAX)
			return diag_fail(diag, ERR_LIMIT, NULL,
			    "trust: more than %d document signers",
			    STATION_SIGNERS_MAX);
		keys[(*count)++] = info.public_key;
	}
	return ERR_OK;
}

enum err
station_trust(struct bytes pem,
    struct public_key ret_keys[STATION_SIGNERS_MAX], size_t *ret_count,
    struct diag *diag)
{
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	_cleanup_buf_ struct buf list = BUF_INIT;
	size_t count = 0;
	enum err err;

	err = x509_trust_new(&trust, diag);
	if (!err)
		err = pem_get_all(pem, "CERTIFICATE", &list, diag);
	if (!err)
		err = authorities_add(trust, buf_bytes(&list), diag);
	if (!err)
		err = signers_find(trust, buf_bytes(&list), ret_keys, &count,
		    diag);
	if (err)
		return err;
	if (count == 0) {
		diag_fail(diag, ERR_AUTH, "RFC 9336 3",
		    "trust: no document signer with a path to a root in it");
		diag_hint(diag, "take the trust.pem that the authority"
		    " exports for this ecosystem");
		return ERR_AUTH;
	}
	*ret_count = count;
	return ERR_OK;
}
