/* What a record may say, and sums. Writer: report_write.c, reader:
 * report_read.c. */
#include "lib/identity/report_internal.h"

const char *
report_anchor_name(enum report_anchor anchor)
{
	static const char *const names[] = { [REPORT_UNANCHORED] = "",
	    [REPORT_TPM] = "tpm", [REPORT_ACKNOWLEDGED] = "acknowledgement",
	    [REPORT_FILE] = "file", [REPORT_PROGRAM] = "program" };

	return (size_t)anchor < sizeof(names) / sizeof(names[0]) ?
	    names[anchor] : "";
}

static bool
text_good(struct bytes text, size_t min, size_t max)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			return false;
	return text.len >= min && text.len <= max;
}

static const char *
device_check(const struct report_record *r)
{
	if (r->device_kind > REPORT_SERIAL)
		return "device of no known kind";
	if (r->device.len > REPORT_DEVICE_MAX ||
	    (r->device.len == 0) != (r->device_kind == REPORT_NO_DEVICE))
		return "device id out of bounds";
	if (r->device_kind == REPORT_SERIAL &&
	    !text_good(r->device, 1, REPORT_DEVICE_MAX))
		return "serial with control characters";
	return NULL;
}

static const char *
evidence_check(const struct report_record *r)
{
	bool done = r->state == REPORT_INJECTED ||
	    r->state == REPORT_REWORKED;

	switch (r->evidence) {
	case REPORT_UNPROVEN:
		return r->proof.len == 0 ? NULL : "proof of nothing";
	case REPORT_READBACK:
		if (r->proof.len != SHA256_SIZE)
			return "read-back hash of a wrong length";
		break;
	case REPORT_SIGNED:
		if (r->proof.len <= REPORT_NONCE_SIZE ||
		    r->proof.len > REPORT_PROOF_MAX)
			return "signature of a wrong length";
		break;
	default:
		return "evidence of no known kind";
	}
	return done || r->state == REPORT_SCRAPPED ? NULL :
	    "evidence of one that is not done";
}

static const char *
names_check(const struct report_record *r)
{
	size_t i, k;

	if (r->name_count > REPORT_NAMES_MAX)
		return "too many names";
	for (i = 0; i < r->name_count; i++) {
		if (!text_good(r->names[i].kind, 1, REPORT_NAME_KIND_MAX) ||
		    !text_good(r->names[i].text, 1, REPORT_NAME_TEXT_MAX))
			return "name out of bounds";
		for (k = 0; k < i; k++)
			if (bytes_equal(r->names[i].kind, r->names[k].kind))
				return "two names of one kind";
	}
	return NULL;
}

const char *
report_record_check(const struct report_record *r)
{
	const char *wrong;

	if (r->state != REPORT_OPEN && r->state != REPORT_INJECTED &&
	    r->state != REPORT_SCRAPPED && r->state != REPORT_REWORKED)
		return "state of no known kind";
	if (r->time < 0)
		return "time out of range";
	if (!text_good(r->fixture, 0, REPORT_TEXT_MAX) ||
	    !text_good(r->badge, 0, REPORT_TEXT_MAX) ||
	    !text_good(r->mes_order, 0, REPORT_TEXT_MAX) ||
	    !text_good(r->firmware, 0, REPORT_TEXT_MAX) ||
	    !text_good(r->reason, 0, REPORT_REASON_MAX))
		return "text out of bounds, or with control characters";
	if (r->reason.len != 0 && r->state != REPORT_SCRAPPED &&
	    r->state != REPORT_REWORKED)
		return "reason of one neither scrapped nor reworked";
	wrong = device_check(r);
	if (wrong == NULL)
		wrong = evidence_check(r);
	if (wrong == NULL)
		wrong = names_check(r);
	return wrong;
}

#define EVIDENCE_TEXT	"imprint evidence"

enum err
report_evidence_check(const struct public_key *key, struct bytes nonce,
    struct bytes signature, bool *ret_good, struct diag *diag)
{
	uint8_t message[sizeof(EVIDENCE_TEXT) - 1 + REPORT_NONCE_SIZE];
	_cleanup_verifier_ struct verifier *verifier = NULL;
	enum err err;

	*ret_good = false;
	if (nonce.len != REPORT_NONCE_SIZE ||
	    signature.len != key_algorithm(key->alg)->signature_len)
		return ERR_OK;
	err = verifier_new(key, &verifier, diag);
	if (err)
		return err;
	memcpy(message, EVIDENCE_TEXT, sizeof(EVIDENCE_TEXT) - 1);
	memcpy(message + sizeof(EVIDENCE_TEXT) - 1, nonce.ptr, nonce.len);
	return verifier_check(verifier, bytes_of(message, sizeof(message)),
	    signature, ret_good);
}

bool
report_tally_add(struct report_tally *t, const struct report_record *r)
{
	struct report_pack *pack;

	if (r->pack >= REPORT_PACKS_MAX || (t->records != 0 &&
	    (r->pack < t->pack ||
	    (r->pack == t->pack && r->position <= t->position))))
		return false;
	pack = &t->packs[r->pack];
	t->records++;
	t->pack = r->pack;
	t->position = r->position;
	pack->injected += r->state == REPORT_INJECTED;
	pack->reworked += r->state == REPORT_REWORKED;
	pack->scrapped += r->state == REPORT_SCRAPPED;
	pack->open += r->state == REPORT_OPEN;
	/* the least count it can have */
	pack->count = r->position + 1;
	return true;
}

void
report_total(const struct report *report, struct report_totals *ret_totals)
{
	struct report_totals sum = { 0 };
	size_t i;

	for (i = 0; i < report->pack_count; i++) {
		sum.count += report->packs[i].count;
		sum.injected += report->packs[i].injected;
		sum.reworked += report->packs[i].reworked;
		sum.scrapped += report->packs[i].scrapped;
		sum.open += report->packs[i].open;
		sum.unused += report->packs[i].unused;
	}
	*ret_totals = sum;
}
