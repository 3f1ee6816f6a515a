/*
 * Answers of the server as rows: each item a JSON object whose members a table
 * of columns names. They are anybody's text: shown, escaped, and never signed.
 */
#ifndef IMPRINT_CMD_IMPRINT_REMOTE_ROWS_H
#define IMPRINT_CMD_IMPRINT_REMOTE_ROWS_H

#include "cmd/imprint/remote.h"

#define COLUMNS_MAX	12
#define TEXT_SIZE	512
#define TARGET_SIZE	512
#define NUMBER_MAX	(UINT64_MAX >> 1)

enum column_kind {
	COLUMN_TEXT = 1, COLUMN_NUMBER = 2, COLUMN_FLAG = 3,
	COLUMN_TEXTS = 4	/* an object of texts */
};

/* A member of each item; a table ends with name NULL. */
struct column {
	const char		*name;
	enum column_kind	 kind;
};

struct value {
	bool		has;		/* not null */
	bool		flag;
	uint64_t	number;
	char		text[TEXT_SIZE];
	const struct json_value *item;	/* whose texts: while it is there */
};

/* A list that the server gives in pages. */
struct listing {
	struct cmd		*cmd;
	const char		*path;		/* with its '?', or "" */
	const struct column	*columns;
	void			(*print)(const struct value *);
	uint64_t		 left, shown;
};

/* One item; values must be 0 before. Errors as of json_get_text(). */
MUST_USE enum err row_read(const struct json_value *item,
    const struct column *, struct value values[COLUMNS_MAX], struct diag *);
/* As a JSON object. */
void	row_json(const struct column *, const struct value *);
/* At least width characters, at most most. */
void	text_put(const struct value *, size_t width, size_t most);
/* COLUMN_TEXTS: as a JSON object, or the texts alone. */
void	texts_print(const struct value *, const char *name, bool json);
/* An answer that cannot be read is the network's fault, not the user's:
 * ERR_IO, or ERR_NOMEM. */
MUST_USE enum err unread(struct cmd *, enum err);
/* All pages, as lines or a JSON array; none: said when there is nothing, or
 * NULL. */
enum exit_code list_print(struct listing *, uint64_t from, const char *none);
/* Append a word to a target, percent-encoded (RFC 3986 2.3). false: it is too
 * long. */
bool	segment_put(char *target, size_t size, const char *word);

#endif
