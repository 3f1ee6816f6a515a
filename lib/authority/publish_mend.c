#include "lib/authority/publish_mend.h"

#include <dirent.h>
#include <sys/stat.h>

#include "lib/authority/authority_internal.h"

/* publish/log/NAME/tile: what is below grows with the log. */
#define DEPTH_LOOK	3
#define DEPTH_MAX	16
/* Where so much cannot be mended nothing can. */
#define KEPT_MAX	64

/* One walk, to look or to mend. */
struct walk {
	const struct io	*io;
	bool		 look;
	bool		 lacking;	/* found */
	unsigned	 kept;		/* could not be mended */
	struct diag	*diag;
};

static enum err walk_folder(struct walk *, const char *dir, int depth);

/* A folder after what is in it: broken off, a walk leaves its sign. */
static enum err
walk_entry(struct walk *w, const char *path, int depth)
{
	struct stat st;
	enum err err = ERR_OK;

	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && depth > 0)
		err = walk_folder(w, path, depth - 1);
	if (err)
		return err;
	if (io_is_public(w->io, path))
		return ERR_OK;
	if (w->look) {
		w->lacking = true;
		return ERR_OK;
	}
	err = io_make_public(w->io, path, w->diag);
	w->kept += !err && !io_is_public(w->io, path);
	return err;
}

/* One that cannot be listed is not ours. */
static enum err
walk_folder(struct walk *w, const char *dir, int depth)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	enum err err = ERR_OK;
	DIR *stream;

	stream = opendir(dir);
	while (stream != NULL && !err && !w->lacking && w->kept < KEPT_MAX &&
	    (entry = readdir(stream)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0 &&
		    path_join(path, dir, entry->d_name) == ERR_OK)
			err = walk_entry(w, path, depth);
	}
	if (stream != NULL)
		(void)closedir(stream);
	return err;
}

enum err
publish_mend(struct authority *authority, bool all, struct diag *diag)
{
	struct walk w = { .io = authority->io, .look = true, .diag = diag };
	char path[PATH_SIZE];
	enum err err;

	/* a link may lead to it */
	err = authority_path(authority, DIR_PUBLISH "/.", path, diag);
	if (!err && !all)
		err = walk_entry(&w, path, DEPTH_LOOK);
	if (err || (!all && !w.lacking))
		return err;
	w.look = w.lacking = false;
	return walk_entry(&w, path, DEPTH_MAX);
}
