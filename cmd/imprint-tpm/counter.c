#include "cmd/imprint-tpm/counter.h"

#include <stdlib.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "lib/base/bytes.h"

#define VALUE_SIZE	8
#define ATTRIBUTES	(TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT |	\
	TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA)
/* what the TPM adds by itself */
#define ATTRIBUTES_SET	TPMA_NV_WRITTEN

struct counter {
	TSS2_TCTI_CONTEXT	*tcti;
	ESYS_CONTEXT		*esys;
	uint32_t		 index;
	TPM2B_AUTH		 secret;
	ESYS_TR			 handle;	/* ESYS_TR_NONE: not looked */
};

/* Without the number of the handle, parameter or session it is about. */
static TSS2_RC
plain(TSS2_RC rc)
{
	return rc & TPM2_RC_FMT1 ? rc & (TPM2_RC_FMT1 | 0x3f) : rc;
}

static enum err
tpm_fail(const struct counter *c, const char *what, TSS2_RC rc,
    struct diag *diag)
{
	enum err err = ERR_IO;

	if (plain(rc) == TPM2_RC_BAD_AUTH || plain(rc) == TPM2_RC_AUTH_FAIL)
		err = ERR_AUTH;
	else if (plain(rc) == TPM2_RC_HANDLE)
		err = ERR_NOTFOUND;
	return diag_fail(diag, err, NULL, "TPM, NV index 0x%08x: %s: %s",
	    c->index, what, Tss2_RC_Decode(rc));
}

enum err
counter_open(const char *tcti, uint32_t index, struct bytes secret,
    struct counter **ret_counter, struct diag *diag)
{
	_cleanup_counter_ struct counter *c = NULL;
	TSS2_RC rc;

	if (secret.len > COUNTER_SECRET_MAX || index < COUNTER_INDEX_FIRST ||
	    index > COUNTER_INDEX_LAST)
		return diag_fail(diag, ERR_INVALID, NULL, "TPM: index or"
		    " secret out of range");
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return diag_nomem(diag);
	c->index = index;
	c->handle = ESYS_TR_NONE;
	c->secret.size = (UINT16)secret.len;
	if (secret.len > 0)
		memcpy(c->secret.buffer, secret.ptr, secret.len);
	rc = Tss2_TctiLdr_Initialize(tcti, &c->tcti);
	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_Initialize(&c->esys, c->tcti, NULL);
	if (rc != TSS2_RC_SUCCESS) {
		diag_fail(diag, ERR_IO, NULL, "TPM %s: cannot be reached:"
		    " %s", tcti, Tss2_RC_Decode(rc));
		diag_hint(diag, "is it there, and may this user open it? On"
		    " Debian: group tss");
		return ERR_IO;
	}
	*ret_counter = c;
	c = NULL;	/* transferred */
	return ERR_OK;
}

void
counter_close(struct counter **counter)
{
	struct counter *c = *counter;

	if (c == NULL)
		return;
	Esys_Finalize(&c->esys);
	Tss2_TctiLdr_Finalize(&c->tcti);
	explicit_bzero(&c->secret, sizeof(c->secret));
	free(c);
	*counter = NULL;
}

/* Is what stands at the index a counter as we make them? */
static enum err
kind_check(const struct counter *c, struct diag *diag)
{
	TPM2B_NV_PUBLIC *public = NULL;
	TPMA_NV found;
	TSS2_RC rc;

	rc = Esys_NV_ReadPublic(c->esys, c->handle, ESYS_TR_NONE,
	    ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(c, "cannot be looked at", rc, diag);
	found = public->nvPublic.attributes & ~ATTRIBUTES_SET;
	Esys_Free(public);
	return found == ATTRIBUTES ? ERR_OK : diag_fail(diag, ERR_CONFLICT,
	    NULL, "TPM, NV index 0x%08x: is something else's", c->index);
}

static enum err
handle_find(struct counter *c, struct diag *diag)
{
	TSS2_RC rc;
	enum err err;

	if (c->handle != ESYS_TR_NONE)
		return ERR_OK;
	rc = Esys_TR_FromTPMPublic(c->esys, c->index, ESYS_TR_NONE,
	    ESYS_TR_NONE, ESYS_TR_NONE, &c->handle);
	if (rc != TSS2_RC_SUCCESS) {
		c->handle = ESYS_TR_NONE;
		return tpm_fail(c, "no counter is there: was the TPM"
		    " cleared, or is it another one?", rc, diag);
	}
	err = kind_check(c, diag);
	if (err)
		return err;
	rc = Esys_TR_SetAuth(c->esys, c->handle, &c->secret);
	return rc == TSS2_RC_SUCCESS ? ERR_OK : tpm_fail(c,
	    "secret not taken", rc, diag);
}

static enum err
counter_define(struct counter *c, struct diag *diag)
{
	const TPM2B_NV_PUBLIC public = { .nvPublic = {
		.nvIndex = c->index, .nameAlg = TPM2_ALG_SHA256,
		.attributes = ATTRIBUTES, .dataSize = VALUE_SIZE
	} };
	TSS2_RC rc;
	enum err err;

	rc = Esys_NV_DefineSpace(c->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
	    ESYS_TR_NONE, ESYS_TR_NONE, &c->secret, &public, &c->handle);
	if (rc == TSS2_RC_SUCCESS)
		return ERR_OK;
	c->handle = ESYS_TR_NONE;
	err = tpm_fail(c, "counter cannot be made", rc, diag);
	if (err == ERR_AUTH)
		diag_hint(diag, "the TPM's owner has a password, which this"
		    " program does not ask for: take it off for this once");
	return err;
}

static TSS2_RC
value_read(struct counter *c, uint64_t *ret_value)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	TSS2_RC rc;

	rc = Esys_NV_Read(c->esys, c->handle, c->handle, ESYS_TR_PASSWORD,
	    ESYS_TR_NONE, ESYS_TR_NONE, VALUE_SIZE, 0, &data);
	if (rc == TSS2_RC_SUCCESS && data->size == VALUE_SIZE)
		*ret_value = get_be64(data->buffer);
	else if (rc == TSS2_RC_SUCCESS)
		rc = TSS2_ESYS_RC_MALFORMED_RESPONSE;
	Esys_Free(data);
	return rc;
}

enum err
counter_make(struct counter *c, struct diag *diag)
{
	uint64_t value = 0;
	TSS2_RC rc;
	enum err err;

	err = handle_find(c, diag);
	if (err == ERR_NOTFOUND)
		err = counter_define(c, diag);
	if (err)
		return err;
	/* it has no value before it was raised for the first time */
	rc = value_read(c, &value);
	if (rc == TPM2_RC_NV_UNINITIALIZED)
		return counter_raise(c, diag);
	return rc == TSS2_RC_SUCCESS ? ERR_OK : tpm_fail(c,
	    "cannot be read", rc, diag);
}

enum err
counter_read(struct counter *c, uint64_t *ret_value, struct diag *diag)
{
	uint64_t value = 0;
	TSS2_RC rc;
	enum err err;

	err = handle_find(c, diag);
	if (err)
		return err;
	rc = value_read(c, &value);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(c, "cannot be read", rc, diag);
	*ret_value = value;
	return ERR_OK;
}

enum err
counter_raise(struct counter *c, struct diag *diag)
{
	TSS2_RC rc;
	enum err err;

	err = handle_find(c, diag);
	if (err)
		return err;
	rc = Esys_NV_Increment(c->esys, c->handle, c->handle,
	    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
	return rc == TSS2_RC_SUCCESS ? ERR_OK : tpm_fail(c,
	    "cannot be raised", rc, diag);
}
