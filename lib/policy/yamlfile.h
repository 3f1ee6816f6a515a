/*
 * Reading a YAML file by tables of keys: products, configurations.
 *
 * Invariants: everything is text until a reader asks for more, so that no
 * value changes its meaning by looking like a number, a date or a boolean;
 * no aliases, anchors, tags or NUL; every message names file, line and key.
 */
#ifndef IMPRINT_POLICY_YAMLFILE_H
#define IMPRINT_POLICY_YAMLFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <yaml.h>

#include "lib/base/bytes.h"
#include "lib/base/diag.h"

#define YAMLFILE_DEPTH_MAX	8
#define YAMLFILE_PATH_SIZE	256

struct yamlfile {
	const char	*name;		/* for messages */
	struct diag	*diag;
	yaml_document_t	 document;
	char		 path[YAMLFILE_PATH_SIZE];	/* "credentials[0]" */
	size_t		 path_len;
};

/* One key of a mapping: how its value is read into the target. */
struct yamlfile_key {
	const char	*name;
	bool		 required;
	enum err	(*read)(struct yamlfile *, const struct yamlfile_key *,
			    yaml_node_t *, void *target);
	/* for readers of many keys: where in the target, and its size */
	size_t		 offset;
	size_t		 size;
};

/* One word of a closed set; not offered: known, but not in this version. */
struct yamlfile_choice {
	const char	*word;
	int		 value;
	bool		 offered;
};

/*
 * Open text; name and diag must outlive the file. Closing one that is all
 * zeroes does nothing. ERR_SYNTAX, ERR_INVALID, ERR_LIMIT, ERR_NOMEM.
 */
MUST_USE enum err yamlfile_open(const char *name, struct bytes text,
    struct yamlfile *ret_file, struct diag *);
void	yamlfile_close(struct yamlfile *);
#define _cleanup_yamlfile_ __attribute__((cleanup(yamlfile_close)))
yaml_node_t *yamlfile_root(struct yamlfile *);

/* Record the failure of this node, under the present path. */
enum err yamlfile_fail(struct yamlfile *, const yaml_node_t *, enum err,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * Read a mapping: its keys in the table's order, whatever the file's.
 * Unknown, repeated and missing keys fail.
 */
MUST_USE enum err yamlfile_map(struct yamlfile *, yaml_node_t *,
    const struct yamlfile_key *, size_t count, void *target);
/* Read a mapping of at most max free keys, in the file's order. */
MUST_USE enum err yamlfile_pairs(struct yamlfile *, yaml_node_t *,
    size_t max, enum err (*read)(struct yamlfile *, const char *key,
    yaml_node_t *value, void *target), void *target);
/* Read a list of at most max elements. */
MUST_USE enum err yamlfile_list(struct yamlfile *, yaml_node_t *,
    size_t max, enum err (*read)(struct yamlfile *, yaml_node_t *,
    void *target), void *target);

/* The text of a scalar; owned by the file. */
MUST_USE enum err yamlfile_text(struct yamlfile *, yaml_node_t *,
    const char **ret_text);
/* A decimal number between min and max. */
MUST_USE enum err yamlfile_number(struct yamlfile *, yaml_node_t *,
    uint32_t min, uint32_t max, uint32_t *ret_number);
/* ERR_INVALID or, when it is known but not offered, ERR_UNSUPPORTED. */
MUST_USE enum err yamlfile_choice(struct yamlfile *, yaml_node_t *,
    const struct yamlfile_choice *, size_t count, int *ret_value);

bool	yamlfile_is_map(const yaml_node_t *);
/* The value of a key in a mapping that has been read; NULL if none. */
yaml_node_t *yamlfile_child(struct yamlfile *, yaml_node_t *,
    const char *key);

/* A value as messages show it: cut, nothing but printable ASCII. */
#define YAMLFILE_SHOWN_SIZE	48
const char *yamlfile_shown(const char *text, char out[YAMLFILE_SHOWN_SIZE]);

#endif
