/*
 * The authority somewhere else, by way of imprintd's API
 * (docs/protocol/operators.md): what --server, --trust and the operator's key
 * say. Nothing that is signed here comes from the network: neither the
 * ecosystem's id nor which product, identity or device is meant, for whoever
 * carries the answers could name another.
 */
#ifndef IMPRINT_CMD_IMPRINT_REMOTE_H
#define IMPRINT_CMD_IMPRINT_REMOTE_H

#include "cmd/imprint/imprint.h"
#include "lib/http/json_read.h"

/* Is --server given? */
bool	remote_there(const struct cmd *);
/* Read the address, the trust file and the operator's key, once. */
MUST_USE enum err remote_open(struct cmd *);
void	remote_release(void);
/* Once it is open: the root, DER; the ecosystem's id; the operator's key. */
struct bytes remote_root(void);
const uint8_t *remote_ecosystem(void);
struct signer *remote_operator(void);

/* Runs a command, here or there; refuses what is not to be had from there. */
enum exit_code remote_run(struct cmd *);

/*
 * As request_submit(). An answer that is lost is asked for again with the same
 * octets; one that the server wants to be made later, with the same id.
 * Errors are those that the server tells; ERR_IO: no answer; ERR_AUTH: the
 * server is not this ecosystem's. Of types 5, 20 and 23 an empty result, which
 * is warned about: carried out, and too long to be answered; ERR_LIMIT: that,
 * of another type.
 */
MUST_USE enum err remote_submit(struct cmd *, enum request_type,
    struct bytes body, struct buf *result);
/* The same for one that comes with files, which are handed in first. */
#define REMOTE_FILE_MAX	((uint64_t)128 << 20)	/* octets of one */
MUST_USE enum err remote_submit_files(struct cmd *, enum request_type,
    struct bytes body, const struct request_files *, struct buf *result);
/* A signed question; its answer. */
MUST_USE enum err remote_ask(struct cmd *, const char *method,
    const char *target, struct json_value **ret_answer);
/* Was the last question refused, so that nobody works on it? Else whether
 * somebody does is not known. */
bool	remote_refused(void);
/* One that comes with a body of at most 48 KiB, whose SHA-256 ends the
 * target. */
MUST_USE enum err remote_ask_with(struct cmd *, const char *target,
    struct bytes body, struct json_value **ret_answer);
/* That or, without a body, a question to get something, some times until there
 * is an answer: for what may be asked again. */
MUST_USE enum err remote_ask_again(struct cmd *, const char *target,
    struct bytes body, struct json_value **ret_answer);
/* An answer that is none, which the diag says something about: the server's
 * fault, or whose that stands before it. ERR_IO. */
MUST_USE enum err remote_answer_bad(struct cmd *, enum err);
/* The hint that a request may have been carried out although the command
 * failed. */
void	remote_unsure(struct cmd *);
/* A published file. */
MUST_USE enum err remote_file(struct cmd *, const char *target,
    struct buf *out);
/* ERR_AUTH unless the answer says what is known here. */
MUST_USE enum err remote_expect(struct cmd *, const char *what,
    struct bytes result, struct bytes known);

/* "17", "bulk/17" or "online/17": nothing else is sure. ERR_INVALID. */
MUST_USE enum err remote_address(struct cmd *, const char *word,
    struct address *ret_address);
/* A product's hash, or its file, which alone fills in ret_product. */
MUST_USE enum err remote_product(struct cmd *, const char *word,
    struct product *ret_product, uint8_t ret_hash[STORE_HASH_SIZE]);
/* What is checked here against the product wants its file, not its hash:
 * ERR_UNSUPPORTED by way of a server without it. */
MUST_USE enum err product_at_hand(struct cmd *, const char *option);
/* The product that a word names (NAME, NAME@VERSION, first digits of a hash),
 * as the server has it, to be shown: which one a name names is its word.
 * ret_object has hash and time. ERR_NOTFOUND; ERR_AUTH: it is not what was
 * asked for. */
MUST_USE enum err remote_product_get(struct cmd *, const char *word,
    struct product *ret_product, struct store_object *ret_object);
/* The CA of services, for a certificate of key that was answered: both good
 * under the root. */
MUST_USE enum err remote_chain(struct cmd *, struct bytes certificate,
    const struct public_key *key, struct buf *infra);
/* Publish status, for so many days or, 0, what is due: lines, or items of a
 * JSON array, ret_count of them. */
MUST_USE enum err remote_publish(struct cmd *, uint64_t days,
    size_t *ret_count);

/* An approval for the ecosystem of --trust, by the operator's key here
 * (approval.h). The log's size is the server's word, and said to be. */
MUST_USE enum err remote_approve(struct cmd *, const char *what,
    const uint8_t hash[SHA256_SIZE], struct buf *out);

/* The root, and the id of the ecosystem, for --trust. */
void	remote_trust_put(struct buf *, struct bytes root,
    const uint8_t id[ECOSYSTEM_ID_SIZE]);

enum exit_code remote_product_list(struct cmd *);
enum exit_code remote_station_list(struct cmd *);
enum exit_code remote_chip_maker_list(struct cmd *);
enum exit_code remote_manufacturer_list(struct cmd *);
enum exit_code remote_signer_list(struct cmd *);
enum exit_code remote_identity_find(struct cmd *);
/* With --format, --slot or --signer. */
enum exit_code remote_identity_form(struct cmd *);
enum exit_code remote_order_list(struct cmd *);
enum exit_code remote_order_show(struct cmd *);
enum exit_code remote_order_run(struct cmd *);
enum exit_code remote_order_export(struct cmd *);
enum exit_code remote_identity_list(struct cmd *);
enum exit_code remote_identity_show(struct cmd *);

#endif
