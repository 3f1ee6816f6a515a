/* log verify --tiles: what anybody can check without home or passphrase. */
#include "cmd/imprint/imprint.h"
#include "lib/log/checkpoint.h"
#include "lib/log/tile_verify.h"

struct checking {
	struct cmd		*cmd;
	const char		*dir;
	char			 name[NOTE_NAME_MAX + 1];	/* of the key */
	struct public_key	 key;
	struct checkpoint	 now, old;
	bool			 has_old;
	struct differences	 differences;
	struct progress		 progress;
};

static enum err
key_read(struct checking *c, const char *path)
{
	_cleanup_buf_ struct buf line = BUF_INIT;
	enum err err;

	err = input_read(c->cmd, path, NOTE_FILE_MAX, &line);
	if (!err)
		err = note_parse_verifier_key(buf_bytes(&line), c->name,
		    &c->key, &c->cmd->diag);
	if (err)
		diag_prefix(&c->cmd->diag, "%s", path);
	return err;
}

static enum err
checkpoint_read(struct checking *c, const char *path,
    struct checkpoint *ret_checkpoint)
{
	_cleanup_buf_ struct buf note = BUF_INIT;
	enum err err;

	err = input_read(c->cmd, path, CHECKPOINT_FILE_MAX, &note);
	if (!err)
		err = checkpoint_verify(buf_bytes(&note), &c->key,
		    ret_checkpoint, &c->cmd->diag);
	if (!err && strcmp(ret_checkpoint->origin, c->name) != 0)
		err = diag_fail(&c->cmd->diag, ERR_AUTH,
		    "C2SP tlog-checkpoint", "it is of %s, the key of %s",
		    ret_checkpoint->origin, c->name);
	if (err)
		diag_prefix(&c->cmd->diag, "%s", path);
	return err;
}

static enum err
checking_open(struct checking *c)
{
	const char *path = cmd_value(c->cmd, "checkpoint");
	const char *against = cmd_value(c->cmd, "against");
	char usual[PATH_SIZE];
	enum err err;

	err = key_read(c, cmd_value(c->cmd, "vkey"));
	if (!err && path == NULL) {
		err = path_join(usual, c->dir, "checkpoint");
		path = usual;
	}
	if (!err)
		err = checkpoint_read(c, path, &c->now);
	c->has_old = against != NULL;
	if (!err && c->has_old)
		err = checkpoint_read(c, against, &c->old);
	return err;
}

static void
tiles_found(void *ctx, const char *what)
{
	difference_print(&((struct checking *)ctx)->differences, what);
}

static void
tiles_progress(void *ctx, uint64_t done)
{
	progress_update(&((struct checking *)ctx)->progress, done);
}

/* Does the log of the older checkpoint begin that of the newer? */
static enum err
old_compare(struct checking *c)
{
	_cleanup_tile_reader_ struct tile_reader *reader = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t root[SHA256_SIZE];
	struct hash_source source;
	char text[160];
	enum err err;

	c->differences.where = "consistency";
	if (c->old.size > c->now.size) {
		(void)snprintf(text, sizeof(text), "the log went back: the "
		    "older checkpoint speaks of %llu entries, this one of "
		    "%llu", (unsigned long long)c->old.size,
		    (unsigned long long)c->now.size);
		difference_print(&c->differences, text);
		return ERR_OK;
	}
	err = sha256_new(&sha256, &c->cmd->diag);
	if (!err)
		err = tile_reader_new(c->cmd->io, c->dir, c->now.size,
		    &reader, &c->cmd->diag);
	if (err)
		return err;
	source = tile_reader_source(reader);
	err = proof_root(&source, sha256, c->old.size, root, &c->cmd->diag);
	if (err || memcmp(root, c->old.root, SHA256_SIZE) == 0)
		return err;
	(void)snprintf(text, sizeof(text), "a fork: its first %llu entries "
	    "are not those that the older checkpoint was signed for",
	    (unsigned long long)c->old.size);
	difference_print(&c->differences, text);
	return ERR_OK;
}

static enum err
tiles_compare(struct checking *c, struct tile_verified *verified)
{
	struct tile_verify to = { tiles_found, tiles_progress, c };
	struct tree_head head = { .size = c->now.size };
	enum err err;

	memcpy(head.root, c->now.root, SHA256_SIZE);
	c->differences.where = "tiles";
	progress_start(&c->progress, "tiles", "entries", 0, head.size);
	err = tile_verify(c->cmd->io, c->dir, &head, &to, verified,
	    &c->cmd->diag);
	progress_end(&c->progress);
	/* of damaged tiles nothing follows */
	if (!err && c->has_old && c->differences.count == 0)
		err = old_compare(c);
	return err;
}

static void
checking_print(const struct checking *c, const struct tile_verified *verified)
{
	bool good = c->differences.count == 0;

	if (c->cmd->json) {
		printf("%s], \"origin\": \"%s\", \"size\": %llu, \"root\": "
		    "\"", good ? "" : "\n", c->now.origin,
		    (unsigned long long)c->now.size);
		hex_print(stdout, bytes_of(c->now.root, SHA256_SIZE));
		printf("\", \"tiles\": %llu, \"bundles\": %llu, \"against\": ",
		    (unsigned long long)verified->tiles,
		    (unsigned long long)verified->bundles);
		if (c->has_old)
			printf("%llu", (unsigned long long)c->old.size);
		else
			printf("null");
		printf(", \"good\": %s}\n", good ? "true" : "false");
		return;
	}
	printf("%s: %llu entries, root ", c->now.origin,
	    (unsigned long long)c->now.size);
	hex_print(stdout, bytes_of(c->now.root, SHA256_SIZE));
	printf("\n%llu tiles and %llu bundles of entries looked at",
	    (unsigned long long)verified->tiles,
	    (unsigned long long)verified->bundles);
	if (c->has_old && good)
		printf("; extends the checkpoint of %llu",
		    (unsigned long long)c->old.size);
	printf(good ? "\nall as it should be\n" :
	    "\nNOT as it should be: %llu differences\n",
	    (unsigned long long)c->differences.count);
}

enum exit_code
log_verify_tiles(struct cmd *cmd)
{
	struct checking c = { .cmd = cmd, .dir = cmd_value(cmd, "tiles"),
	    .differences.cmd = cmd };
	struct tile_verified verified;
	enum err err;

	if (cmd->argc > 0 || cmd_flag(cmd, "rebuild"))
		return cmd_usage(cmd, "--tiles takes neither the name of a "
		    "log nor --rebuild");
	if (cmd_value(cmd, "vkey") == NULL)
		return cmd_usage(cmd, "--tiles needs --vkey: whose log is "
		    "it?");
	err = checking_open(&c);
	if (err)
		return cmd_fail(cmd, err);
	printf(cmd->json ? "{\"differences\": [" : "");
	err = tiles_compare(&c, &verified);
	if (err) {
		printf(cmd->json ? "]}\n" : "");
		return cmd_fail(cmd, err);
	}
	checking_print(&c, &verified);
	return c.differences.count > 0 ? EXIT_DAMAGED : EXIT_OK;
}
