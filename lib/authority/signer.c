#include "lib/authority/signer.h"

#include <stdio.h>

#include "lib/authority/authority_internal.h"
#include "lib/x509/x509_read.h"

#define TRUST_MAX	((size_t)1 << 20)
#define FILE_TRUST	DIR_PUBLISH "/trust.pem"

void
signer_name(uint32_t number, char ret_name[SIGNER_NAME_SIZE])
{
	if (number == 1)
		(void)snprintf(ret_name, SIGNER_NAME_SIZE, KEY_DOCUMENT);
	else
		(void)snprintf(ret_name, SIGNER_NAME_SIZE, KEY_DOCUMENT ".%u",
		    number % 1000U);
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

static bool
file_is(struct authority *authority, const char *path, struct bytes content)
{
	_cleanup_buf_ struct buf old = { .limit = TRUST_MAX };

	return io_read_file(authority->io, path, &old, NULL) == ERR_OK &&
	    bytes_equal(buf_bytes(&old), content);
}

/* Replaced as a whole, unless it is as it shall be. */
static enum err
file_publish(struct authority *authority, const char *name,
    struct bytes content, struct diag *diag)
{
	char path[PATH_SIZE];
	enum err err;

	err = authority_path(authority, name, path, diag);
	if (err || file_is(authority, path, content))
		return err;
	return io_write_public(authority->io, path, content, diag);
}

/* Every certificate that trust.pem holds, in its order. */
static enum err
certificates_each(struct authority *authority, enum err (*each)(
    struct authority *, const char *name, struct bytes der, void *ctx,
    struct diag *), void *ctx, struct diag *diag)
{
	static const char *const cas[] = { KEY_ROOT, LOG_BULK, LOG_ONLINE,
	    KEY_INFRA };
	struct authority_signer signer;
	char name[SIGNER_NAME_SIZE];
	uint32_t i, count = sizeof(cas) / sizeof(cas[0]);
	enum err err;

	err = signer_current(authority, &signer, diag);
	for (i = 0; !err && i < count + signer.number; i++) {
		_cleanup_buf_ struct buf der = BUF_INIT;

		signer_name(i < count ? 1 : i - count + 1, name);
		err = authority_certificate(authority, i < count ? cas[i] :
		    name, &der, diag);
		if (!err)
			err = each(authority, i < count ? cas[i] : name,
			    buf_bytes(&der), ctx, diag);
	}
	return err;
}

static enum err
trust_add(struct authority *authority, const char *name, struct bytes der,
    void *ctx, struct diag *diag)
{
	struct buf *trust = ctx;

	(void)authority;
	(void)name;
	(void)diag;
	pem_put(trust, "CERTIFICATE", der);
	return buf_err(trust);
}

static enum err
certificate_publish(struct authority *authority, const char *name,
    struct bytes der, void *ctx, struct diag *diag)
{
	char file[64];

	(void)ctx;
	(void)snprintf(file, sizeof(file), DIR_PUBLISH "/ca/%.32s.cer", name);
	return file_publish(authority, file, der, diag);
}

enum err
signer_publish(struct authority *authority, struct diag *diag)
{
	_cleanup_buf_ struct buf trust = { .limit = TRUST_MAX };
	enum err err;

	err = certificates_each(authority, certificate_publish, NULL, diag);
	if (!err)
		err = certificates_each(authority, trust_add, &trust, diag);
	return err ? err : file_publish(authority, FILE_TRUST,
	    buf_bytes(&trust), diag);
}

enum err
signer_published(struct authority *authority, bool *ret_published,
    struct diag *diag)
{
	_cleanup_buf_ struct buf trust = { .limit = TRUST_MAX };
	char path[PATH_SIZE];
	enum err err;

	err = certificates_each(authority, trust_add, &trust, diag);
	if (!err)
		err = authority_path(authority, FILE_TRUST, path, diag);
	if (!err)
		*ret_published = file_is(authority, path, buf_bytes(&trust));
	return err;
}
