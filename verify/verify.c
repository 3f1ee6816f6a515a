/*
 * The decision. Each step that does not find what it needs denies, with a
 * sentence for the person who must find out why; only the last one allows.
 */
#include <stdarg.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "verify/verify_internal.h"

#define SHOWN_SIZE	68	/* of a text in a reason */
#define METHODS_SIZE	64
#define UEID_MIN	7	/* RFC 9711 4.2.1.1 */

/* What was shown, as far as it has been found good. */
struct shown {
	bool			has_document, has_certificate;
	struct document		document;
	struct x509_info	certificate;
	struct bytes		certificate_der;
	uint8_t			certificate_ueid[IMPRINT_UEID_SIZE];
	size_t			certificate_ueid_len;
};

/* One question on its way. */
struct decision {
	struct imprint_verifier		*verifier;
	const struct imprint_question	*question;
	struct imprint_answer		*answer;
	struct shown			*shown;
	bool				 denied;
	int64_t				 expires;
	const char			*step;	/* the one under way */
	imprint_step			*explain;	/* or NULL */
	void				*explain_ctx;
};

static void deny(struct decision *, enum imprint_verdict, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* A reason may go into a log line or a JSON string as it is. */
static void
reason_clean(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e || *text == '"' ||
		    *text == '\\')
			*text = '?';
}

static void
deny(struct decision *d, enum imprint_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	d->denied = true;
	d->answer->verdict = verdict;
	va_start(ap, fmt);
	(void)vsnprintf(d->answer->reason, sizeof(d->answer->reason), fmt,
	    ap);
	va_end(ap);
	reason_clean(d->answer->reason);
	if (d->explain != NULL)
		d->explain(d->explain_ctx, d->step, verdict,
		    d->answer->reason);
}

/* The step under way found what it needs, and what. */
static void
passed(struct decision *d, const char *found)
{
	if (d->explain != NULL && !d->denied)
		d->explain(d->explain_ctx, d->step, IMPRINT_ALLOW, found);
}

/* Somebody's text in a sentence of ours: visible ASCII, cut to its place. */
static const char *
shown_text(struct bytes text, char out[SHOWN_SIZE])
{
	size_t i;

	for (i = 0; i < text.len && i < SHOWN_SIZE - 4; i++)
		out[i] = text.ptr[i] >= 0x20 && text.ptr[i] < 0x7f &&
		    text.ptr[i] != '\'' ? (char)text.ptr[i] : '?';
	if (i < text.len) {
		memcpy(out + i, "...", 3);
		i += 3;
	}
	out[i] = '\0';
	return out;
}

/* "GET and POST", "nothing". */
static const char *
methods_text(uint32_t bits, char out[METHODS_SIZE])
{
	size_t len = 0;
	unsigned bit;
	int n;

	memcpy(out, "nothing", 8);
	for (bit = 0; bit < PERMISSION_COUNT; bit++) {
		if ((bits & UINT32_C(1) << bit) == 0)
			continue;
		n = snprintf(out + len, METHODS_SIZE - len, "%s%s",
		    len == 0 ? "" : " ", permission_name(bit));
		len += (size_t)n;
	}
	if (bits >> PERMISSION_COUNT != 0)
		(void)snprintf(out + len, METHODS_SIZE - len, "%sothers",
		    len == 0 ? "" : " ");
	return out;
}

/* A failure to read what was shown: its fault is a verdict, ours an error. */
static enum err
unreadable(struct decision *d, const char *what, enum err err,
    const struct diag *diag)
{
	if (err == ERR_NOMEM || err == ERR_CRYPTO || err == ERR_INTERNAL)
		return err;
	deny(d, IMPRINT_DENY_MALFORMED, "The %s cannot be read: %s%s%s%s.",
	    what, diag->what, diag->ref[0] != '\0' ? " (" : "", diag->ref,
	    diag->ref[0] != '\0' ? ")" : "");
	return ERR_OK;
}

static void
answer_ueid(struct decision *d, struct bytes ueid)
{
	memcpy(d->answer->ueid, ueid.ptr, ueid.len);
	d->answer->ueid_len = ueid.len;
}

static void
answer_expires(struct decision *d, int64_t t)
{
	if (t < d->expires)
		d->expires = t;
	d->answer->expires = d->expires;
}

static void
deny_time(struct decision *d, enum imprint_verdict verdict, const char *what,
    const char *verb, int64_t t)
{
	char then[TIME_TEXT_SIZE], now[TIME_TEXT_SIZE];

	time_format(t, then);
	time_format(d->question->now, now);
	deny(d, verdict, "The %s %s %s; now it is %s.", what, verb, then,
	    now);
}

static void
check_document_times(struct decision *d, const struct document_signer *signer)
{
	const struct document *doc = &d->shown->document;
	int64_t now = d->question->now;

	if (now < doc->issued)
		deny_time(d, IMPRINT_DENY_NOT_YET_VALID, "document",
		    "was issued in the future, at", doc->issued);
	else if (now < doc->not_before)
		deny_time(d, IMPRINT_DENY_NOT_YET_VALID, "document",
		    "is valid only from", doc->not_before);
	/* RFC 7519 4.1.4: not accepted on or after exp */
	else if (doc->expires != TIME_MAX_S && now >= doc->expires)
		deny_time(d, IMPRINT_DENY_EXPIRED, "document", "expired at",
		    doc->expires);
	else if (now < signer->not_before)
		deny_time(d, IMPRINT_DENY_NOT_YET_VALID,
		    "certificate of the document's signer",
		    "is valid only from", signer->not_before);
	else if (now > signer->not_after)
		deny_time(d, IMPRINT_DENY_EXPIRED,
		    "certificate of the document's signer", "expired at",
		    signer->not_after);
	answer_expires(d, doc->expires);
	answer_expires(d, signer->not_after);
}

static enum err
check_document(struct decision *d)
{
	struct document *doc = &d->shown->document;
	struct document_signer *signer;
	struct diag diag = DIAG_INIT;
	bool good = false;
	enum err err;

	d->step = "document form";
	err = document_parse(bytes_of(d->question->document,
	    d->question->document_len), doc, &diag);
	if (err)
		return unreadable(d, "identity document", err, &diag);
	passed(d, doc->signature == SIGNATURE_DIRECT ?
	    "COSE_Sign1 with EAT claims, strictly encoded" :
	    "EAT claims with a COSE receipt, strictly encoded");
	d->step = "document signer";
	signer = trust_find_signer(d->verifier, doc->message.kid);
	if (signer == NULL) {
		deny(d, IMPRINT_DENY_UNTRUSTED, "The identity document is"
		    " signed by a key that is not among the %zu trusted"
		    " document signers.", d->verifier->signer_count);
		return ERR_OK;
	}
	passed(d, "known, its certificate leads to a trusted root");
	d->step = "document signature";
	err = document_verify(doc, signer->verifier, signer->alg,
	    d->verifier->sha256, &good);
	if (err)
		return err;
	if (!good) {
		deny(d, IMPRINT_DENY_SIGNATURE, "The identity document was"
		    " altered or forged: its signature is not the one of the"
		    " trusted signer it names.");
		return ERR_OK;
	}
	passed(d, doc->signature == SIGNATURE_DIRECT ?
	    "the signer's, over every claim" :
	    "the signer's, over the root that claims and path lead to");
	d->shown->has_document = true;
	answer_ueid(d, doc->ueid);
	d->step = "document times";
	check_document_times(d, signer);
	passed(d, "issued, not expired, and its signer was not either");
	return ERR_OK;
}

static void
deny_path(struct decision *d, enum x509_verdict verdict, const char *detail)
{
	const struct x509_info *info = &d->shown->certificate;

	switch (verdict) {
	case X509_DENY_SIGNATURE:
		deny(d, IMPRINT_DENY_SIGNATURE, "The device certificate or"
		    " one above it was altered or forged: %s.", detail);
		break;
	case X509_DENY_EXPIRED:
		if (d->question->now > info->not_after)
			deny_time(d, IMPRINT_DENY_EXPIRED,
			    "device certificate", "expired at",
			    info->not_after);
		else
			deny(d, IMPRINT_DENY_EXPIRED, "A certificate above the"
			    " device's has expired: %s.", detail);
		break;
	case X509_DENY_NOT_YET_VALID:
		if (d->question->now < info->not_before)
			deny_time(d, IMPRINT_DENY_NOT_YET_VALID,
			    "device certificate", "is valid only from",
			    info->not_before);
		else
			deny(d, IMPRINT_DENY_NOT_YET_VALID, "A certificate"
			    " above the device's is not valid yet: %s.",
			    detail);
		break;
	case X509_DENY_PURPOSE:
		deny(d, IMPRINT_DENY_PURPOSE, "The certificate is not for"
		    " client authentication: %s.", detail);
		break;
	case X509_DENY_CONSTRAINT:
		deny(d, IMPRINT_DENY_PURPOSE, "The certificate or one above"
		    " it may not be used so: %s.", detail);
		break;
	default:
		deny(d, IMPRINT_DENY_UNTRUSTED, "No path leads from the"
		    " device certificate to a trusted root: %s.", detail);
		break;
	}
}

/* A device's certificate carries its UEID in lower-case hexadecimal. */
static bool
ueid_parse(const char *text, uint8_t ueid[IMPRINT_UEID_SIZE], size_t *ret_len)
{
	if (strspn(text, "0123456789abcdef") != strlen(text))
		return false;
	return hex_decode(text, ueid, IMPRINT_UEID_SIZE, ret_len) == ERR_OK &&
	    *ret_len >= UEID_MIN;
}

static enum err
check_path(struct decision *d)
{
	enum x509_verdict verdict = X509_DENY_INCOMPLETE;
	struct diag diag = DIAG_INIT;
	char detail[128];
	enum err err;

	err = x509_verify(d->verifier->trust, d->shown->certificate_der,
	    d->question->now, EKU_CLIENT_AUTH, &verdict, detail,
	    sizeof(detail), &diag);
	if (err)
		return unreadable(d, "device certificate", err, &diag);
	if (verdict != X509_ACCEPT)
		deny_path(d, verdict, detail);
	return ERR_OK;
}

static enum err
check_certificate(struct decision *d)
{
	struct shown *s = d->shown;
	struct diag diag = DIAG_INIT;
	char shown[SHOWN_SIZE];
	enum err err;

	d->step = "certificate form";
	s->certificate_der = bytes_of(d->question->certificate,
	    d->question->certificate_len);
	err = x509_read(s->certificate_der, &s->certificate, &diag);
	if (!err)
		err = key_alg_available(s->certificate.public_key.alg, &diag);
	if (err)
		return unreadable(d, "device certificate", err, &diag);
	passed(d, "X.509 version 3");
	d->step = "certificate path";
	err = check_path(d);
	if (err || d->denied)
		return err;
	passed(d, "leads to a trusted root, valid now, for its purpose");
	d->step = "certificate subject";
	if (s->certificate.ca) {
		deny(d, IMPRINT_DENY_PURPOSE, "The certificate is a CA's,"
		    " not a device's.");
		return ERR_OK;
	}
	if (!ueid_parse(s->certificate.common_name, s->certificate_ueid,
	    &s->certificate_ueid_len)) {
		deny(d, IMPRINT_DENY_PURPOSE, "The certificate is not a"
		    " device's: its common name '%s' is not a UEID in"
		    " hexadecimal.", shown_text(bytes_text(
		    s->certificate.common_name), shown));
		return ERR_OK;
	}
	passed(d, s->certificate.common_name);
	s->has_certificate = true;
	if (!s->has_document)
		answer_ueid(d, bytes_of(s->certificate_ueid,
		    s->certificate_ueid_len));
	answer_expires(d, s->certificate.not_after);
	return ERR_OK;
}

/* Do certificate and document speak of one device and one key? */
static void
check_match(struct decision *d)
{
	const struct document *doc = &d->shown->document;
	const struct x509_info *certificate = &d->shown->certificate;
	const struct document_key *k;
	size_t i;

	if (!bytes_equal(doc->ueid, bytes_of(d->shown->certificate_ueid,
	    d->shown->certificate_ueid_len))) {
		deny(d, IMPRINT_DENY_MISMATCH, "The certificate is of another"
		    " device (%s) than the identity document.",
		    certificate->common_name);
		return;
	}
	if (!public_key_equal(&doc->confirmation, &certificate->public_key)) {
		deny(d, IMPRINT_DENY_MISMATCH, "The certificate holds another"
		    " key than the one the identity document names for"
		    " authentication (cnf).");
		return;
	}
	for (i = 0; i < doc->key_count; i++) {
		k = &doc->keys[i];
		if (k->purpose == PURPOSE_AUTHENTICATE &&
		    k->certificate.len > 0 && !bytes_equal(k->certificate,
		    d->shown->certificate_der))
			deny(d, IMPRINT_DENY_MISMATCH, "The certificate is not"
			    " the one in slot %u of the identity document.",
			    k->slot);
	}
}

static void
check_status(struct decision *d)
{
	struct status_finding found;

	d->step = "status";
	status_find(d->verifier, d->shown->has_certificate ?
	    &d->shown->certificate : NULL, d->shown->has_document ?
	    &d->shown->document : NULL, d->question->now, &found);
	if (found.verdict != IMPRINT_ALLOW) {
		deny(d, found.verdict, "%s", found.text);
		return;
	}
	d->answer->status_time = found.published;
	answer_expires(d, found.holds_until);
	passed(d, found.text);
}

static void
answer_rights(struct decision *d)
{
	const struct document *doc = &d->shown->document;
	struct imprint_right *right;
	struct bytes object;
	uint32_t bits;
	size_t i;

	for (i = 0; i < doc->capability_count; i++) {
		object = doc->capabilities[i].object;
		bits = document_rights(doc, object);
		if (bits == 0)
			continue;
		right = &d->answer->rights[d->answer->right_count++];
		memcpy(right->object, object.ptr, object.len);
		right->object[object.len] = '\0';
		right->permissions = bits;
	}
}

static uint32_t
bits_of(const struct document_object *objects, size_t count,
    struct bytes object)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (bytes_equal(objects[i].object, object))
			return objects[i].bits;
	return 0;
}

static void
check_right(struct decision *d)
{
	const struct document *doc = &d->shown->document;
	char shown[SHOWN_SIZE], needed[METHODS_SIZE];
	char can[METHODS_SIZE], may[METHODS_SIZE];
	struct bytes object = bytes_text(d->question->object);
	uint32_t permissions = d->question->permissions;

	if (!d->shown->has_document) {
		deny(d, IMPRINT_DENY_NO_DOCUMENT, "%s on '%s' was asked for,"
		    " but no identity document was shown, and only it tells"
		    " what a device may do.",
		    methods_text(permissions, needed),
		    shown_text(object, shown));
		return;
	}
	if ((document_rights(doc, object) & permissions) == permissions)
		return;
	methods_text(bits_of(doc->capabilities, doc->capability_count,
	    object), can);
	methods_text(bits_of(doc->scope, doc->scope_count, object), may);
	deny(d, IMPRINT_DENY_PERMISSION, "%s on '%s' is needed; the device"
	    " can do: %s; it is authorised to do: %s.",
	    methods_text(permissions, needed), shown_text(object, shown), can,
	    may);
}

static void
allow(struct decision *d)
{
	const char *what;

	if (!d->shown->has_document)
		what = "The device certificate is genuine and valid.";
	else if (!d->shown->has_certificate)
		what = "The identity document is genuine and valid; that the"
		    " sender holds its key was not shown.";
	else
		what = "Device certificate and identity document are genuine,"
		    " valid and of one device.";
	(void)snprintf(d->answer->reason, sizeof(d->answer->reason), "%s",
	    what);
	d->answer->verdict = IMPRINT_ALLOW;
}

static enum err
decide(struct decision *d)
{
	const struct imprint_question *q = d->question;
	enum err err;

	d->step = "evidence";
	if (q->document == NULL && q->certificate == NULL) {
		deny(d, IMPRINT_DENY, "Neither a certificate nor an identity"
		    " document was shown.");
		return ERR_OK;
	}
	if (q->document != NULL) {
		err = check_document(d);
		if (err || d->denied)
			return err;
	}
	if (q->certificate != NULL) {
		err = check_certificate(d);
		if (err || d->denied)
			return err;
	}
	if (d->shown->has_document && d->shown->has_certificate) {
		d->step = "certificate = document";
		check_match(d);
		passed(d, "one device, one key");
		if (d->denied)
			return ERR_OK;
	}
	check_status(d);
	if (d->denied)
		return ERR_OK;
	if (d->shown->has_document)
		answer_rights(d);
	if (q->object != NULL) {
		d->step = "right";
		check_right(d);
		passed(d, "the device can do it and is authorised to");
	}
	if (!d->denied)
		allow(d);
	return ERR_OK;
}

/* A right asked for without permissions would be granted to everybody. */
static bool
question_is_valid(const struct imprint_question *q)
{
	return q->now > 0 && q->now <= TIME_MAX_S &&
	    (q->certificate != NULL || q->certificate_len == 0) &&
	    (q->document != NULL || q->document_len == 0) &&
	    (q->object != NULL) == (q->permissions != 0);
}

static void
answer_init(struct imprint_answer *a)
{
	static const char undecided[] = "Nothing could be decided.";

	memset(a, 0, sizeof(*a));
	a->verdict = IMPRINT_DENY;
	memcpy(a->reason, undecided, sizeof(undecided));
}

/* Nothing of what was found before an error may look like an answer. */
static int
undecided(struct imprint_answer *answer, enum err err)
{
	answer_init(answer);
	return err == ERR_NOMEM ? IMPRINT_ERROR_NOMEM : IMPRINT_ERROR_CRYPTO;
}

int
imprint_verify(struct imprint_verifier *verifier,
    const struct imprint_question *question,
    struct imprint_answer *ret_answer)
{
	return imprint_verify_explain(verifier, question, NULL, NULL,
	    ret_answer);
}

int
imprint_verify_explain(struct imprint_verifier *verifier,
    const struct imprint_question *question, imprint_step *explain,
    void *ctx, struct imprint_answer *ret_answer)
{
	struct shown shown;
	struct decision d = {
		.verifier = verifier, .question = question,
		.answer = ret_answer, .shown = &shown,
		.expires = TIME_MAX_S, .explain = explain,
		.explain_ctx = ctx,
	};
	enum err err;

	if (ret_answer == NULL)
		return IMPRINT_ERROR_INVALID;
	answer_init(ret_answer);
	if (verifier == NULL || question == NULL ||
	    !question_is_valid(question))
		return IMPRINT_ERROR_INVALID;
	/* the rest of it is set before it is read */
	shown.has_document = false;
	shown.has_certificate = false;
	err = decide(&d);
	if (err)
		return undecided(ret_answer, err);
	return IMPRINT_OK;
}

const char *
imprint_verdict_name(enum imprint_verdict verdict)
{
	switch (verdict) {
	case IMPRINT_DENY:
		return "deny: no evidence";
	case IMPRINT_ALLOW:
		return "allow";
	case IMPRINT_DENY_MALFORMED:
		return "deny: malformed";
	case IMPRINT_DENY_UNTRUSTED:
		return "deny: untrusted";
	case IMPRINT_DENY_SIGNATURE:
		return "deny: bad signature";
	case IMPRINT_DENY_EXPIRED:
		return "deny: expired";
	case IMPRINT_DENY_NOT_YET_VALID:
		return "deny: not yet valid";
	case IMPRINT_DENY_PURPOSE:
		return "deny: wrong purpose";
	case IMPRINT_DENY_MISMATCH:
		return "deny: certificate and document differ";
	case IMPRINT_DENY_PERMISSION:
		return "deny: not permitted";
	case IMPRINT_DENY_NO_DOCUMENT:
		return "deny: no document";
	case IMPRINT_DENY_REVOKED:
		return "deny: revoked";
	case IMPRINT_DENY_SUSPENDED:
		return "deny: suspended";
	case IMPRINT_DENY_STATUS:
		return "deny: status not known";
	}
	return "deny: unknown verdict";
}

const char *
imprint_error_name(int error)
{
	switch (error) {
	case IMPRINT_OK:
		return "no error";
	case IMPRINT_ERROR_NOMEM:
		return "out of memory";
	case IMPRINT_ERROR_SYNTAX:
		return "cannot be read";
	case IMPRINT_ERROR_CRYPTO:
		return "the cryptographic library failed";
	case IMPRINT_ERROR_INVALID:
		return "a parameter is out of range";
	case IMPRINT_ERROR_LIMIT:
		return "larger than is read, or too many";
	case IMPRINT_ERROR_UNTRUSTED:
		return "not signed by whom this trust names";
	case IMPRINT_ERROR_STALE:
		return "older than what is known already";
	case IMPRINT_ERROR_UNSUPPORTED:
		return "of a kind that is not read";
	default:
		return "unknown error";
	}
}
