/* What the station's commands share. */
#ifndef IMPRINT_CMD_STATION_COMMANDS_H
#define IMPRINT_CMD_STATION_COMMANDS_H

#include "cmd/common/cmd.h"
#include "station/station.h"

#define STATION_HOME	"/var/lib/imprint-station"

const char *station_home(const struct cmd *);
/* "8d9e 1f00 ..." of a key's thumbprint, for reading aloud. */
void	fingerprint_print(FILE *, const uint8_t kid[SHA256_SIZE]);
/* Open the station at --home, which nobody else may write to. */
MUST_USE enum err station_get(struct cmd *, enum station_access,
    struct station *);
/* Say once when this home was last worked in on another machine. */
void	moved_warn(struct cmd *, const struct station *);
/* Move the ledger's anchor on; a warning when that cannot be. */
void	anchor_move(struct cmd *, struct station *);
/* "tpm", "file", "program"; NULL: none. */
const char *anchor_kind(const struct station *);
void	hex_print(FILE *, const uint8_t *, size_t);

/* What is to be registered with the authority, and compared there. */
void	statement_print(const struct cmd *, const struct station_statement *);

enum exit_code station_cmd_init(struct cmd *);
enum exit_code station_cmd_trust(struct cmd *);
enum exit_code station_cmd_import(struct cmd *);
enum exit_code station_cmd_form(struct cmd *);
enum exit_code station_cmd_inject(struct cmd *);
enum exit_code station_cmd_status(struct cmd *);
enum exit_code station_cmd_sealed(struct cmd *);
enum exit_code station_cmd_report(struct cmd *);
enum exit_code station_cmd_key_new(struct cmd *);
enum exit_code station_cmd_sync(struct cmd *);
enum exit_code station_cmd_anchor_set(struct cmd *);
enum exit_code station_cmd_anchor_show(struct cmd *);
enum exit_code station_cmd_serve(struct cmd *);
enum exit_code station_cmd_fixture_add(struct cmd *);
enum exit_code station_cmd_fixture_list(struct cmd *);
enum exit_code station_cmd_fixture_remove(struct cmd *);

#endif
