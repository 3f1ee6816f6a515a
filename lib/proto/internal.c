#include "lib/proto/internal.h"

#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

#define RETRY_MAX_S	86400

/* What which peer may ask; everything else is refused by cutting it off. */
static const struct {
	enum internal_role	role;
	enum internal_type	type;
} allowed[] = {
	{ INTERNAL_FRONT, INTERNAL_WELCOME },
	{ INTERNAL_FRONT, INTERNAL_CERTIFICATE },
	{ INTERNAL_FRONT, INTERNAL_IDENTITY },
	{ INTERNAL_FRONT, INTERNAL_FIGURES },
	{ INTERNAL_FRONT, INTERNAL_EST },
	{ INTERNAL_FRONT, INTERNAL_EST_WISH },
	{ INTERNAL_FRONT, INTERNAL_EST_KEYGEN },
	{ INTERNAL_FRONT, INTERNAL_REQUEST },
	{ INTERNAL_FRONT, INTERNAL_QUERY },
	{ INTERNAL_FRONT, INTERNAL_LEDGER_HEAD },
	{ INTERNAL_OPERATOR, INTERNAL_SUBMIT },
	{ INTERNAL_OPERATOR, INTERNAL_ORDER_RUN },
	{ INTERNAL_OPERATOR, INTERNAL_PUBLISH },
	{ INTERNAL_OPERATOR, INTERNAL_LOG_PUBLISH },
	{ INTERNAL_OPERATOR, INTERNAL_SIGNER_RENEW },
	{ INTERNAL_OPERATOR, INTERNAL_EXPORT },
};

bool
internal_allowed(enum internal_role role, uint64_t type)
{
	size_t i;

	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (allowed[i].role == role && allowed[i].type == type)
			return true;
	return false;
}

enum err
internal_put(struct buf *out, const struct internal_message *message)
{
	size_t at = out->len, len;

	buf_put_be32(out, 0);
	cbor_put_array(out, 4);
	cbor_put_uint(out, INTERNAL_VERSION);
	cbor_put_uint(out, message->call);
	cbor_put_uint(out, message->type);
	buf_put_bytes(out, message->body);
	if (buf_err(out) != ERR_OK)
		return buf_err(out);
	len = out->len - at - INTERNAL_HEAD;
	if (len > INTERNAL_SIZE_MAX) {
		out->len = at;
		return ERR_LIMIT;
	}
	put_be32(out->ptr + at, (uint32_t)len);
	return ERR_OK;
}

static enum err
bad(struct diag *diag, const struct cbor *cbor, const char *what)
{
	return diag_fail(diag, ERR_SYNTAX, NULL,
	    "internal message: %s: %s", what,
	    cbor->error != NULL ? cbor->error : "not what it must be");
}

enum err
internal_parse(struct bytes text, struct internal_message *ret_message,
    struct diag *diag)
{
	struct internal_message message;
	struct cbor cbor;
	uint64_t version;

	cbor_open(&cbor, text);
	version = cbor_get_versioned(&cbor, 4, INTERNAL_VERSION);
	if (cbor_ok(&cbor) && version != INTERNAL_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "internal message: version %llu is not known",
		    (unsigned long long)version);
	message.call = cbor_get_uint(&cbor);
	message.type = cbor_get_uint(&cbor);
	message.body = cbor_get_item(&cbor);
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "message");
	*ret_message = message;
	return ERR_OK;
}

static void
certificates_put(struct buf *out, const struct bytes *ders, size_t count)
{
	size_t i;

	cbor_put_array(out, count);
	for (i = 0; i < count; i++)
		cbor_put_bstr(out, ders[i]);
}

static size_t
certificates_get(struct cbor *cbor, struct bytes *ders)
{
	size_t i, count = cbor_get_array(cbor);

	if (count == 0 || count > INTERNAL_CERTS_MAX) {
		cbor_fail(cbor, "number of certificates");
		return 0;
	}
	for (i = 0; i < count; i++) {
		ders[i] = cbor_get_bstr(cbor);
		if (ders[i].len == 0 || ders[i].len > INTERNAL_DER_MAX)
			cbor_fail(cbor, "certificate's length");
	}
	return count;
}

/* Text without what acts on terminals or ends a line of a header. */
static void
text_get(struct cbor *cbor, char *out, size_t size)
{
	struct bytes text = cbor_get_tstr(cbor);

	if (text.len >= size || !bytes_is_plain(text)) {
		cbor_fail(cbor, "text");
		return;
	}
	if (text.len > 0)
		memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
}

void
internal_put_welcome(struct buf *out, const struct internal_welcome *welcome)
{
	cbor_put_array(out, 6);
	cbor_put_bstr(out, bytes_of(welcome->challenge, CHALLENGE_SIZE));
	cbor_put_bstr(out, bytes_of(welcome->tickets, TICKETS_SIZE));
	cbor_put_uint(out, welcome->generation);
	cbor_put_text(out, welcome->name);
	certificates_put(out, welcome->trust, welcome->trust_count);
	cbor_put_uint(out, welcome->own_count);
}

enum err
internal_get_welcome(struct bytes body, struct internal_welcome *ret_welcome,
    struct diag *diag)
{
	struct internal_welcome welcome = { .trust_count = 0 };
	struct bytes challenge, tickets;
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 6);
	challenge = cbor_get_bstr_sized(&cbor, CHALLENGE_SIZE);
	tickets = cbor_get_bstr_sized(&cbor, TICKETS_SIZE);
	welcome.generation = cbor_get_uint(&cbor);
	text_get(&cbor, welcome.name, sizeof(welcome.name));
	welcome.trust_count = certificates_get(&cbor, welcome.trust);
	welcome.own_count = (size_t)cbor_get_uint(&cbor);
	if (welcome.own_count < 1 || welcome.own_count > welcome.trust_count)
		cbor_fail(&cbor, "nobody of its own");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "welcome");
	memcpy(welcome.challenge, challenge.ptr, CHALLENGE_SIZE);
	memcpy(welcome.tickets, tickets.ptr, TICKETS_SIZE);
	*ret_welcome = welcome;
	return ERR_OK;
}

void
internal_put_certificate(struct buf *out,
    const struct internal_certificate *certificate)
{
	cbor_put_array(out, 2);
	certificates_put(out, certificate->chain, certificate->chain_count);
	cbor_put_uint(out, (uint64_t)certificate->not_after);
}

enum err
internal_get_certificate(struct bytes body,
    struct internal_certificate *ret_certificate, struct diag *diag)
{
	struct internal_certificate certificate = { .chain_count = 0 };
	struct cbor cbor;
	uint64_t end;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 2);
	certificate.chain_count = certificates_get(&cbor, certificate.chain);
	end = cbor_get_uint(&cbor);
	if (end > (uint64_t)TIME_MAX_S)
		cbor_fail(&cbor, "time");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "certificate");
	certificate.not_after = (int64_t)end;
	*ret_certificate = certificate;
	return ERR_OK;
}

/* What text_get() takes: cut, others than ASCII as '?'. */
static void
text_put(struct buf *out, const char *text, size_t max)
{
	char plain[INTERNAL_TEXT_MAX + 1];
	size_t i;

	for (i = 0; text[i] != '\0' && i < max; i++)
		plain[i] = text[i] < 0x20 || text[i] > 0x7e ? '?' : text[i];
	plain[i] = '\0';
	cbor_put_text(out, plain);
}

void
internal_put_query(struct buf *out, const struct internal_query *query)
{
	cbor_put_array(out, 4);
	cbor_put_text(out, query->method);
	cbor_put_text(out, query->target);
	cbor_put_bstr(out, query->octets);
	cbor_put_bstr(out, query->body);
}

enum err
internal_get_query(struct bytes body, struct internal_query *ret_query,
    struct diag *diag)
{
	struct internal_query query;
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 4);
	text_get(&cbor, query.method, sizeof(query.method));
	text_get(&cbor, query.target, sizeof(query.target));
	query.octets = cbor_get_bstr(&cbor);
	query.body = cbor_get_bstr(&cbor);
	if (query.octets.len > INTERNAL_QUERY_MAX ||
	    query.body.len > INTERNAL_BODY_MAX)
		cbor_fail(&cbor, "query's length");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "query");
	*ret_query = query;
	return ERR_OK;
}

void
internal_put_refusal(struct buf *out, const struct internal_refusal *refusal)
{
	cbor_put_array(out, 4);
	cbor_put_uint(out, refusal->status);
	text_put(out, refusal->reason, INTERNAL_REASON_MAX);
	text_put(out, refusal->detail, INTERNAL_TEXT_MAX);
	cbor_put_uint(out, refusal->retry_after_s);
}

enum err
internal_get_refusal(struct bytes body, struct internal_refusal *ret_refusal,
    struct diag *diag)
{
	struct internal_refusal refusal = { .status = 0 };
	uint64_t status, retry_s;
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 4);
	status = cbor_get_uint(&cbor);
	text_get(&cbor, refusal.reason, sizeof(refusal.reason));
	text_get(&cbor, refusal.detail, sizeof(refusal.detail));
	retry_s = cbor_get_uint(&cbor);
	if (status < 400 || status > 599)
		cbor_fail(&cbor, "status");
	if (retry_s > RETRY_MAX_S)
		cbor_fail(&cbor, "retry after");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "refusal");
	refusal.status = (unsigned)status;
	refusal.retry_after_s = (uint32_t)retry_s;
	*ret_refusal = refusal;
	return ERR_OK;
}

enum err
internal_get_octets(struct bytes body, size_t max, struct bytes *ret_octets,
    struct diag *diag)
{
	struct bytes octets;
	struct cbor cbor;

	cbor_open(&cbor, body);
	octets = cbor_get_bstr(&cbor);
	if (octets.len == 0 || octets.len > max)
		cbor_fail(&cbor, "length");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "octets");
	*ret_octets = octets;
	return ERR_OK;
}

void
internal_put_est(struct buf *out, const struct internal_est *est)
{
	cbor_put_array(out, 4);
	cbor_put_bool(out, est->renew);
	cbor_put_text(out, est->label);
	cbor_put_bstr(out, est->leaf);
	cbor_put_bstr(out, est->csr);
}

static void
label_get(struct cbor *cbor, char label[INTERNAL_LABEL_MAX + 1])
{
	struct bytes text = cbor_get_tstr(cbor);

	if (text.len > INTERNAL_LABEL_MAX || !bytes_is_plain(text))
		cbor_fail(cbor, "label");
	else if (text.len > 0)
		memcpy(label, text.ptr, text.len);
}

enum err
internal_get_est(struct bytes body, struct internal_est *ret_est,
    struct diag *diag)
{
	struct internal_est est = { .renew = false };
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 4);
	est.renew = cbor_get_bool(&cbor);
	label_get(&cbor, est.label);
	est.leaf = cbor_get_bstr(&cbor);
	est.csr = cbor_get_bstr(&cbor);
	if (est.leaf.len == 0 || est.leaf.len > INTERNAL_DER_MAX ||
	    est.csr.len == 0 || est.csr.len > INTERNAL_DER_MAX)
		cbor_fail(&cbor, "length");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "est");
	*ret_est = est;
	return ERR_OK;
}

void
internal_put_est_key(struct buf *out, const struct internal_est_key *key)
{
	cbor_put_array(out, 2);
	cbor_put_bstr(out, key->certificate);
	cbor_put_bstr(out, key->key);
}

enum err
internal_get_est_key(struct bytes body, struct internal_est_key *ret_key,
    struct diag *diag)
{
	struct internal_est_key key;
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 2);
	key.certificate = cbor_get_bstr(&cbor);
	key.key = cbor_get_bstr(&cbor);
	if (key.certificate.len == 0 || key.key.len == 0)
		cbor_fail(&cbor, "length");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "key of est");
	*ret_key = key;
	return ERR_OK;
}

void
internal_put_est_wish(struct buf *out, const struct internal_est_wish *wish)
{
	cbor_put_array(out, 3);
	cbor_put_bool(out, wish->linked);
	cbor_put_text(out, wish->label);
	cbor_put_bstr(out, wish->leaf);
}

enum err
internal_get_est_wish(struct bytes body, struct internal_est_wish *ret_wish,
    struct diag *diag)
{
	struct internal_est_wish wish = { .linked = false };
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 3);
	wish.linked = cbor_get_bool(&cbor);
	label_get(&cbor, wish.label);
	wish.leaf = cbor_get_bstr(&cbor);
	if (wish.leaf.len > INTERNAL_DER_MAX)
		cbor_fail(&cbor, "length");
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "wish of est");
	*ret_wish = wish;
	return ERR_OK;
}

void
internal_put_counts(struct buf *out, const uint64_t counts[COUNTS])
{
	size_t i;

	cbor_put_array(out, COUNTS);
	for (i = 0; i < COUNTS; i++)
		cbor_put_uint(out, counts[i]);
}

enum err
internal_get_counts(struct bytes body, uint64_t ret_counts[COUNTS],
    struct diag *diag)
{
	uint64_t counts[COUNTS];
	struct cbor cbor;
	size_t i;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, COUNTS);
	for (i = 0; i < COUNTS; i++)
		counts[i] = cbor_get_uint(&cbor);
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "counts");
	memcpy(ret_counts, counts, sizeof(counts));
	return ERR_OK;
}

void
internal_put_figures(struct buf *out, const struct internal_figures *figures)
{
	cbor_put_array(out, 3);
	cbor_put_bool(out, figures->ready);
	cbor_put_uint(out, figures->generation);
	cbor_put_bstr(out, figures->text);
}

enum err
internal_get_figures(struct bytes body, struct internal_figures *ret_figures,
    struct diag *diag)
{
	struct internal_figures figures;
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 3);
	figures.ready = cbor_get_bool(&cbor);
	figures.generation = cbor_get_uint(&cbor);
	figures.text = cbor_get_bstr(&cbor);
	if (!cbor_close(&cbor))
		return bad(diag, &cbor, "figures");
	*ret_figures = figures;
	return ERR_OK;
}
