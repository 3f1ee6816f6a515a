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
/* The next answer. ret_fd -1: there is no such file. ERR_BUSY: none yet;
 * ERR_STATE: the opener is gone. */
MUST_USE enum err files_answer(int socket, int *ret_fd, uint64_t *ret_size);

#endif
