/*
 * Benchmarks: each prints its figure and the floor it is held against,
 * measured in the same run, interleaved with the work.
 */
#ifndef IMPRINT_BENCH_BENCH_H
#define IMPRINT_BENCH_BENCH_H

#include "lib/authority/authority.h"
#include "lib/authority/request.h"
#include "lib/policy/product.h"

struct bench_result {
	double		value;
	double		floor;		/* 0: none */
	double		ratio;		/* as the budget counts it; 0: none */
};

struct bench {
	const char	*name;		/* "issue.direct" */
	const char	*unit;
	const char	*budget;	/* for people: "ratio >= 0.85" */
	/* is the budget kept? */
	bool		(*kept)(const struct bench_result *);
	enum err	(*run)(struct bench_result *, struct diag *);
};

extern const struct bench bench_issue_direct;
extern const struct bench bench_issue_receipt;
extern const struct bench bench_issue_chip;
extern const struct bench bench_issue_device_key;
extern const struct bench bench_storage_bytes;
extern const struct bench bench_verify_document;
extern const struct bench bench_verify_receipt;
extern const struct bench bench_memory_order;
extern const struct bench bench_log_verify;
extern const struct bench bench_status_revoke;
extern const struct bench bench_status_crl;
extern const struct bench bench_status_memory;
extern const struct bench bench_names_import;
extern const struct bench bench_names_bytes;
extern const struct bench bench_names_memory;
extern const struct bench bench_station_handout;
extern const struct bench bench_station_p99;
extern const struct bench bench_station_restart;
extern const struct bench bench_field_enrol;
extern const struct bench bench_field_enrol_p99;
extern const struct bench bench_field_renew;
extern const struct bench bench_field_idle;

/* A scratch folder below build/, emptied at the start of the program. */
extern char bench_dir[PATH_SIZE];

/* An ecosystem with the camera product, the same with receipts, one whose
 * devices make their P-256 key, and one station; unlocked. */
#define BENCH_DIRECT	"camera"
#define BENCH_RECEIPT	"camera-receipt"
#define BENCH_DEVICE	"camera-device"
#define BENCH_STATION	"line-1"
#define BENCH_PASSPHRASE	"bench"
MUST_USE enum err bench_ecosystem(const char *name,
    struct authority **ret_authority, struct diag *);
/* Order count of a product; then run the order. */
MUST_USE enum err bench_order(struct authority *, const char *product,
    uint64_t count, uint32_t *ret_number, struct diag *);
/* One that is there, opened and unlocked. */
MUST_USE enum err bench_open(const char *path,
    struct authority **ret_authority, struct diag *);
/* Sign a request as its operator and have it carried out. */
MUST_USE enum err bench_submit(struct authority *, enum request_type,
    struct bytes body, struct buf *result, struct diag *);
/* The same with the file that the body names. */
MUST_USE enum err bench_submit_file(struct authority *, enum request_type,
    struct bytes body, const struct file *, struct buf *result,
    struct diag *);
/* What the operator does of that: opens their key, which takes long on
 * purpose, and signs. */
MUST_USE enum err bench_request_sign(struct authority *, enum request_type,
    struct bytes body, struct buf *request, struct diag *);
MUST_USE enum err bench_order_run(struct authority *, uint32_t number,
    struct diag *);
/* An order of count identities for keys that their devices made, run;
 * privates[i]: the P-256 key of index i, in an ecosystem without others. */
MUST_USE enum err bench_device_keys(struct authority *, const char *product,
    uint64_t count, uint8_t (*privates)[KEY_PRIVATE_SIZE], struct diag *);
/* Add a product. */
MUST_USE enum err bench_product(struct authority *, const struct product *,
    struct diag *);
/* The middle of count values, which are sorted. */
double	bench_median(double *values, size_t count);
#define BENCH_ROUNDS_MAX	64
/* Of rounds with a rate and the bare one beside it: the middle rate, floor and
 * ratio. Sorts both. */
void	bench_rounds(struct bench_result *, double *rates, double *bare,
    size_t count);

/* A process of its own, "imprint-bench MODE ARGUMENT DIR", which prints
 * count values; and its peak memory. */
#define BENCH_VALUES_MAX 8
MUST_USE enum err bench_child(const char *mode, const char *argument,
    double *values, size_t count, double *ret_peak_mb, struct diag *);

/* --child COUNT: issues so many identities in a new ecosystem; peak memory
 * and bytes on disk but the packs. */
struct bench_child {
	double	peak_mb;
	double	bytes;
};
MUST_USE enum err bench_child_run(uint64_t count, struct bench_child *,
    struct diag *);
int	bench_child_main(const char *count);
/* --child-crl ECOSYSTEM: publishes it again and again. */
int	bench_child_crl(const char *path);
/* --child-names: takes in files of names. */
int	bench_child_names(const char *unused);

#endif
