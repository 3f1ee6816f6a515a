/*
 * What the publications held say of one identity. A denial counts whatever
 * its publication's age; good counts, where status is required, only from a
 * fresh one.
 */
#include <stdarg.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/identity/status_list.h"
#include "verify/verify_internal.h"

#define CLOCK_SKEW_S	300	/* how far ahead a publisher's clock may be */

/* One identity being looked up. */
struct lookup {
	const struct imprint_verifier	*v;
	int64_t				 now;
	struct status_finding		*found;
	bool				 fresh;	/* one that says good is */
	int64_t				 newest; /* that says good; 0: none */
};

static void say(struct lookup *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(struct lookup *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(l->found->text, sizeof(l->found->text), fmt, ap);
	va_end(ap);
}

/* Revoked goes before suspended, and that before a status nobody knows. */
static bool
worse(enum imprint_verdict new, enum imprint_verdict old)
{
	return old == IMPRINT_ALLOW || (new != old &&
	    (new == IMPRINT_DENY_REVOKED || old == IMPRINT_DENY_STATUS));
}

bool
status_is_fresh(const struct imprint_verifier *v, int64_t published,
    int64_t ends, int64_t now)
{
	int64_t max_age = v->status_max_age_s;

	return published <= now + CLOCK_SKEW_S && now <= ends &&
	    (max_age == 0 || now - published <= max_age);
}

/* A publication says that it is good. ends: its last second. */
static void
found_good(struct lookup *l, int64_t published, int64_t ends)
{
	int64_t max_age = l->v->status_max_age_s;
	int64_t until;

	if (published > l->newest)
		l->newest = published;
	if (max_age == 0 ||
	    !status_is_fresh(l->v, published, ends, l->now))
		return;
	until = published <= TIME_MAX_S - max_age ? published + max_age :
	    TIME_MAX_S;
	if (until > ends)
		until = ends;
	if (!l->fresh || until > l->found->holds_until)
		l->found->holds_until = until;
	l->fresh = true;
}

/* Names can be alike: if the certificate says which key signed it (RFC 5280
 * 4.2.1.1), that counts too. */
static bool
is_issuer(const struct issuing_ca *ca, const struct x509_info *certificate)
{
	size_t len = certificate->issuer_key_id_len;

	return memcmp(ca->name_hash, certificate->issuer, SHA256_SIZE) == 0 &&
	    (len == 0 || (len == KEY_ID_SIZE &&
	    memcmp(ca->issuer.key_id, certificate->issuer_key_id,
	    KEY_ID_SIZE) == 0));
}

static void
crl_ask(struct lookup *l, const struct issuing_ca *ca,
    const struct x509_info *certificate)
{
	enum imprint_verdict verdict = IMPRINT_DENY_REVOKED;
	char when[TIME_TEXT_SIZE], then[TIME_TEXT_SIZE];
	struct crl_revocation r;

	if (!crl_index_find(ca->crl, bytes_of(certificate->serial,
	    certificate->serial_len), &r)) {
		found_good(l, ca->this_update, ca->next_update);
		return;
	}
	if (r.reason == CRL_CERTIFICATE_HOLD)
		verdict = IMPRINT_DENY_SUSPENDED;
	if (!worse(verdict, l->found->verdict))
		return;
	l->found->verdict = verdict;
	time_format(r.revoked, when);
	time_format(ca->this_update, then);
	say(l, "The device certificate was %s at %s (%s), by the CRL of %s.",
	    verdict == IMPRINT_DENY_REVOKED ? "revoked" : "suspended", when,
	    crl_reason_name(r.reason), then);
}

static void
list_ask(struct lookup *l, const struct held_list *list, uint64_t index)
{
	enum imprint_verdict verdict = IMPRINT_DENY_STATUS;
	char then[TIME_TEXT_SIZE];
	enum status status;

	/* an index beyond it: the list tells nothing */
	if (index / 4 >= list->size)
		return;
	status = status_array_get(list->array, (uint32_t)index);
	if (status == STATUS_VALID) {
		/* RFC 7519 4.1.4: not accepted on or after exp */
		found_good(l, list->issued, list->expires == TIME_MAX_S ?
		    TIME_MAX_S : list->expires - 1);
		return;
	}
	if (status == STATUS_INVALID)
		verdict = IMPRINT_DENY_REVOKED;
	else if (status == STATUS_SUSPENDED)
		verdict = IMPRINT_DENY_SUSPENDED;
	if (!worse(verdict, l->found->verdict))
		return;
	l->found->verdict = verdict;
	time_format(list->issued, then);
	if (verdict == IMPRINT_DENY_STATUS)
		say(l, "The identity has a status that is not known here, by"
		    " the status list of %s.", then);
	else
		say(l, "The identity is %s, by the status list of %s.",
		    verdict == IMPRINT_DENY_REVOKED ? "revoked" :
		    "suspended", then);
}

/* Good as far as is known: is that enough? */
static void
conclude(struct lookup *l)
{
	char then[TIME_TEXT_SIZE];

	time_format(l->newest, then);
	l->found->published = l->newest;
	if (l->v->status_max_age_s == 0 || l->fresh) {
		if (l->newest == 0)
			say(l, "not known: no CRL or status list given tells"
			    " of it");
		else
			say(l, "neither revoked nor suspended, by what was"
			    " published %s", then);
		return;
	}
	l->found->verdict = IMPRINT_DENY_STATUS;
	if (l->newest == 0)
		say(l, "Whether the identity is revoked is not known: neither"
		    " a CRL of its issuing CA nor its status list is at"
		    " hand.");
	else
		say(l, "Whether the identity is revoked is not known any"
		    " more: the newest publication is of %s, at most %lld"
		    " seconds are allowed, and none may have ended.", then,
		    (long long)l->v->status_max_age_s);
}

void
status_find(const struct imprint_verifier *v,
    const struct x509_info *certificate, const struct document *document,
    int64_t now, struct status_finding *ret)
{
	struct lookup l = { .v = v, .now = now, .found = ret };
	const struct held_list *list = NULL;
	size_t i;

	*ret = (struct status_finding){ .verdict = IMPRINT_ALLOW,
		.holds_until = TIME_MAX_S };
	for (i = 0; certificate != NULL && i < v->ca_count; i++)
		if (v->cas[i].crl != NULL && is_issuer(&v->cas[i],
		    certificate))
			crl_ask(&l, &v->cas[i], certificate);
	if (document != NULL && document->status_uri.len > 0)
		list = status_list_find(v, document->status_uri);
	if (list != NULL)
		list_ask(&l, list, document->status_idx);
	if (ret->verdict == IMPRINT_ALLOW)
		conclude(&l);
}
