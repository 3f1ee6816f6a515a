/* What the parts of the faulty disk share. The lock is held in all calls. */
#ifndef IMPRINT_TESTS_FAULT_H
#define IMPRINT_TESTS_FAULT_H

#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/support/io_fault.h"

enum fault_op {
	OP_CREATE,
	OP_WRITE,
	OP_SYNC,
	OP_TRUNCATE,
	OP_RENAME,
	OP_UNLINK,
	OP_MKDIR,
	OP_CHMOD,
	OP_SYNC_DIR
};

/* A file with changes that are not durable, by inode. */
struct node {
	struct node	*next;
	dev_t		 dev;
	ino_t		 ino;
	int		 fd;		/* our own, to take changes back */
	unsigned	 refs;
	bool		 keep;		/* never close fd, see node_of_fd() */
	/* while undoing: what later writes, now kept, have made of it */
	off_t		 kept_end;
	off_t		 kept_limit;
};

enum undo_kind {
	UNDO_NONE,
	UNDO_WRITE,
	UNDO_TRUNCATE,
	UNDO_CREATE,
	UNDO_RENAME,
	UNDO_UNLINK,
	UNDO_MKDIR,
	UNDO_RMDIR,
	UNDO_CHMOD
};

struct undo {
	enum undo_kind	 kind;
	struct node	*node;		/* NULL: a directory */
	struct node	*replaced;	/* rename: what the new name was */
	uint8_t		*old;		/* bytes before */
	size_t		 old_len;
	off_t		 offset;
	size_t		 len;
	off_t		 old_size;
	off_t		 new_size;
	mode_t		 old_mode;
	char		*path;
	char		*from;		/* rename */
	dev_t		 dir_dev[2];	/* directories that must be synced */
	ino_t		 dir_ino[2];
	bool		 dir_synced[2];
};

struct fault {
	struct io		 io;
	struct io_fault_plan	 plan;
	pthread_mutex_t		 lock;
	unsigned long		 count;
	bool			 spent;
	struct node		*nodes;
	struct undo		*undo;
	size_t			 undo_len;
	size_t			 undo_cap;
	uint64_t		 random;
	sqlite3_vfs		 vfs;
	sqlite3_vfs		*vfs_base;
	char			 vfs_name[40];
};

/*
 * Number an operation. Returns 0, or the errno it has to fail with; may not
 * return at all. ret_short, unless NULL: write only the first half.
 */
int	fault_begin(struct fault *, enum fault_op, bool *ret_short);
void	fault_end(struct fault *);

/* Is a log of changes kept? */
bool	undo_wanted(const struct fault *);
/* The node of an open file or of a path, with a reference; NULL: none. */
struct node *node_of_fd(struct fault *, int fd);
struct node *node_of_path(struct fault *, const char *path);
void	node_unref(struct fault *, struct node *);

/*
 * Record a change just before it is made. undo_drop_last() when it failed,
 * undo_written() when a write was shorter.
 */
void	undo_write(struct fault *, struct node *, off_t, size_t);
void	undo_truncate(struct fault *, struct node *, off_t size);
void	undo_chmod(struct fault *, struct node *, int fd);
void	undo_rename(struct fault *, const char *from, const char *to);
void	undo_unlink(struct fault *, const char *path);
void	undo_rmdir(struct fault *, const char *path);
/* After it was made. */
void	undo_create(struct fault *, const char *path, struct node *);
void	undo_mkdir(struct fault *, const char *path);
void	undo_drop_last(struct fault *);
void	undo_written(struct fault *, size_t len);

void	undo_synced(struct fault *, const struct node *);
void	undo_dir_synced(struct fault *, const char *dir);
/* The directory that holds path's name. */
void	undo_parent_synced(struct fault *, const char *path);
/* All of it. */
void	undo_all_synced(struct fault *);
/* Take back what is not durable. */
void	undo_all(struct fault *);
void	undo_free(struct fault *);

void	fault_vfs_register(struct fault *);
void	fault_vfs_unregister(struct fault *);

#endif
