#include "lib/authority/signer.h"

#include <stdio.h>

#include "lib/authority/authority_internal.h"
#include "lib/x509/x509_read.h"

#define TRUST_MAX	((size_t)1 << 20)

void
signer_name(uint32_t number, char ret_name[SIGNER_NAME_SIZE])
{
	if (number == 1)
		(void)snprintf(ret_name, SIGNER_NAME_SIZE, KEY_DOCUMENT);
	else
		(void)snprintf(ret_name, SIGNER_NAME_SIZE, KEY_DOCUMENT ".%u",
		    number % 1000);
}

enum err
signer_get(struct authority *authority, uint32_t number,
    struct authority_signer *ret_signer, struct diag *diag)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct authority_signer signer = { .number = number };
	struct x509_info info;
	enum err err;

	signer_name(number, signer.name);
	err = authority_certificate(authority, signer.name, &der, diag);
	if (!err)
		err = x509_read(buf_bytes(&der), &info, diag);
	if (err)
		return err;
	signer.key = info.public_key;
	err = cose_key_thumbprint(&signer.key, signer.kid);
	if (!err)
		*ret_signer = signer;
	return err;
}

enum err
signer_current(struct authority *authority,
    struct authority_signer *ret_signer, struct diag *diag)
{
	struct authority_signer next;
	uint32_t number;
	enum err err;

	err = signer_get(authority, 1, ret_signer, diag);
	for (number = 2; !err && number <= SIGNERS_MAX; number++) {
		err = signer_get(authority, number, &next, NULL);
		if (err == ERR_NOTFOUND)
			return ERR_OK;
		if (err)
			return signer_get(authority, number, &next, diag);
		*ret_signer = next;
	}
	return err;
}

enum err
signer_by_kid(struct authority *authority, struct bytes kid,
    struct authority_signer *ret_signer, struct diag *diag)
{
	struct authority_signer signer;
	uint32_t number;
	enum err err = ERR_OK;

	for (number = 1; number <= SIGNERS_MAX && !err; number++) {
		err = signer_get(authority, number, &signer, NULL);
		if (!err && bytes_equal(kid,
		    bytes_of(signer.kid, COSE_KID_SIZE))) {
			*ret_signer = signer;
			return ERR_OK;
		}
	}
	if (err && err != ERR_NOTFOUND)
		return signer_get(authority, number - 1, &signer, diag);
	return diag_fail(diag, ERR_CORRUPT, NULL,
	    "registry: signed by a key that is no document signer's here");
}

/* Replaced as a whole, unless it is as it shall be. */
static enum err
file_publish(struct authority *authority, const char *name,
    struct bytes content, struct diag *diag)
{
	_cleanup_buf_ struct buf old = { .limit = TRUST_MAX };
	char path[PATH_SIZE];
	enum err err;

	err = authority_path(authority, name, path, diag);
	if (err)
		return err;
	if (io_read_file(authority->io, path, &old, NULL) == ERR_OK &&
	    bytes_equal(buf_bytes(&old), content))
		return ERR_OK;
	return io_write_file(authority->io, path, content, 0644, diag);
}

static enum err
certificate_publish(struct authority *authority, const char *name,
    struct buf *trust, struct diag *diag)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	char file[64];
	enum err err;

	err = authority_certificate(authority, name, &der, diag);
	if (err)
		return err;
	pem_put(trust, "CERTIFICATE", buf_bytes(&der));
	(void)snprintf(file, sizeof(file), DIR_PUBLISH "/ca/%.32s.cer", name);
	return file_publish(authority, file, buf_bytes(&der), diag);
}

enum err
signer_publish(struct authority *authority, struct diag *diag)
{
	/* in the order of init */
	static const char *const cas[] = { KEY_ROOT, LOG_BULK, LOG_ONLINE,
	    KEY_INFRA };
	_cleanup_buf_ struct buf trust = { .limit = TRUST_MAX };
	struct authority_signer signer;
	char name[SIGNER_NAME_SIZE];
	uint32_t number;
	size_t i;
	enum err err;

	err = signer_current(authority, &signer, diag);
	for (i = 0; i < sizeof(cas) / sizeof(cas[0]) && !err; i++)
		err = certificate_publish(authority, cas[i], &trust, diag);
	for (number = 1; !err && number <= signer.number; number++) {
		signer_name(number, name);
		err = certificate_publish(authority, name, &trust, diag);
	}
	if (!err)
		err = buf_err(&trust);
	return err ? err : file_publish(authority, DIR_PUBLISH "/trust.pem",
	    buf_bytes(&trust), diag);
}
