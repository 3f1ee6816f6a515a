/* Evidence that a station took, looked at once more. */
#include "lib/authority/reconcile_internal.h"

static enum err
refused(const struct address *address, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CONFLICT, NULL, "report: identity %ju: what "
	    "shall prove it is not a signature of its key",
	    (uintmax_t)address->index);
	diag_hint(diag, "the station did not look, or says what is not so: "
	    "find out before anything of it is loaded");
	return err;
}

enum err
evidence_check(struct authority *authority, struct lookup **lookup,
    const struct address *address, const struct report_record *record,
    const struct report_record *was, struct diag *diag)
{
	const struct template *template;
	struct identity identity;
	struct document document;
	struct store_range range;
	bool good = false;
	enum err err = ERR_OK;

	/* what was read back, the station alone has ever seen */
	if (record->evidence != REPORT_SIGNED || (was != NULL &&
	    was->evidence == REPORT_SIGNED &&
	    bytes_equal(was->proof, record->proof)))
		return ERR_OK;
	if (*lookup == NULL)
		err = lookup_new(authority, lookup, diag);
	if (!err)
		err = lookup_get(*lookup, address, &identity, &range,
		    &template, diag);
	if (!err)
		err = document_parse(identity.document, &document, diag);
	if (!err)
		err = report_evidence_check(&document.confirmation,
		    bytes_of(record->proof.ptr, REPORT_NONCE_SIZE),
		    bytes_of(record->proof.ptr + REPORT_NONCE_SIZE,
		    record->proof.len - REPORT_NONCE_SIZE), &good, diag);
	return err || good ? err : refused(address, diag);
}
