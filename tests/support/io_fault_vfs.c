/*
 * The faulty disk as an SQLite VFS over the default one. Changes of the
 * database, its WAL and its journals are numbered, logged and fail like all
 * others; temporary files and the WAL's shared memory pass through.
 *
 * SQLite's unix VFS syncs the directory itself with the first sync of a new
 * journal or WAL and when a deletion asks for it: here too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/fault.h"

#define TRACKED		(SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | \
			    SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)
#define JOURNALS	(TRACKED & ~SQLITE_OPEN_MAIN_DB)

struct vfs_file {
	sqlite3_file	 base;
	sqlite3_file	*real;		/* follows this struct in memory */
	struct fault	*fault;
	struct node	*node;
	const char	*path;		/* SQLite's, valid while it is open */
	bool		 tracked;
	bool		 sync_dir;	/* with the next sync */
};

static struct vfs_file *
vfs_file(sqlite3_file *file)
{
	return (struct vfs_file *)(void *)file;
}

static sqlite3_file *
real_file(sqlite3_file *file)
{
	return vfs_file(file)->real;
}

static int
vfs_close(sqlite3_file *file)
{
	struct vfs_file *v = vfs_file(file);
	int rc;

	rc = v->real->pMethods->xClose(v->real);
	(void)pthread_mutex_lock(&v->fault->lock);
	node_unref(v->fault, v->node);
	(void)pthread_mutex_unlock(&v->fault->lock);
	return rc;
}

static int
vfs_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset)
{
	sqlite3_file *real = real_file(file);

	return real->pMethods->xRead(real, out, len, offset);
}

static int
write_failed(int fail)
{
	return fail == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int
vfs_write(sqlite3_file *file, const void *ptr, int len, sqlite3_int64 offset)
{
	struct vfs_file *v = vfs_file(file);
	struct fault *f = v->fault;
	bool half;
	int fail, rc;

	if (!v->tracked)
		return v->real->pMethods->xWrite(v->real, ptr, len, offset);
	(void)pthread_mutex_lock(&f->lock);
	half = false;
	fail = fault_begin(f, OP_WRITE, &half);
	if (fail != 0) {
		(void)pthread_mutex_unlock(&f->lock);
		return write_failed(fail);
	}
	if (half)
		len = (len + 1) / 2;
	undo_write(f, v->node, offset, (size_t)len);
	rc = v->real->pMethods->xWrite(v->real, ptr, len, offset);
	fault_end(f);
	(void)pthread_mutex_unlock(&f->lock);
	return rc == SQLITE_OK && half ? SQLITE_IOERR_WRITE : rc;
}

static int
vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct vfs_file *v = vfs_file(file);
	struct fault *f = v->fault;
	int rc;

	if (!v->tracked)
		return v->real->pMethods->xTruncate(v->real, size);
	(void)pthread_mutex_lock(&f->lock);
	rc = SQLITE_IOERR_TRUNCATE;
	if (fault_begin(f, OP_TRUNCATE, NULL) == 0) {
		undo_truncate(f, v->node, size);
		rc = v->real->pMethods->xTruncate(v->real, size);
		fault_end(f);
	}
	(void)pthread_mutex_unlock(&f->lock);
	return rc;
}

static int
vfs_sync(sqlite3_file *file, int flags)
{
	struct vfs_file *v = vfs_file(file);
	struct fault *f = v->fault;
	int rc;

	if (!v->tracked)
		return v->real->pMethods->xSync(v->real, flags);
	(void)pthread_mutex_lock(&f->lock);
	rc = SQLITE_IOERR_FSYNC;
	if (fault_begin(f, OP_SYNC, NULL) == 0) {
		rc = v->real->pMethods->xSync(v->real, flags);
		if (rc == SQLITE_OK) {
			undo_synced(f, v->node);
			if (v->sync_dir)
				undo_parent_synced(f, v->path);
			v->sync_dir = false;
		}
		fault_end(f);
	}
	(void)pthread_mutex_unlock(&f->lock);
	return rc;
}

static int
vfs_file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	sqlite3_file *real = real_file(file);

	return real->pMethods->xFileSize(real, ret_size);
}

static int
vfs_lock(sqlite3_file *file, int level)
{
	sqlite3_file *real = real_file(file);

	return real->pMethods->xLock(real, level);
}

static int
vfs_unlock(sqlite3_file *file, int level)
{
	sqlite3_file *real = real_file(file);

	return real->pMethods->xUnlock(real, level);
}

static int
vfs_check_reserved(sqlite3_file *file, int *ret_held)
{
	sqlite3_file *real = real_file(file);

	return real->pMethods->xCheckReservedLock(real, ret_held);
}

static int
vfs_file_control(sqlite3_file *file, int operation, void *arg)
{
	sqlite3_file *real = real_file(file);

	/* a mapping would read and write past us */
	if (operation == SQLITE_FCNTL_MMAP_SIZE)
		return SQLITE_NOTFOUND;
	return real->pMethods->xFileControl(real, operation, arg);
}

static int
vfs_sector_size(sqlite3_file *file)
{
	sqlite3_file *real = real_file(file);

	return real->pMethods->xSectorSize(real);
}

/* Our power cuts tear within a write, never outside of it. */
static int
vfs_characteristics(sqlite3_file *file)
{
	sqlite3_file *real = real_file(file);

	return real->pMethods->xDeviceCharacteristics(real) &
	    SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int
vfs_shm_map(sqlite3_file *file, int page, int size, int extend,
    void volatile **ret_ptr)
{
	sqlite3_file *real = real_file(file);

	return real->pMethods->xShmMap(real, page, size, extend, ret_ptr);
}

static int
vfs_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	sqlite3_file *real = real_file(file);

	return real->pMethods->xShmLock(real, offset, count, flags);
}

static void
vfs_shm_barrier(sqlite3_file *file)
{
	sqlite3_file *real = real_file(file);

	real->pMethods->xShmBarrier(real);
}

static int
vfs_shm_unmap(sqlite3_file *file, int delete)
{
	sqlite3_file *real = real_file(file);

	return real->pMethods->xShmUnmap(real, delete);
}

/* Version 2: shared memory, but no mapping of the database. */
static const sqlite3_io_methods vfs_methods = {
	.iVersion = 2,
	.xClose = vfs_close,
	.xRead = vfs_read,
	.xWrite = vfs_write,
	.xTruncate = vfs_truncate,
	.xSync = vfs_sync,
	.xFileSize = vfs_file_size,
	.xLock = vfs_lock,
	.xUnlock = vfs_unlock,
	.xCheckReservedLock = vfs_check_reserved,
	.xFileControl = vfs_file_control,
	.xSectorSize = vfs_sector_size,
	.xDeviceCharacteristics = vfs_characteristics,
	.xShmMap = vfs_shm_map,
	.xShmLock = vfs_shm_lock,
	.xShmBarrier = vfs_shm_barrier,
	.xShmUnmap = vfs_shm_unmap,
};

/* Open the real file; a file that it makes is an operation. */
static int
open_counted(struct fault *f, struct vfs_file *v, int flags, int *ret_flags)
{
	struct stat st;
	bool creates;
	int rc, fail;

	creates = (flags & SQLITE_OPEN_CREATE) != 0 && stat(v->path, &st) != 0;
	fail = creates ? fault_begin(f, OP_CREATE, NULL) : 0;
	if (fail != 0) {
		errno = fail;	/* as the unix VFS leaves it */
		return SQLITE_CANTOPEN;
	}
	rc = f->vfs_base->xOpen(f->vfs_base, v->path, v->real, flags,
	    ret_flags);
	if (rc != SQLITE_OK)
		return rc;
	v->node = node_of_path(f, v->path);
	if (v->node != NULL && (flags & SQLITE_OPEN_MAIN_DB) != 0)
		v->node->keep = true;
	if (creates) {
		undo_create(f, v->path, v->node);
		v->sync_dir = (flags & JOURNALS) != 0;
		fault_end(f);
	}
	return SQLITE_OK;
}

static int
vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
    int *ret_flags)
{
	struct fault *f = vfs->pAppData;
	struct vfs_file *v = vfs_file(file);
	int rc;

	*v = (struct vfs_file){
		.real = (sqlite3_file *)(void *)(v + 1),
		.fault = f,
		.path = path,
		.tracked = path != NULL && (flags & TRACKED) != 0 &&
		    (flags & SQLITE_OPEN_DELETEONCLOSE) == 0,
	};
	v->real->pMethods = NULL;
	if (v->tracked) {
		(void)pthread_mutex_lock(&f->lock);
		rc = open_counted(f, v, flags, ret_flags);
		(void)pthread_mutex_unlock(&f->lock);
	} else {
		rc = f->vfs_base->xOpen(f->vfs_base, path, v->real, flags,
		    ret_flags);
	}
	if (rc == SQLITE_OK)
		v->base.pMethods = &vfs_methods;
	return rc;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
	struct fault *f = vfs->pAppData;
	struct stat st;
	int rc;

	if (lstat(path, &st) != 0)
		return f->vfs_base->xDelete(f->vfs_base, path, sync_dir);
	(void)pthread_mutex_lock(&f->lock);
	rc = SQLITE_IOERR_DELETE;
	if (fault_begin(f, OP_UNLINK, NULL) == 0) {
		undo_unlink(f, path);
		rc = f->vfs_base->xDelete(f->vfs_base, path, sync_dir);
		if (rc == SQLITE_OK && sync_dir)
			undo_parent_synced(f, path);
		else if (rc != SQLITE_OK)
			undo_drop_last(f);
		fault_end(f);
	}
	(void)pthread_mutex_unlock(&f->lock);
	return rc;
}

void
fault_vfs_register(struct fault *f)
{
	if (sqlite3_initialize() != SQLITE_OK)
		abort();
	f->vfs_base = sqlite3_vfs_find(NULL);
	(void)snprintf(f->vfs_name, sizeof(f->vfs_name), "fault-%p",
	    (void *)f);
	/* what has nothing to do with files works on the copy as it is */
	f->vfs = *f->vfs_base;
	f->vfs.pNext = NULL;
	f->vfs.zName = f->vfs_name;
	f->vfs.pAppData = f;
	f->vfs.szOsFile = (int)sizeof(struct vfs_file) +
	    f->vfs_base->szOsFile;
	f->vfs.xOpen = vfs_open;
	f->vfs.xDelete = vfs_delete;
	if (sqlite3_vfs_register(&f->vfs, 0) != SQLITE_OK)
		abort();
}

void
fault_vfs_unregister(struct fault *f)
{
	(void)sqlite3_vfs_unregister(&f->vfs);
}
