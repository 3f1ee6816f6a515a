#include "verify/service/gate.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/json_write.h"
#include "verify/verify_internal.h"

#define TRUST_MAX	((size_t)1 << 20)
#define STATUS_MAX	((size_t)1 << 30)	/* a CRL of 20 million */

void
gate_tell(const struct gate *gate, const char *what, const char *path,
    const char *reason)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (gate->tell == NULL)
		return;
	buf_printf(&text, "%s ", what);
	(void)text_put_escaped(&text, bytes_text(path), ESCAPE_TEXT);
	if (reason[0] != '\0')
		buf_printf(&text, ": ");
	(void)text_put_escaped(&text, bytes_text(reason), ESCAPE_TEXT);
	gate->tell(gate->ctx, buf_text(&text));
}

static enum err
trust_read(struct gate *gate, struct imprint_verifier **ret_verifier,
    struct diag *diag)
{
	_cleanup_buf_ struct buf pem = { .limit = TRUST_MAX };
	char reason[IMPRINT_REASON_SIZE];
	enum err err;
	int code;

	err = io_read_file(gate->io, gate->trust, &pem, diag);
	if (err)
		return err;
	code = imprint_verifier_new(pem.len == 0 ? "" :
	    (const char *)pem.ptr, pem.len, ret_verifier, reason,
	    sizeof(reason));
	if (code != IMPRINT_OK)
		return diag_fail(diag, (enum err)code, NULL, "%s: %s",
		    gate->trust, reason);
	return ERR_OK;
}

enum err
gate_open(struct gate *gate, int64_t max_age_s, struct diag *diag)
{
	enum err err;

	err = trust_read(gate, &gate->verifier, diag);
	if (err)
		return err;
	gate->trusted_since = time_now();
	if (imprint_verifier_require_status(gate->verifier, max_age_s) !=
	    IMPRINT_OK)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "max-age: not a number of seconds");
	return ERR_OK;
}

void
gate_release(struct gate *gate)
{
	size_t i;

	imprint_verifier_free(gate->verifier);
	gate->verifier = NULL;
	for (i = 0; i < gate->file_count; i++)
		free(gate->files[i].path);
	free(gate->files);
	gate->files = NULL;
	gate->file_count = 0;
}

enum err
gate_reload(struct gate *gate, struct diag *diag)
{
	struct imprint_verifier *new = NULL;
	enum err err;
	size_t i;

	err = trust_read(gate, &new, diag);
	if (err)
		return err;
	err = status_hand_over(gate->verifier, new, diag);
	if (err) {
		imprint_verifier_free(new);
		return err;
	}
	imprint_verifier_free(gate->verifier);
	gate->verifier = new;
	gate->trusted_since = time_now();
	for (i = 0; i < gate->file_count; i++)	/* read again */
		gate->files[i].inode = 0;
	gate_look(gate);
	return ERR_OK;
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
is_unchanged(const struct gate_file *file, const struct stat *st)
{
	return file->inode == st->st_ino && file->device == st->st_dev &&
	    file->size == st->st_size &&
	    same_time(file->modified, st->st_mtim) &&
	    same_time(file->changed, st->st_ctim);
}

static struct gate_file *
file_find(struct gate *gate, const char *path)
{
	struct gate_file *more;
	size_t i, at;

	/* mostly the one after the one before */
	for (i = 0; i < gate->file_count; i++) {
		at = (gate->next + i) % gate->file_count;
		if (strcmp(gate->files[at].path, path) == 0) {
			gate->next = at + 1;
			return &gate->files[at];
		}
	}
	if (gate->file_count == GATE_FILES_MAX)
		return NULL;
	more = reallocarray(gate->files, gate->file_count + 1, sizeof(*more));
	if (more == NULL)
		return NULL;
	gate->files = more;
	more += gate->file_count;
	*more = (struct gate_file){ .path = strdup(path) };
	if (more->path == NULL)
		return NULL;
	gate->file_count++;
	return more;
}

/* Why it was not taken; "": it was. Returns whether trying again could help
 * although the file stays as it is. */
static bool
file_take(struct gate *gate, const char *path,
    char refused[IMPRINT_REASON_SIZE])
{
	_cleanup_buf_ struct buf data = { .limit = STATUS_MAX };
	struct diag diag = DIAG_INIT;
	enum err err;
	int code;

	err = io_read_file(gate->io, path, &data, &diag);
	if (err) {
		(void)snprintf(refused, IMPRINT_REASON_SIZE, "%.*s",
		    IMPRINT_REASON_SIZE - 1, diag.what);
		return err != ERR_LIMIT;
	}
	code = imprint_verifier_add_status(gate->verifier, data.len == 0 ?
	    (const void *)"" : data.ptr, data.len, refused,
	    IMPRINT_REASON_SIZE);
	if (code != IMPRINT_OK && refused[0] == '\0')
		(void)snprintf(refused, IMPRINT_REASON_SIZE, "%s",
		    imprint_error_name(code));
	return code == IMPRINT_ERROR_NOMEM || code == IMPRINT_ERROR_CRYPTO;
}

static void
file_read(struct gate *gate, struct gate_file *file, const struct stat *st)
{
	char refused[IMPRINT_REASON_SIZE] = "";
	bool again, told;

	again = file_take(gate, file->path, refused);
	told = again && strcmp(refused, file->refused) == 0;
	memcpy(file->refused, refused, sizeof(refused));
	if (!told)
		gate_tell(gate, refused[0] != '\0' ? "refused" : "took",
		    file->path, refused);
	if (again)
		return;
	file->inode = st->st_ino;
	file->device = st->st_dev;
	file->size = st->st_size;
	file->modified = st->st_mtim;
	file->changed = st->st_ctim;
}

static void
pattern_look(struct gate *gate, const char *pattern)
{
	struct gate_file *file;
	struct stat st;
	glob_t found;
	size_t i;

	if (glob(pattern, GLOB_BRACE, NULL, &found) != 0)
		return;
	for (i = 0; i < found.gl_pathc; i++) {
		/* looked at before it is read: what changes in between has
		 * changed again at the next look */
		if (stat(found.gl_pathv[i], &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		file = file_find(gate, found.gl_pathv[i]);
		if (file == NULL) {
			if (!gate->full)
				gate_tell(gate, "refused",
				    found.gl_pathv[i], "too many files, or"
				    " out of memory");
			gate->full = true;
			continue;
		}
		file->seen = true;
		if (!is_unchanged(file, &st))
			file_read(gate, file, &st);
	}
	globfree(&found);
}

void
gate_look(struct gate *gate)
{
	size_t i, left = 0;

	for (i = 0; i < gate->file_count; i++)
		gate->files[i].seen = false;
	for (i = 0; i < gate->pattern_count; i++)
		pattern_look(gate, gate->patterns[i]);
	/* one that is gone is forgotten; what it told is not */
	for (i = 0; i < gate->file_count; i++)
		if (gate->files[i].seen)
			gate->files[left++] = gate->files[i];
		else
			free(gate->files[i].path);
	gate->full = gate->full && left == GATE_FILES_MAX;
	gate->file_count = left;
}

static bool
held_put(const struct gate *gate, int64_t now, const char *kind,
    struct bytes of, int64_t published, int64_t until, struct json *json)
{
	bool fresh = status_is_fresh(gate->verifier, published, until, now);
	int64_t age = now - published;

	json_next(json);
	json_open(json, '{');
	json_put_text(json, "kind", bytes_text(kind));
	json_put_text(json, "of", of);
	json_put_time(json, "published", published);
	json_put_number(json, "age", age > 0 ? (uint64_t)age : 0);
	json_put_time(json, "until", until);
	json_put_flag(json, "fresh", fresh);
	json_close(json, '}');
	return fresh;
}

static bool
all_held_put(const struct gate *gate, int64_t now, struct json *json)
{
	const struct imprint_verifier *v = gate->verifier;
	bool fresh = false;
	size_t i;

	json_key(json, bytes_text("held"));
	json_open(json, '[');
	for (i = 0; i < v->ca_count; i++)
		if (v->cas[i].crl != NULL)
			fresh |= held_put(gate, now, "crl",
			    bytes_text(v->cas[i].common_name),
			    v->cas[i].this_update, v->cas[i].next_update,
			    json);
	for (i = 0; i < v->list_count; i++)
		fresh |= held_put(gate, now, "status-list", v->lists[i].uri,
		    v->lists[i].issued, v->lists[i].expires, json);
	json_close(json, ']');
	return fresh;
}

static void
refused_put(const struct gate *gate, struct json *json)
{
	const struct gate_file *file;
	size_t i;

	json_key(json, bytes_text("refused"));
	json_open(json, '[');
	for (i = 0; i < gate->file_count; i++) {
		file = &gate->files[i];
		if (file->refused[0] == '\0')
			continue;
		json_next(json);
		json_open(json, '{');
		json_put_text(json, "file", bytes_text(file->path));
		json_put_text(json, "reason", bytes_text(file->refused));
		json_close(json, '}');
	}
	json_close(json, ']');
}

bool
gate_put_health(const struct gate *gate, int64_t now, struct buf *b)
{
	_cleanup_buf_ struct buf held = BUF_INIT;
	struct json json = { .b = &held, .line = true };
	bool good;

	json_open(&json, '{');
	good = all_held_put(gate, now, &json) ||
	    gate->verifier->status_max_age_s == 0;
	refused_put(gate, &json);
	json_put_time(&json, "trusted_since", gate->trusted_since);
	json_put_text(&json, "status", bytes_text(good ? "ok" :
	    "no fresh status: everybody is denied"));
	json_close(&json, '}');
	buf_put_bytes(b, buf_bytes(&held));
	buf_printf(b, "\n");
	return good;
}
