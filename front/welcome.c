/* What the authority gives a front: whom it lets in, keys of TLS tickets. */
#include "front/front_internal.h"
#include "lib/x509/certificate.h"

static void
buf_move(struct buf *to, struct buf *from)
{
	buf_release(to);
	*to = *from;
	*from = (struct buf)BUF_INIT;
}

enum err
welcome_take(struct front *front, const struct internal_message *message,
    struct diag *diag)
{
	_cleanup_buf_ struct buf trust = BUF_INIT, cacerts = BUF_INIT;
	struct internal_welcome welcome;
	size_t i;
	enum err err;

	if (message->type != INTERNAL_ANSWER)
		return diag_fail(diag, ERR_PERMISSION, NULL,
		    "channel: the authority does not welcome this front");
	err = internal_get_welcome(message->body, &welcome, diag);
	for (i = 0; !err && i < welcome.trust_count; i++)
		pem_put(&trust, "CERTIFICATE", welcome.trust[i]);
	if (!err)
		err = buf_err(&trust);
	if (!err)
		err = est_cacerts(&welcome, &cacerts, diag);
	if (!err && front->server != NULL)
		err = http_server_trust(front->server, buf_bytes(&trust),
		    diag);
	if (!err) {
		buf_move(&front->trust, &trust);
		buf_move(&front->cacerts, &cacerts);
		/* views of a message that will be gone */
		welcome.trust_count = 0;
		/* in place: the server looks here */
		front->welcome = welcome;
	}
	wipe(welcome.tickets, TICKETS_SIZE);
	return err;
}

void
welcome_ask(struct front *front)
{
	/* what cannot be asked now is when figures come again */
	if (!link_asked(front, INTERNAL_WELCOME))
		(void)link_ask(front, INTERNAL_WELCOME, bytes_of("\xf6", 1),
		    NULL);
}

void
welcome_answered(struct front *front, const struct internal_message *message)
{
	struct diag diag = DIAG_INIT;
	enum err err = welcome_take(front, message, &diag);

	front_tell(front, err ? "no new trust and keys of tickets" :
	    "new trust and keys of tickets", err ? &diag : NULL);
}
