#include "cmd/imprint/remote_document.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/imprint/remote_rows.h"
#include "lib/identity/claims.h"
#include "lib/policy/name.h"

#define TRUST_FILE_MAX	((size_t)1 << 20)
#define OCTETS_TEXT_SIZE ((size_t)96 << 10)	/* base64url */
#define ORDER_PAGE	100
#define PREFIX_SIZE	64	/* of a name: its kind, and = */
#define INDEX_DIGITS_MAX 18

void
remote_trust_release(struct remote_trust *trust)
{
	buf_release(&trust->certificates);
	x509_trust_free(&trust->paths);
}

void
remote_document_release(struct remote_document *document)
{
	buf_release(&document->encoded);
	buf_release(&document->issuer);
	buf_release(&document->jwt);
}

/* Not good, or of something else. */
static enum err
not_good(struct cmd *cmd, const char *word, const char *why)
{
	(void)diag_fail(&cmd->diag, ERR_AUTH, NULL,
	    "%.80s: the server's answer %s", word, why);
	diag_hint(&cmd->diag, "do not rely on that server: look on the "
	    "authority's machine");
	return ERR_AUTH;
}

/* Under the root when it began: a signer that has ended signed what is there
 * still. */
static enum err
under_root(struct cmd *cmd, const struct remote_trust *trust,
    struct bytes der, int64_t when, unsigned eku, bool *ret_good)
{
	enum x509_verdict verdict = X509_DENY_OTHER;
	enum err err;

	err = x509_verify(trust->paths, der, when, eku, &verdict, NULL, 0,
	    &cmd->diag);
	if (!err)
		*ret_good = verdict == X509_ACCEPT;
	return err;
}

/* Those of one kind that have a path to the root that is trusted here: who
 * carries the file can put any others into it. */
static enum err
trust_keep(struct cmd *cmd, struct remote_trust *trust, struct bytes rest,
    bool cas)
{
	struct x509_info info;
	bool good = false;
	struct bytes der;
	enum err err = ERR_OK;

	while (!err && pem_next(&rest, &der)) {
		err = x509_read(der, &info, &cmd->diag);
		if (err)
			return unread(cmd, err);
		if (info.ca != cas || bytes_equal(der, remote_root()))
			continue;
		err = under_root(cmd, trust, der, info.not_before, cas ? 0 :
		    EKU_DOCUMENT_SIGNING, &good);
		if (err || !good)
			continue;
		buf_put_be32(&trust->certificates, (uint32_t)der.len);
		buf_put_bytes(&trust->certificates, der);
		if (cas)
			err = x509_trust_add_intermediate(trust->paths, der,
			    &cmd->diag);
	}
	return err ? err : buf_err(&trust->certificates);
}

enum err
remote_trust_open(struct cmd *cmd, struct remote_trust *trust)
{
	_cleanup_buf_ struct buf text = { .limit = TRUST_FILE_MAX };
	_cleanup_buf_ struct buf all = { .limit = TRUST_FILE_MAX };
	enum err err;

	err = remote_file(cmd, "/pub/trust.pem", &text);
	if (err)
		return err;
	err = pem_get_all(buf_bytes(&text), "CERTIFICATE", &all, &cmd->diag);
	if (err)
		return unread(cmd, err);
	err = x509_trust_new(&trust->paths, &cmd->diag);
	if (!err)
		err = x509_trust_add_root(trust->paths, remote_root(),
		    &cmd->diag);
	/* a signer's path may go through any of the CAs */
	if (!err)
		err = trust_keep(cmd, trust, buf_bytes(&all), true);
	return err ? err : trust_keep(cmd, trust, buf_bytes(&all), false);
}

enum err
remote_trust_pem(struct cmd *cmd, struct buf *out)
{
	_cleanup_remote_trust_ struct remote_trust trust = REMOTE_TRUST_INIT;
	enum err err;

	err = remote_open(cmd);
	if (!err)
		err = remote_trust_open(cmd, &trust);
	return err ? err : remote_trust_text(&trust, out);
}

enum err
remote_trust_text(const struct remote_trust *trust, struct buf *out)
{
	struct bytes rest = buf_bytes(&trust->certificates), der;

	pem_put(out, "CERTIFICATE", remote_root());
	while (pem_next(&rest, &der))
		pem_put(out, "CERTIFICATE", der);
	return buf_err(out);
}

enum err
remote_trust_signers(struct cmd *cmd, const struct remote_trust *trust,
    struct public_key keys[REMOTE_SIGNERS_MAX], size_t *ret_count)
{
	struct bytes rest = buf_bytes(&trust->certificates), der;
	struct x509_info info;
	size_t count = 0;
	enum err err;

	while (pem_next(&rest, &der)) {
		err = x509_read(der, &info, &cmd->diag);
		if (err)
			return err;
		if (info.ca)
			continue;
		if (count == REMOTE_SIGNERS_MAX)
			return diag_fail(&cmd->diag, ERR_LIMIT, NULL,
			    "trust: more than %d document signers",
			    REMOTE_SIGNERS_MAX);
		public_key_copy(&keys[count++], &info.public_key);
	}
	*ret_count = count;
	return ERR_OK;
}

enum err
remote_signer_find(struct cmd *cmd, const struct remote_trust *trust,
    struct bytes kid, struct public_key *ret_key, bool *ret_found)
{
	struct bytes rest = buf_bytes(&trust->certificates), der;
	uint8_t found[COSE_KID_SIZE];
	struct x509_info info;
	enum err err;

	while (pem_next(&rest, &der)) {
		err = x509_read(der, &info, &cmd->diag);
		if (err)
			return err;
		if (info.ca || cose_key_thumbprint(&info.public_key, found) ||
		    !bytes_equal(kid, bytes_of(found, sizeof(found))))
			continue;
		public_key_copy(ret_key, &info.public_key);
		*ret_found = true;
		return ERR_OK;
	}
	*ret_found = false;
	return ERR_OK;
}

static enum err
document_check(struct cmd *cmd, const struct remote_trust *trust,
    const char *word, struct remote_document *d)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	bool good = false;
	enum err err;

	err = remote_signer_find(cmd, trust, d->document.message.kid,
	    &d->signer, &good);
	if (!err && !good)
		return not_good(cmd, word, "is signed by no document signer "
		    "of this ecosystem");
	if (!err)
		err = verifier_new(&d->signer, &verifier, &cmd->diag);
	if (!err)
		err = sha256_new(&sha256, &cmd->diag);
	if (!err)
		err = document_verify(&d->document, verifier, d->signer.alg,
		    sha256, &good);
	return err || good ? err : not_good(cmd, word, "is no document that "
	    "its signer signed");
}

/* As authority_init() names the issuing CA of a log. */
static bool
is_issuer_of(const char *log, const char *common_name)
{
	char end[64];
	size_t len, have = strlen(common_name);

	len = (size_t)snprintf(end, sizeof(end), " Issuing CA %s %08x", log,
	    get_be32(remote_ecosystem()));
	return have >= len && strcmp(common_name + have - len, end) == 0;
}

/* That of the log, which devices without certificates are told as well. */
static enum err
issuer_of_log(struct cmd *cmd, const struct remote_trust *trust,
    const char *word, struct remote_document *d)
{
	const char *log = d->address.log == LOG_ONLINE_NUMBER ? LOG_ONLINE :
	    LOG_BULK;
	struct bytes rest = buf_bytes(&trust->certificates), der;
	struct x509_info info;
	enum err err;

	while (pem_next(&rest, &der)) {
		err = x509_read(der, &info, &cmd->diag);
		if (err)
			return err;
		if (!info.ca || !is_issuer_of(log, info.common_name))
			continue;
		buf_put_bytes(&d->issuer, der);
		return buf_err(&d->issuer);
	}
	return not_good(cmd, word, "is of a CA without a path to the root");
}

/* By its name, and by its key alone. */
static enum err
issuer_check(struct cmd *cmd, struct bytes ca, struct bytes leaf,
    const struct x509_info *info, bool *ret_good)
{
	_cleanup_x509_trust_ struct x509_trust *alone = NULL;
	enum x509_verdict verdict = X509_DENY_OTHER;
	_cleanup_buf_ struct buf name = BUF_INIT;
	uint8_t hash[SHA256_SIZE] = { 0 };
	enum err err;

	err = x509_subject(ca, &name, &cmd->diag);
	if (!err)
		err = sha256_once(buf_bytes(&name), hash);
	if (err || memcmp(hash, info->issuer, SHA256_SIZE) != 0)
		return err;
	err = x509_trust_new(&alone, &cmd->diag);
	if (!err)
		err = x509_trust_add_root(alone, remote_root(), &cmd->diag);
	if (!err)
		err = x509_trust_add_intermediate(alone, ca, &cmd->diag);
	if (!err)
		err = x509_verify(alone, leaf, info->not_before, 0, &verdict,
		    NULL, 0, &cmd->diag);
	if (!err)
		*ret_good = verdict == X509_ACCEPT;
	return err;
}

/* The CA that issued its certificates, which say whose they are. */
static enum err
issuer_find(struct cmd *cmd, const struct remote_trust *trust,
    const char *word, struct remote_document *d)
{
	struct bytes rest = buf_bytes(&trust->certificates), der, leaf;
	struct x509_info info, ca;
	bool good = false;
	size_t i;
	enum err err;

	for (i = 0; i < d->document.key_count; i++)
		if (d->document.keys[i].certificate.len > 0)
			break;
	if (i == d->document.key_count)
		return issuer_of_log(cmd, trust, word, d);
	leaf = d->document.keys[i].certificate;
	err = x509_read(leaf, &info, &cmd->diag);
	while (!err && pem_next(&rest, &der)) {
		err = x509_read(der, &ca, &cmd->diag);
		if (!err && ca.ca)
			err = issuer_check(cmd, der, leaf, &info, &good);
		if (err || !good)
			continue;
		buf_put_bytes(&d->issuer, der);
		return buf_err(&d->issuer);
	}
	return err ? err : not_good(cmd, word, "has certificates without a "
	    "path to the root");
}

/* Is it of this place? Its status list says so. */
static bool
is_at(const struct document *d, uint32_t log, uint64_t index)
{
	char list[TEXT_SIZE];
	size_t len;

	len = (size_t)snprintf(list, sizeof(list), "/%s-%08llx.cwt",
	    log == LOG_ONLINE_NUMBER ? LOG_ONLINE : LOG_BULK,
	    (unsigned long long)(index >> STATUS_LIST_BITS));
	return d->status_uri.len > len && memcmp(d->status_uri.ptr +
	    d->status_uri.len - len, list, len) == 0 && d->status_idx ==
	    (index & ((UINT64_C(1) << STATUS_LIST_BITS) - 1));
}

/* 17, bulk/017, online/4; as lookup_find() reads them. */
static bool
address_read(const char *word, struct address *ret_address)
{
	struct address address = { LOG_BULK_NUMBER, 0 };
	const char *digits = word;
	size_t len;

	if (strncmp(word, LOG_ONLINE "/", sizeof(LOG_ONLINE)) == 0) {
		address.log = LOG_ONLINE_NUMBER;
		digits += sizeof(LOG_ONLINE);
	} else if (strncmp(word, LOG_BULK "/", sizeof(LOG_BULK)) == 0) {
		digits += sizeof(LOG_BULK);
	}
	len = strspn(digits, "0123456789");
	if (len == 0 || len > INDEX_DIGITS_MAX || digits[len] != '\0')
		return false;
	address.index = strtoull(digits, NULL, 10);
	*ret_address = address;
	return true;
}

static bool
is_address(const char *word, const struct address *address)
{
	struct address said = { 0, 0 };

	return address_read(word, &said) && said.log == address->log &&
	    said.index == address->index;
}

/* ret_octets: of SERIAL_SIZE at most. */
static bool
octets_of(const char *word, uint8_t ret_octets[SERIAL_SIZE],
    size_t *ret_len)
{
	char hex[2 * SERIAL_SIZE + 1];
	size_t used = 0;

	for (; *word != '\0'; word++) {
		if (*word == ':')
			continue;
		if (used == 2 * SERIAL_SIZE)
			return false;
		hex[used++] = *word;
	}
	hex[used] = '\0';
	return hex_decode(hex, ret_octets, SERIAL_SIZE, ret_len) == ERR_OK &&
	    *ret_len > 0;
}

/* A UEID, or the serial number of one of its certificates. */
static bool
is_octets(const char *word, const struct document *d)
{
	uint8_t octets[SERIAL_SIZE];
	struct x509_info info;
	size_t i, len = 0;

	if (!octets_of(word, octets, &len))
		return false;
	if (bytes_equal(d->ueid, bytes_of(octets, len)))
		return true;
	for (i = 0; i < d->key_count; i++)
		if (d->keys[i].certificate.len > 0 &&
		    x509_read(d->keys[i].certificate, &info, NULL) ==
		    ERR_OK && bytes_equal(bytes_of(info.serial,
		    info.serial_len), bytes_of(octets, len)))
			return true;
	return false;
}

static bool
is_named(const char *word, const struct document_name *name)
{
	static const enum name_type types[] = { NAME_TEXT, NAME_MAC,
		NAME_IMEI };
	char kind[PREFIX_SIZE], text[NAME_TEXT_SIZE];
	const char *equals = strchr(word, '=');
	struct bytes said;
	size_t i;

	(void)snprintf(kind, sizeof(kind), "%.*s", (int)name->kind.len,
	    (const char *)name->kind.ptr);
	/* with its kind before it, or not: a name may have a = in it */
	said = bytes_text(word);
	if (equals != NULL && strlen(kind) == (size_t)(equals - word) &&
	    strncmp(kind, word, strlen(kind)) == 0)
		said = bytes_text(equals + 1);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (name_read(kind, types[i], said, text, NULL) == ERR_OK &&
		    bytes_equal(name->text, bytes_text(text)))
			return true;
	return false;
}

/* Is it what the word names? */
static bool
is_meant(const char *word, const struct remote_document *d)
{
	size_t i;

	if (is_address(word, &d->address) || is_octets(word, &d->document))
		return true;
	for (i = 0; i < d->document.name_count; i++)
		if (is_named(word, &d->document.names[i]))
			return true;
	return false;
}

/*
 * Not in the document can be a name that the line gave, so that it may be
 * honest: but no address, UEID or serial number, and no name of a kind that
 * the document has. A number alone is an index where there is one.
 */
static bool
is_elsewhere(const char *word, const struct remote_document *d)
{
	struct address said = { 0, 0 };
	uint8_t octets[SERIAL_SIZE];
	const char *equals = strchr(word, '=');
	size_t i, len = 0;

	if (address_read(word, &said))
		return strchr(word, '/') == NULL && (d->address.log !=
		    LOG_BULK_NUMBER || said.index > d->address.index);
	if (octets_of(word, octets, &len) && len == SERIAL_SIZE)
		return false;
	for (i = 0; i < d->document.name_count && equals != NULL; i++)
		if (bytes_equal(d->document.names[i].kind, bytes_of(word,
		    (size_t)(equals - word))))
			return false;
	return true;
}

static enum err
meant_check(struct cmd *cmd, const char *word,
    const struct remote_document *d)
{
	if (!is_at(&d->document, d->address.log, d->address.index))
		return not_good(cmd, word, "is of another identity");
	if (is_meant(word, d))
		return ERR_OK;
	if (!is_elsewhere(word, d))
		return not_good(cmd, word, "is of another identity");
	(void)diag_fail(&cmd->diag, ERR_CONFLICT, NULL, "%.80s: its document "
	    "does not have this name: which identity it is of is the server's "
	    "word alone", word);
	diag_hint(&cmd->diag, "name it by its address, as the server has it: "
	    "%s/%llu", d->address.log == LOG_ONLINE_NUMBER ? LOG_ONLINE :
	    LOG_BULK, (unsigned long long)d->address.index);
	return ERR_CONFLICT;
}

enum err
octets_read(struct cmd *cmd, const struct json_value *answer,
    const char *name, bool encoded, struct buf *out)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char *room = (char *)buf_extend(&text, OCTETS_TEXT_SIZE);
	enum err err;

	if (room == NULL)
		return diag_nomem(&cmd->diag);
	err = json_get_text(answer, name, room, OCTETS_TEXT_SIZE, &cmd->diag);
	if (err)
		return err;
	if (!encoded) {
		buf_put_bytes(out, bytes_text(room));
		return buf_err(out);
	}
	return base64url_decode(bytes_text(room), out) == ERR_OK ? ERR_OK :
	    diag_fail(&cmd->diag, ERR_IO, NULL, "%s: no base64url", name);
}

static enum err
document_read(struct cmd *cmd, const struct json_value *answer,
    struct remote_document *d)
{
	static const struct column columns[] = {
		{ "log", COLUMN_TEXT }, { "index", COLUMN_NUMBER }, { NULL, 0 }
	};
	struct value v[COLUMNS_MAX] = { { .has = false } };
	enum err err;

	err = row_read(answer, columns, v, &cmd->diag);
	if (!err)
		err = octets_read(cmd, answer, "document", true, &d->encoded);
	if (!err)
		err = document_parse(buf_bytes(&d->encoded), &d->document,
		    &cmd->diag);
	if (err)
		return unread(cmd, err);
	d->address = (struct address){ strcmp(v[0].text, LOG_ONLINE) == 0 ?
		LOG_ONLINE_NUMBER : LOG_BULK_NUMBER, v[1].number };
	return ERR_OK;
}

/* Of the same place: what a name names may be another identity by now. */
static enum err
jwt_get(struct cmd *cmd, const char *word, struct remote_document *d)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	char target[TARGET_SIZE];
	enum err err;

	(void)snprintf(target, sizeof(target), "/v1/identities/%s/%llu/jwt",
	    d->address.log == LOG_ONLINE_NUMBER ? LOG_ONLINE : LOG_BULK,
	    (unsigned long long)d->address.index);
	err = remote_ask(cmd, "GET", target, &answer);
	if (err)
		return err;
	err = octets_read(cmd, answer, "jwt", false, &d->jwt);
	return err ? unread(cmd, err) : d->jwt.len > 0 ? ERR_OK :
	    not_good(cmd, word, "has no JWT");
}

/* Signed by any of the signers: it is made now, the document was before. */
static enum err
jwt_check(struct cmd *cmd, const struct remote_trust *trust,
    const char *word, const struct remote_document *d)
{
	const struct rendering_source source = { .document = &d->document,
		.encoded = buf_bytes(&d->encoded) };
	struct bytes rest = buf_bytes(&trust->certificates), der;
	uint8_t kid[COSE_KID_SIZE];
	struct public_key key;
	struct x509_info info;
	bool good = false;
	enum err err;

	while (pem_next(&rest, &der)) {
		err = x509_read(der, &info, &cmd->diag);
		if (!err)
			err = cose_key_thumbprint(&info.public_key, kid);
		if (!err && !info.ca)
			err = remote_signer_find(cmd, trust, bytes_of(kid,
			    sizeof(kid)), &key, &good);
		if (!err && good)
			err = rendering_jwt_check(&source,
			    buf_bytes(&d->jwt), &key, &good, &cmd->diag);
		if (err || good)
			return err;
	}
	return not_good(cmd, word, "is not the JWT of the document");
}

static enum err
target_put(struct cmd *cmd, char target[TARGET_SIZE], const char *word,
    uint32_t generation)
{
	size_t len;

	(void)snprintf(target, TARGET_SIZE, "/v1/identities/");
	if (word[0] == '\0' || !segment_put(target, TARGET_SIZE, word) ||
	    strlen(target) + sizeof("/document?signer=99") > TARGET_SIZE)
		return diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "\"%.70s\": no such name", word);
	len = strlen(target);
	(void)snprintf(target + len, TARGET_SIZE - len, generation != 0 ?
	    "/document?signer=%u" : "/document", generation);
	return ERR_OK;
}

static enum err
document_get(struct cmd *cmd, const struct remote_trust *trust,
    const char *word, uint32_t generation, struct remote_document *d)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	char target[TARGET_SIZE];
	enum err err;

	err = target_put(cmd, target, word, generation);
	if (!err)
		err = remote_ask(cmd, "GET", target, &answer);
	if (!err)
		err = document_read(cmd, answer, d);
	if (!err)
		err = document_check(cmd, trust, word, d);
	if (!err)
		err = meant_check(cmd, word, d);
	return err ? err : issuer_find(cmd, trust, word, d);
}

enum err
remote_document_get(struct cmd *cmd, const struct remote_trust *trust,
    const char *word, uint32_t generation, bool jwt,
    struct remote_document *ret_document)
{
	struct remote_document d = REMOTE_DOCUMENT_INIT;
	_cleanup_buf_ struct buf hex = BUF_INIT;
	enum err err;

	err = document_get(cmd, trust, word, generation, &d);
	if (!err && jwt)
		err = jwt_get(cmd, word, &d);
	if (!err && jwt)
		err = jwt_check(cmd, trust, word, &d);
	if (!err) {
		buf_put_hex(&hex, d.document.ueid);
		err = buf_err(&hex);
	}
	if (err) {
		remote_document_release(&d);
		return err;
	}
	(void)snprintf(d.ueid_hex, sizeof(d.ueid_hex), "%s", buf_text(&hex));
	*ret_document = d;
	return ERR_OK;
}

enum err
remote_order_count(struct cmd *cmd, uint32_t order, uint64_t *ret_committed,
    uint64_t *ret_count)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	char target[TARGET_SIZE];
	enum err err;

	(void)snprintf(target, sizeof(target), "/v1/orders/%u", order);
	err = remote_ask(cmd, "GET", target, &answer);
	if (err)
		return err;
	err = json_get_number(answer, "committed", NUMBER_MAX, 0,
	    ret_committed, &cmd->diag);
	if (!err)
		err = json_get_number(answer, "count", NUMBER_MAX, 0,
		    ret_count, &cmd->diag);
	return err ? unread(cmd, err) : ERR_OK;
}

/* One page of an order's identities. */
struct order_page {
	struct address	places[ORDER_PAGE];
	size_t		count;
	uint64_t	least;		/* the next one's index */
};

static enum err
place_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	struct order_page *page = ctx;
	uint64_t index = 0;
	enum err err;

	if (page->count == ORDER_PAGE)
		return diag_fail(diag, ERR_IO, NULL, "items: too many");
	if (!json_has(item, "index"))
		return diag_fail(diag, ERR_IO, NULL, "items: one of no place");
	err = json_get_number(item, "index", NUMBER_MAX, 0, &index, diag);
	if (err)
		return err;
	if (index < page->least)
		return diag_fail(diag, ERR_IO, NULL, "items: not in order");
	page->places[page->count++].index = index;
	page->least = index + 1;
	return ERR_OK;
}

static enum err
order_page_get(struct cmd *cmd, const char *path, uint64_t from,
    struct order_page *page, uint64_t *ret_next)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	char target[TARGET_SIZE];
	uint64_t next = 0;
	enum err err;

	(void)snprintf(target, sizeof(target), "%s&limit=%d&cursor=%ju", path,
	    ORDER_PAGE, (uintmax_t)from);
	err = remote_ask(cmd, "GET", target, &answer);
	if (err)
		return err;
	err = json_each_object(answer, "items", place_take, page, &cmd->diag);
	if (!err)
		err = json_get_number(answer, "next", NUMBER_MAX, 0, &next,
		    &cmd->diag);
	if (!err && json_has(answer, "next") &&
	    (next <= from || next < page->least))
		err = diag_fail(&cmd->diag, ERR_IO, NULL, "next: goes back");
	if (err)
		return unread(cmd, err);
	*ret_next = next;
	return ERR_OK;
}

enum err
remote_order_each(struct cmd *cmd, uint32_t order,
    enum err (*each)(void *ctx, const struct address *), void *ctx)
{
	static const struct {
		const char	*name;
		uint32_t	 number;
	} logs[] = { { LOG_BULK, LOG_BULK_NUMBER },
		{ LOG_ONLINE, LOG_ONLINE_NUMBER } };
	char path[TARGET_SIZE / 2];
	struct order_page page;
	uint64_t from;
	size_t i, n;
	enum err err = ERR_OK;

	for (i = 0; i < sizeof(logs) / sizeof(logs[0]) && !err; i++) {
		(void)snprintf(path, sizeof(path),
		    "/v1/identities?log=%s&order=%u", logs[i].name, order);
		from = 0;
		do {
			page.count = 0;
			page.least = from;
			err = order_page_get(cmd, path, from, &page, &from);
			for (n = 0; n < page.count && !err; n++) {
				page.places[n].log = logs[i].number;
				err = each(ctx, &page.places[n]);
			}
		} while (!err && from > 0);
	}
	return err;
}

enum err
remote_document_render(struct cmd *cmd, const struct remote_document *d,
    const struct export_options *options, struct buf *out)
{
	struct rendering_source source = { .slot = options->slot,
	    .encoded = buf_bytes(&d->encoded), .document = &d->document,
	    .line = options->line, .password = options->password };
	enum err err;

	if ((options->rendering->traits & RENDERING_SIGNS) != 0) {
		buf_put_bytes(out, buf_bytes(&d->jwt));
		return buf_err(out);
	}
	source.chain[0] = buf_bytes(&d->issuer);
	source.chain[1] = remote_root();
	source.chain_count = 2;
	err = options->rendering->put(&source, out, &cmd->diag);
	return err ? diag_fail(&cmd->diag, err, NULL, "identity %llu: %s",
	    (unsigned long long)d->address.index, err_name(err)) : ERR_OK;
}
