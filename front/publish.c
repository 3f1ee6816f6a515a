/* GET /pub/NAME: what is published, from the opener's descriptors. */
#include <unistd.h>

#include "front/files.h"
#include "front/front_internal.h"

#define PREFIX	"/pub/"

void
files_handle(void *ctx, struct http_request *r)
{
	_cleanup_buf_ struct buf match = { .limit = FILES_NAMED_MAX };
	struct bytes name = http_path(r);
	struct front *front = ctx;
	struct buf *none;
	struct http_call *call;
	size_t at;

	name.ptr += strlen(PREFIX);
	name.len -= strlen(PREFIX);
	if (front->config.publish == 0 || !files_name_good(name)) {
		front_refuse(front, r, HTTP_NOT_FOUND, "not-found",
		    "nothing of that name is published", NULL);
		return;
	}
	http_put_field_list(r, "If-Match", &match);
	if (buf_err(&match) != ERR_OK) {
		front_refuse(front, r, HTTP_HEAD_TOO_LARGE, "limit",
		    "header: if-match: too long", NULL);
		return;
	}
	if (front->files < 0 || front->waiting_count == FILES_WAITING_MAX ||
	    !files_ask(front->files, name)) {
		front_refuse(front, r, HTTP_UNAVAILABLE, "busy",
		    "files cannot be had now", RETRY_BUSY);
		return;
	}
	call = http_defer(r);	/* NULL: its answer is for nobody */
	at = (front->waiting_first + front->waiting_count++) %
	    FILES_WAITING_MAX;
	front->waiting[at].reply = call;
	front->waiting[at].type = files_type(name);
	front->waiting[at].match = match;
	match = (struct buf)BUF_INIT;	/* transferred */
	none = &front->waiting[at].none;
	*none = (struct buf){ .limit = FILES_NAMED_MAX };
	http_put_field_list(r, "If-None-Match", none);
	if (buf_err(none) != ERR_OK)
		buf_clear(none);	/* it gets the file, which is right */
}

/* fd is taken over. */
static void
found_reply(struct front *front, struct http_request *r, size_t at, int fd,
    const struct file_facts *facts)
{
	const struct buf *match = &front->waiting[at].match;
	_cleanup_buf_ struct buf none = BUF_INIT;
	char tag[FILES_TAG_SIZE];

	files_tag(facts, tag);
	if (match->len > 0 && !files_tag_named(tag, buf_bytes(match), true)) {
		(void)close(fd);
		front_refuse(front, r, HTTP_PRECONDITION_FAILED, "changed",
		    "header: if-match: names another one than what is "
		    "published", NULL);
		return;
	}
	http_reply_field(r, "ETag", tag);
	if (files_tag_named(tag, buf_bytes(&front->waiting[at].none),
	    false)) {
		(void)close(fd);
		http_reply(r, HTTP_NOT_MODIFIED, "", &none);
		front_count(front, HTTP_NOT_MODIFIED);
		return;
	}
	http_reply_file(r, front->waiting[at].type, fd, facts->size);
	front->counts[COUNT_FILES]++;
	front_count(front, HTTP_OK);
}

static void
file_reply(struct front *front, int fd, const struct file_facts *facts)
{
	size_t at = front->waiting_first;
	struct http_call *call = front->waiting[at].reply;
	struct http_request *r;

	front->waiting_first = (at + 1) % FILES_WAITING_MAX;
	front->waiting_count--;
	r = call == NULL ? NULL : http_call_request(call);
	if (r != NULL && fd >= 0) {
		found_reply(front, r, at, fd, facts);
		fd = -1;	/* handed over */
	} else if (r != NULL) {
		front_refuse(front, r, HTTP_NOT_FOUND, "not-found",
		    "nothing of that name is published", NULL);
	}
	if (fd >= 0)
		(void)close(fd);
	buf_release(&front->waiting[at].match);
	buf_release(&front->waiting[at].none);
	http_call_end(&call);
}

void
files_drop(struct front *front)
{
	http_watch_free(&front->files_watch);
	if (front->files >= 0)
		(void)close(front->files);
	front->files = -1;
	while (front->waiting_count > 0)
		file_reply(front, -1, NULL);
}

void
files_ready(void *ctx)
{
	struct front *front = ctx;
	struct file_facts facts;
	int fd = -1;
	enum err err;

	while ((err = files_answer(front->files, &fd, &facts)) == ERR_OK) {
		if (front->waiting_count > 0)
			file_reply(front, fd, &facts);
		else if (fd >= 0)
			(void)close(fd);
	}
	if (err == ERR_BUSY)
		return;
	/* a new front has a new opener */
	front_warn(front, "the opener of files has ended");
	files_drop(front);
	http_server_stop(front->server);
}
