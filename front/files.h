/*
 * Published files, by a process of its own: the front names one, gets an open
 * descriptor or nothing. The opener holds the folder and this socket; paths
 * are resolved beneath the folder, through no symbolic link (openat2(2)). So
 * a front that was taken over reads what is published anyway. A CRL's
 * partition that is not there is the whole CRL.
 */
#ifndef IMPRINT_FRONT_FILES_H
#define IMPRINT_FRONT_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/diag.h"

#define FILES_NAME_MAX	255

/* Segments of letters, digits, '.', '-' and '_' that do not begin with '.',
 * between single slashes; no file that is being written (.tmp). */
bool	files_name_good(struct bytes name);
/* "application/pkix-crl" by its ending. */
const char *files_type(struct bytes name);

/*
 * Start the opener on a folder, which is taken over; ret_socket never blocks.
 * It ends when the socket is closed. Before there are keys: it is a fork.
 * ERR_IO.
 */
MUST_USE enum err files_start(int folder, int *ret_socket, struct diag *);
/* false: it cannot take one now. */
bool	files_ask(int socket, struct bytes name);
struct file_facts {
	uint64_t	size, inode, changed_ns;
};
/* The next answer. ret_fd -1: there is no such file. ERR_BUSY: none yet;
 * ERR_STATE: the opener is gone. */
MUST_USE enum err files_answer(int socket, int *ret_fd,
    struct file_facts *ret_facts);

/* A strong validator (RFC 9110 8.8.3): a file is replaced by another one,
 * never changed, so that these differ with the content. */
#define FILES_TAG_SIZE	64
void	files_tag(const struct file_facts *, char ret_tag[FILES_TAG_SIZE]);
/* Is it in the list of If-None-Match or, strong, of If-Match (RFC 9110 13.1.2,
 * 13.1.1)? A weak one of the list names it only when not strong. */
bool	files_tag_named(const char *tag, struct bytes list, bool strong);

#endif
