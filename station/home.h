/* The files of a station's home, between the files of station/. */
#ifndef IMPRINT_STATION_HOME_H
#define IMPRINT_STATION_HOME_H

#include "station/station.h"

#define HOME_KEYS	"station.keys"
#define HOME_LOCK	"lock"
#define HOME_TRUST	"trust.pem"
#define HOME_LEDGER	"ledger"
#define HOME_SEALING	"keys"
#define HOME_PACKS	"packs"
#define HOME_MACHINE	"machine"

#define INJECT_FIXTURE	"inject"	/* in records, who is a fixture */

/* "home/name"; ERR_LIMIT. */
MUST_USE enum err home_path(const char *home, const char *name,
    char path[PATH_SIZE], struct diag *);
/* Make it if need be, and hold its lock. ERR_BUSY. */
MUST_USE enum err home_lock(const struct io *, const char *home,
    struct file *ret_lock, struct diag *);
/* What a ledger record does to the station; ctx: the station. */
MUST_USE enum err station_told(void *ctx, const struct ledger_record *,
    struct diag *);
/* Does the chain have that hash at that entry? Reads all of it. */
MUST_USE enum err station_point_find(struct station *,
    const struct ledger_point *, bool *ret_found, struct diag *);
/* A file of a pack; what is none is ERR_INVALID, but for a missing one. */
MUST_USE enum err import_regular(const char *path, struct diag *);
/* May the station have this pack? path is for messages. ERR_CONFLICT,
 * ERR_LIMIT. */
MUST_USE enum err import_admit(const struct station *, const struct pack *,
    const char *path, struct diag *);
/* Can records hold the badge and order? ERR_INVALID. */
MUST_USE enum err inject_who_check(const struct station_inject *,
    struct diag *);
/* On record; durable on return. */
MUST_USE enum err import_record(struct station *, const struct pack_header *,
    int64_t now, struct diag *);
struct station_order *station_order_find(struct station *,
    const uint8_t id[PACKAGE_ID_SIZE]);
/* Keys of the maps from devices and names. */
MUST_USE enum err station_device_hash(struct station *, unsigned kind,
    struct bytes device, uint8_t ret_hash[KEYMAP_HASH]);
MUST_USE enum err station_name_hash(struct station *,
    const struct ledger_name *, uint8_t ret_hash[KEYMAP_HASH]);
/* Name and keys out of station.keys into the station. */
MUST_USE enum err home_keys_read(struct station *, struct diag *);
/* Sealing keys after the first; the newest goes into the statement. */
MUST_USE enum err home_sealing_read(struct station *, struct diag *);
/* A copy, or none of a key that is being destroyed. */
MUST_USE enum err home_sealing_take(struct bytes, struct secret *out);
/* Overwrite a key where it stands and forget it. Durable on return. */
MUST_USE enum err home_sealing_destroy(struct station *,
    const uint8_t kid[SHA256_SIZE], struct diag *);
void	station_keys_release(struct station *);
/* Make the statement again if it is missing or of an older key. The caller
 * holds the lock. ret_missing: it was made. */
MUST_USE enum err home_statement_mend(const struct station *,
    bool *ret_missing, struct diag *);
/* Sets moved when another machine worked here last, and writes down this
 * one. The caller holds the lock. */
MUST_USE enum err home_machine_note(struct station *, struct diag *);

#endif
