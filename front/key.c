/* The TLS key: made here, certified by the authority, for a day at most. */
#include <poll.h>

#include "front/front_internal.h"
#include "lib/base/clock.h"
#include "lib/base/cbor_write.h"
#include "lib/proto/front_key.h"
#include "lib/x509/certificate.h"

#define FIRST_MS	30000
#define AGAIN_S		60	/* after one that failed */
/* Who waits asks again as often, or would be taken for one that hangs
 * (cmd/imprintd/pulse.c). */
#define BUSY_S		10

/* A new key in front->key, and its proof as a body. */
static enum err
key_make(struct front *front, struct buf *body, struct diag *diag)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf proof = BUF_INIT;
	struct public_key public;
	enum err err;

	secret_release(&front->key);
	err = key_pair_make(KEY_P256, &public, &private, diag);
	if (!err)
		err = signer_new(KEY_P256, secret_bytes(&private), &signer,
		    diag);
	if (!err)
		err = front_key_sign(front->welcome.challenge, signer, &proof,
		    diag);
	if (!err)
		err = private_key_put_pem(KEY_P256, secret_bytes(&private),
		    &front->key, diag);
	if (err)
		return err;
	cbor_put_bstr(body, buf_bytes(&proof));
	return buf_err(body);
}

static void
renew_set(struct front *front, int64_t after_s)
{
	front->renew_from = time_now();
	front->renew_at = front->renew_from + after_s;
}

bool
key_is_due(const struct front *front)
{
	int64_t now = time_now();

	/* before it was made: nobody whose clock is right would take it */
	return now >= front->renew_at || now < front->renew_from - AGAIN_S;
}

static enum err
certificate_take(struct front *front, const struct internal_message *message,
    struct buf *chain, struct diag *diag)
{
	struct internal_certificate certificate;
	struct internal_refusal refusal;
	int64_t now = time_now();
	size_t i;
	enum err err;

	if (message->type != INTERNAL_ANSWER) {
		err = internal_get_refusal(message->body, &refusal, diag);
		return err ? err : diag_fail(diag, ERR_PERMISSION, NULL,
		    "TLS certificate: refused: %s", refusal.detail);
	}
	err = internal_get_certificate(message->body, &certificate, diag);
	if (err)
		return err;
	for (i = 0; i < certificate.chain_count; i++)
		pem_put(chain, "CERTIFICATE", certificate.chain[i]);
	if (buf_err(chain) != ERR_OK)
		return diag_nomem(diag);
	front->counts[COUNT_CERTIFICATE_END] =
	    (uint64_t)certificate.not_after;
	renew_set(front, (certificate.not_after - now) / 3 * 2);
	return ERR_OK;
}

/* One question before there is a loop. */
static enum err
ask_first(struct front *front, enum internal_type type, struct bytes body,
    struct internal_message *ret_message, struct diag *diag)
{
	const struct internal_message question = { .call = type,
		.type = type, .body = body };
	enum err err;

	err = channel_put(&front->link, &question);
	if (!err)
		err = channel_wait(&front->link, FIRST_MS, ret_message, diag);
	if (!err && ret_message->call != question.call)
		err = diag_fail(diag, ERR_SYNTAX, NULL,
		    "channel: an answer that was not asked for");
	return err;
}

/* How long to wait before it is asked again; 0: it is answered. */
static unsigned
busy_s(const struct internal_message *message)
{
	struct internal_refusal refusal;

	if (message->type != INTERNAL_REFUSAL ||
	    internal_get_refusal(message->body, &refusal, NULL) != ERR_OK ||
	    refusal.status != HTTP_TOO_MANY)
		return 0;
	return refusal.retry_after_s > 0 && refusal.retry_after_s < BUSY_S ?
	    refusal.retry_after_s : BUSY_S;
}

/* Who started often waits here; to end and start again would not help. */
static enum err
certificate_ask(struct front *front, struct bytes body,
    struct internal_message *ret_message, struct diag *diag)
{
	struct pollfd end = { .fd = front->link.fd };	/* it hangs up */
	unsigned wait_s;
	bool told = false;
	enum err err;

	for (;;) {
		err = ask_first(front, INTERNAL_CERTIFICATE, body,
		    ret_message, diag);
		if (err)
			return err;
		wait_s = busy_s(ret_message);
		if (wait_s == 0)
			return ERR_OK;
		if (!told)
			front_warn(front, "it started too often and waits for"
			    " its TLS certificate");
		told = true;
		(void)poll(&end, 1, (int)wait_s * 1000);
	}
}

enum err
key_first(struct front *front, struct buf *chain, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct internal_message message;
	enum err err;

	err = ask_first(front, INTERNAL_WELCOME, bytes_of("\xf6", 1),
	    &message, diag);
	if (!err)
		err = welcome_take(front, &message, diag);
	if (!err)
		err = key_make(front, &body, diag);
	if (!err)
		err = certificate_ask(front, buf_bytes(&body), &message,
		    diag);
	if (!err)
		err = certificate_take(front, &message, chain, diag);
	return err;
}

void
key_renew(struct front *front)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct diag diag = DIAG_INIT;
	enum err err;

	if (link_asked(front, INTERNAL_CERTIFICATE))
		return;
	renew_set(front, AGAIN_S);
	err = key_make(front, &body, &diag);
	if (!err && !link_ask(front, INTERNAL_CERTIFICATE, buf_bytes(&body),
	    NULL))
		err = diag_fail(&diag, ERR_BUSY, NULL,
		    "the authority cannot be asked");
	if (err)
		front_tell(front, "no new TLS certificate", &diag);
}

void
key_answered(struct front *front, const struct internal_message *message)
{
	_cleanup_buf_ struct buf chain = BUF_INIT;
	struct diag diag = DIAG_INIT;
	enum err err;

	err = certificate_take(front, message, &chain, &diag);
	if (!err)
		err = http_server_renew(front->server, buf_bytes(&chain),
		    secret_bytes(&front->key), buf_bytes(&front->trust),
		    &diag);
	secret_release(&front->key);
	if (err)
		renew_set(front, AGAIN_S);
	front_tell(front, err ? "no new TLS certificate" :
	    "a new TLS certificate", err ? &diag : NULL);
}
