#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "device/adapters/openssl/internal.h"

#define OID_SERVER_AUTH	"1.3.6.1.5.5.7.3.1"
#define HEAD_MAX	4096
#define WAITS		4	/* whole time-outs, for all but the bodies */
#define RATE_MIN	1024	/* octets of them a second, on the whole */
#define NOTES_MAX	8	/* answers of 1xx before the one */

/* One question on its way. */
struct ask {
	const struct imprint_tls_request	*request;
	struct imprint_tls_answer		*answer;
	const struct imprint_device_key		*key;
	struct adapter_handle			 handle;
	SSL_CTX					*ctx;
	SSL					*ssl;
	int					 fd;
	uint8_t					*buffer;
	size_t					 size, len;
	unsigned				 notes;
	int64_t					 begun_s;
};

/* For "return outcome(...)". */
static bool __attribute__((format(printf, 3, 4)))
outcome(struct ask *a, enum imprint_tls_outcome what, const char *fmt, ...)
{
	va_list args;

	a->answer->outcome = what;
	va_start(args, fmt);
	(void)vsnprintf(a->answer->reason, sizeof(a->answer->reason), fmt,
	    args);
	va_end(args);
	return false;
}

static const char *
library_reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text == NULL ? "no reason given" : text;
}

static bool
chain_show(struct ask *a, X509 *leaf)
{
	_cleanup_certs_ STACK_OF(X509) *chain = NULL;
	bool good = true;
	int i;

	chain = adapter_issuers(a->request->identity, leaf);
	for (i = 0; i < sk_X509_num(chain) && good; i++)
		good = SSL_CTX_add1_chain_cert(a->ctx,
		    sk_X509_value(chain, i)) == 1;
	return chain != NULL && good;
}

static bool
identity_show(struct ask *a)
{
	_cleanup_pkey_ EVP_PKEY *here = adapter_private(a->key);
	_cleanup_x509_ X509 *leaf = NULL;
	EVP_PKEY *key = here;

	leaf = adapter_certificate(a->key->certificate);
	if (key == NULL && a->key->private_key.len == 0)
		key = adapter_handle_open(&a->handle, a->request->keys,
		    a->key);
	return leaf != NULL && key != NULL &&
	    SSL_CTX_use_certificate(a->ctx, leaf) == 1 &&
	    SSL_CTX_use_PrivateKey(a->ctx, key) == 1 &&
	    SSL_CTX_check_private_key(a->ctx) == 1 && chain_show(a, leaf);
}

/*
 * A profile for constrained devices may leave out the authority key
 * identifier of an end entity: it only helps to find the issuer, the
 * signature decides. And notAfter is the last good second (RFC 5280
 * 4.1.2.5), which OpenSSL 3.0 counts as expired.
 */
static int
verify_callback(int good, X509_STORE_CTX *ctx)
{
	int error = X509_STORE_CTX_get_error(ctx);
	const X509_VERIFY_PARAM *param;
	const X509 *x;

	if (good)
		return 1;
	if (error == X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER)
		return X509_STORE_CTX_get_error_depth(ctx) == 0;
	if (error != X509_V_ERR_CERT_HAS_EXPIRED)
		return 0;
	param = X509_STORE_CTX_get0_param(ctx);
	x = X509_STORE_CTX_get_current_cert(ctx);
	return x != NULL && ASN1_TIME_cmp_time_t(X509_get0_notAfter(x),
	    X509_VERIFY_PARAM_get_time(param)) == 0;
}

static bool
has_usage(X509 *x, const char *oid)
{
	EXTENDED_KEY_USAGE *usages;
	bool found = false;
	char text[64];
	int i;

	usages = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	for (i = 0; i < sk_ASN1_OBJECT_num(usages) && !found; i++) {
		(void)OBJ_obj2txt(text, sizeof(text),
		    sk_ASN1_OBJECT_value(usages, i), 1);
		found = strcmp(text, oid) == 0;
	}
	sk_ASN1_OBJECT_pop_free(usages, ASN1_OBJECT_free);
	return found;
}

/* RFC 5280 4.2.1.12: absent means any, which is too much here. */
static int
server_verify_callback(int good, X509_STORE_CTX *ctx)
{
	good = verify_callback(good, ctx);
	if (good == 1 && X509_STORE_CTX_get_error_depth(ctx) == 0 &&
	    !has_usage(X509_STORE_CTX_get_current_cert(ctx),
	    OID_SERVER_AUTH)) {
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_INVALID_PURPOSE);
		return 0;
	}
	return good;
}

/* Which server is acceptable: RFC 5280 6.1, RFC 6125 6, our root alone. */
static bool
server_expect(struct ask *a)
{
	const struct imprint_device_identity *id = a->request->identity;
	_cleanup_x509_ X509 *root = adapter_certificate(id->certs[id->root]);
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(a->ctx);

	if (root == NULL || X509_STORE_add_cert(
	    SSL_CTX_get_cert_store(a->ctx), root) != 1)
		return false;
	X509_VERIFY_PARAM_set_time(param, (time_t)a->request->now);
	X509_VERIFY_PARAM_set_hostflags(param,
	    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (X509_VERIFY_PARAM_set_flags(param,
	    X509_V_FLAG_X509_STRICT) != 1)
		return false;
	SSL_CTX_set_verify(a->ctx, SSL_VERIFY_PEER, server_verify_callback);
	return X509_VERIFY_PARAM_set1_ip_asc(param, a->request->name) == 1 ||
	    X509_VERIFY_PARAM_set1_host(param, a->request->name, 0) == 1;
}

static bool
context_make(struct ask *a)
{
	a->ctx = SSL_CTX_new(TLS_client_method());
	if (a->ctx == NULL ||
	    SSL_CTX_set_min_proto_version(a->ctx, TLS1_3_VERSION) != 1 ||
	    (!a->request->anonymous && !identity_show(a)) ||
	    !server_expect(a))
		return outcome(a, IMPRINT_TLS_FAILED, "TLS: %s",
		    library_reason());
	(void)SSL_CTX_set_session_cache_mode(a->ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(a->ctx, SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_mode(a->ctx, SSL_MODE_AUTO_RETRY);
	ERR_clear_error();
	return true;
}

/* connect(2) that gives up after the time-out. */
static bool
connect_within(int fd, const struct addrinfo *to, unsigned timeout_s)
{
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	struct timeval limit = { .tv_sec = (time_t)timeout_s };
	socklen_t len = sizeof(int);
	int error = 0;

	/* on Linux the send time-out bounds connect(2) as well */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
	    sizeof(limit)) != 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO,
	    &limit, sizeof(limit)) != 0)
		return false;
	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
		return true;
	if (errno != EINTR)
		return false;
	if (poll(&wait, 1, (int)timeout_s * 1000) != 1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return false;
	errno = error;
	return error == 0;
}

static bool
socket_open(struct ask *a)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const struct imprint_tls_request *r = a->request;
	struct addrinfo *list = NULL, *at;
	int result, saved = 0;

	result = getaddrinfo(r->host, r->port, &hints, &list);
	if (result != 0)
		return outcome(a, IMPRINT_TLS_UNREACHABLE, "%s: %s", r->host,
		    gai_strerror(result));
	for (at = list; at != NULL && a->fd < 0; at = at->ai_next) {
		a->fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC,
		    at->ai_protocol);
		if (a->fd >= 0 && connect_within(a->fd, at, r->timeout_s))
			break;
		saved = errno;
		if (a->fd >= 0)
			(void)close(a->fd);
		a->fd = -1;
	}
	freeaddrinfo(list);
	if (a->fd >= 0)
		return true;
	return outcome(a, IMPRINT_TLS_UNREACHABLE, "%s port %s: %s", r->host,
	    r->port, saved == EAGAIN || saved == EINPROGRESS ?
	    "no answer in time" : strerror(saved));
}

/* Alerts about us (RFC 8446 6.2). */
static bool
alert_is_refusal(int reason)
{
	switch (reason - SSL_AD_REASON_OFFSET) {
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case SSL_AD_DECRYPT_ERROR:
	case SSL_AD_CERTIFICATE_REQUIRED:
		return true;
	default:
		return false;
	}
}

static int64_t
seconds_now(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/*
 * Before each read and write of the connection: none is begun when the time
 * for the question is over, whatever keeps it going, an octet now and then or
 * messages of TLS.
 */
static long
in_time(BIO *bio, int what, const char *text, size_t len, int argi,
    long argl, int result, size_t *processed)
{
	const struct ask *a = BIO_get_app_data(bio);
	size_t octets = a->request->body.len + a->len;

	(void)text;
	(void)len;
	(void)argi;
	(void)argl;
	(void)processed;
	if ((what & BIO_CB_RETURN) != 0)
		return result;
	if ((what != BIO_CB_READ && what != BIO_CB_WRITE) || seconds_now() -
	    a->begun_s <= (int64_t)a->request->timeout_s * WAITS +
	    (int64_t)(octets / RATE_MIN))
		return 1;
	BIO_clear_retry_flags(bio);
	errno = ETIMEDOUT;
	return -1;
}

static bool
connection_bind(struct ask *a)
{
	BIO *bio;

	a->begun_s = seconds_now();
	if (SSL_set_fd(a->ssl, a->fd) != 1)
		return false;
	bio = SSL_get_rbio(a->ssl);	/* and wbio */
	if (BIO_set_app_data(bio, a) != 1)
		return false;
	BIO_set_callback_ex(bio, in_time);
	return true;
}

/* What ended the connection: an alert of theirs, or the network. */
static bool
broken(struct ask *a, int result, const char *when)
{
	int error = SSL_get_error(a->ssl, result);
	int reason = ERR_GET_REASON(ERR_peek_last_error());
	bool timed_out = errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == ETIMEDOUT;

	if (error == SSL_ERROR_SSL && alert_is_refusal(reason))
		return outcome(a, IMPRINT_TLS_DEVICE_DENIED,
		    "the service refuses this device's certificate or key:"
		    " %s", library_reason());
	if (error == SSL_ERROR_SSL)
		return outcome(a, IMPRINT_TLS_UNREACHABLE, "%s: TLS: %s",
		    when, library_reason());
	return outcome(a, IMPRINT_TLS_UNREACHABLE, "%s: %s", when,
	    timed_out ? "no answer in time" : "connection closed");
}

static bool
server_check(struct ask *a)
{
	_cleanup_x509_ X509 *server = SSL_get1_peer_certificate(a->ssl);

	if (server == NULL || SSL_get_verify_result(a->ssl) != X509_V_OK)
		return outcome(a, IMPRINT_TLS_SERVER_DENIED,
		    "the service showed no acceptable certificate");
	(void)X509_NAME_oneline(X509_get_subject_name(server),
	    a->answer->server, sizeof(a->answer->server));
	return true;
}

/* RFC 6066 3: names only, no addresses. */
static bool
server_name_send(struct ask *a)
{
	const char *name = a->request->name;
	struct in6_addr address;

	if (inet_pton(AF_INET, name, &address) == 1 ||
	    inet_pton(AF_INET6, name, &address) == 1)
		return true;
	return SSL_set_tlsext_host_name(a->ssl, name) == 1;
}

static bool
handshake(struct ask *a)
{
	long verified;
	int result;

	a->ssl = SSL_new(a->ctx);
	if (a->ssl == NULL || !connection_bind(a) || !server_name_send(a))
		return outcome(a, IMPRINT_TLS_FAILED, "TLS: %s",
		    library_reason());
	ERR_clear_error();
	errno = 0;
	result = SSL_connect(a->ssl);
	if (result == 1)
		return server_check(a);
	verified = SSL_get_verify_result(a->ssl);
	if (verified != X509_V_OK)
		return outcome(a, IMPRINT_TLS_SERVER_DENIED,
		    "the service's certificate is not acceptable for %s: %s",
		    a->request->name, X509_verify_cert_error_string(verified));
	return broken(a, result, "handshake");
}

/* RFC 3986 3.3: what may stand in a path; the rest percent-encoded. */
static bool
path_encode(const char *object, char *out, size_t size)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-._~/";
	static const char hex[] = "0123456789ABCDEF";
	size_t len = 0;
	uint8_t c;

	for (; *object != '\0'; object++) {
		c = (uint8_t)*object;
		if (len + 4 > size)
			return false;
		if (strchr(plain, c) != NULL) {
			out[len++] = (char)c;
			continue;
		}
		out[len++] = '%';
		out[len++] = hex[c >> 4];
		out[len++] = hex[c & 15];
	}
	out[len] = '\0';
	return true;
}

static bool
request_send(struct ask *a)
{
	const struct imprint_tls_request *r = a->request;
	const char *kind = r->content_type, *auth = r->authorization;
	char head[HEAD_MAX], path[HEAD_MAX / 4];
	size_t done = 0;
	int len = -1;

	path[0] = '/';
	if (r->target != NULL || path_encode(r->object, path + 1,
	    sizeof(path) - 1))
		len = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\n"
		    "Host: %s\r\n%s%s%s%s%s%sContent-Length: %zu\r\n"
		    "Connection: close\r\n\r\n", r->method,
		    r->target != NULL ? r->target : path, r->name,
		    auth != NULL ? "Authorization: " : "",
		    auth != NULL ? auth : "", auth != NULL ? "\r\n" : "",
		    kind != NULL ? "Content-Type: " : "",
		    kind != NULL ? kind : "", kind != NULL ? "\r\n" : "",
		    r->body.len);
	if (len < 0 || (size_t)len >= sizeof(head))
		return outcome(a, IMPRINT_TLS_FAILED,
		    "the object's name is too long to ask for");
	a->answer->sent = true;
	/*
	 * A service that refuses us in TLS 1.3 has closed by now: what it
	 * said tells more than the failing write.
	 */
	if (SSL_write_ex(a->ssl, head, (size_t)len, &done) == 1 &&
	    r->body.len > 0)
		(void)SSL_write_ex(a->ssl, r->body.ptr, r->body.len, &done);
	return true;
}

static bool
bad_answer(struct ask *a, const char *what)
{
	return outcome(a, IMPRINT_TLS_BAD_ANSWER, "the service's answer %s",
	    what);
}

/* Is the answer there? What was told on the way (RFC 9110 15.2) is passed
 * over, though not without end. */
static enum adapter_http
answer_look(struct ask *a, struct adapter_answer *h)
{
	enum adapter_http state;
	size_t len = 0;

	while ((state = adapter_http_head(a->buffer, a->len, h)) ==
	    ADAPTER_HTTP_WHOLE && h->status < 200 &&
	    a->notes++ < NOTES_MAX) {
		a->len -= h->start;
		memmove(a->buffer, a->buffer + h->start, a->len);
		h->status = 0;
	}
	if (state != ADAPTER_HTTP_WHOLE)
		return state;
	if (h->status < 200)
		return ADAPTER_HTTP_BAD;
	if (h->status == 204 || h->status == 304) {	/* RFC 9112 6.3 */
		h->chunked = false;
		h->length = 0;
	}
	if (h->chunked)
		return adapter_http_chunks(a->buffer + h->start,
		    a->len - h->start, false, &len);
	return h->length != SIZE_MAX && a->len - h->start >= h->length ?
	    ADAPTER_HTTP_WHOLE : ADAPTER_HTTP_MORE;
}

/* ended: the service ended the connection, so that there is no more of it. */
static bool
answer_take(struct ask *a, const struct adapter_answer *h, bool ended)
{
	struct imprint_tls_answer *answer = a->answer;
	size_t len = h->length;

	if (ended && (h->chunked || h->length != SIZE_MAX))
		return bad_answer(a, "ends early");
	if (h->chunked)
		(void)adapter_http_chunks(a->buffer + h->start,
		    a->len - h->start, true, &len);
	else if (len == SIZE_MAX)
		len = a->len - h->start;
	answer->status = h->status;
	answer->retry_after_s = h->retry_after_s;
	answer->body.ptr = a->buffer + h->start;
	answer->body.len = len;
	answer->outcome = IMPRINT_TLS_ANSWERED;
	return true;
}

static bool
answer_read(struct ask *a)
{
	struct adapter_answer head = { .status = 0 };
	enum adapter_http state;
	size_t n;
	int result;

	while ((state = answer_look(a, &head)) == ADAPTER_HTTP_MORE) {
		if (a->len == a->size)
			return outcome(a, IMPRINT_TLS_BAD_ANSWER,
			    "the service's answer is larger than %zu bytes",
			    a->size);
		ERR_clear_error();
		errno = 0;
		result = SSL_read_ex(a->ssl, a->buffer + a->len,
		    a->size - a->len, &n);
		if (result == 1)
			a->len += n;
		else if (head.status == 0)
			return broken(a, result, "waiting for the answer");
		else if (SSL_get_error(a->ssl, result) ==
		    SSL_ERROR_ZERO_RETURN)
			return answer_take(a, &head, true);
		else	/* it may have been cut: RFC 9112 9.8 */
			return broken(a, result, "amid the answer");
	}
	if (head.status > 0 && head.status < 200)
		return bad_answer(a, "is put off without end");
	return state == ADAPTER_HTTP_BAD ? bad_answer(a, "is not HTTP/1.1") :
	    answer_take(a, &head, false);
}

static const struct imprint_device_key *
key_find(const struct imprint_tls_request *request)
{
	const struct imprint_device_identity *id = request->identity;
	size_t i;

	for (i = 0; i < id->key_count; i++)
		if (id->keys[i].purpose == IMPRINT_DEVICE_AUTHENTICATE &&
		    id->keys[i].certificate.len > 0 &&
		    (id->keys[i].private_key.len > 0 ||
		    request->keys != NULL))
			return &id->keys[i];
	return NULL;
}

void
imprint_tls_ask(const struct imprint_tls_request *request, uint8_t *buffer,
    size_t size, struct imprint_tls_answer *ret_answer)
{
	struct ask a = {
		.request = request, .answer = ret_answer, .fd = -1,
		.buffer = buffer, .size = size
	};

	*ret_answer = (struct imprint_tls_answer){ 0 };
	if (!request->anonymous)
		a.key = key_find(request);
	if (a.key == NULL && !request->anonymous)
		(void)outcome(&a, IMPRINT_TLS_FAILED, "the identity has no"
		    " authentication key with a certificate");
	else if (context_make(&a) && socket_open(&a) && handshake(&a) &&
	    request_send(&a) && answer_read(&a))
		(void)SSL_shutdown(a.ssl);
	SSL_free(a.ssl);
	SSL_CTX_free(a.ctx);
	adapter_handle_close(&a.handle);
	if (a.fd >= 0)
		(void)close(a.fd);
	ERR_clear_error();
}
