/*
 * What the front tells the log. Who is refused, and who fails in the handshake,
 * is anybody: of each so many lines a second, then how many were left out. Of a
 * request the method, the path and our own words alone: no query, no field, no
 * body, and nothing that the authority has answered but its reason.
 */
#include "front/front_internal.h"

#define LINES_MAX	10	/* of a kind in a second */

void
front_tell(struct front *front, const char *what, const struct diag *diag)
{
	_cleanup_buf_ struct buf fields = BUF_INIT;

	logfmt_put_text(&fields, "msg", what);
	if (diag != NULL)
		logfmt_put_diag(&fields, diag);
	front->config.tell(diag != NULL ? LEVEL_ERROR : LEVEL_INFO, &fields);
}

void
front_warn(struct front *front, const char *what)
{
	_cleanup_buf_ struct buf fields = BUF_INIT;

	logfmt_put_text(&fields, "msg", what);
	front->config.tell(LEVEL_WARNING, &fields);
}

static bool
line_take(struct front_lines *lines)
{
	if (lines->told == LINES_MAX) {
		lines->left++;
		return false;
	}
	lines->told++;
	return true;
}

void
front_refused(struct front *front, const struct http_request *r,
    enum http_status status, const char *reason, const char *what)
{
	_cleanup_buf_ struct buf fields = BUF_INIT;

	/* 202: it is to come back, RFC 7030 4.2.3 */
	if ((unsigned)status < 400 || !line_take(&front->refusals))
		return;
	logfmt_put_text(&fields, "event", "refusal");
	logfmt_put_text(&fields, "peer", http_peer(r));
	logfmt_put_text(&fields, "request", http_asked(r));
	logfmt_put_number(&fields, "status", (uint64_t)status);
	logfmt_put_text(&fields, "reason", reason);
	if (what != NULL)
		logfmt_put_text(&fields, "msg", what);
	front->config.tell((unsigned)status < 500 ? LEVEL_INFO :
	    LEVEL_WARNING, &fields);
}

void
handshake_failed(void *ctx, const char *peer, const char *why)
{
	_cleanup_buf_ struct buf fields = BUF_INIT;
	struct front *front = ctx;

	if (!line_take(&front->handshakes))
		return;
	logfmt_put_text(&fields, "event", "handshake-failed");
	logfmt_put_text(&fields, "peer", peer);
	logfmt_put_text(&fields, "why", why);
	front->config.tell(LEVEL_INFO, &fields);
}

static void
lines_renew(struct front *front, struct front_lines *lines, const char *event)
{
	_cleanup_buf_ struct buf fields = BUF_INIT;
	unsigned left = lines->left;

	*lines = (struct front_lines){ .told = 0 };
	if (left == 0)
		return;
	logfmt_put_text(&fields, "event", "left-out");
	logfmt_put_text(&fields, "what", event);
	logfmt_put_number(&fields, "count", left);
	front->config.tell(LEVEL_WARNING, &fields);
}

void
front_second(struct front *front)
{
	lines_renew(front, &front->refusals, "refusal");
	lines_renew(front, &front->handshakes, "handshake-failed");
}
